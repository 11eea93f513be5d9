package controlplane_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
)

func TestForTestServesTheAPIWithoutControllers(t *testing.T) {
	client := clientOf(t, controlplane.ForTest(t))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "rules"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if version.GitVersion != controlplane.KubernetesVersion {
		t.Errorf("the API server says it is %s, want %s", version.GitVersion, controlplane.KubernetesVersion)
	}
}

// TestStartSurvivesAPortTakenAtTheLastMoment takes the port of the API server once etcd is ready.
func TestStartSurvivesAPortTakenAtTheLastMoment(t *testing.T) {
	taker := &taker{t: t, dir: t.TempDir()}
	c, err := controlplane.Start(t.Context(), controlplane.Options{
		Components: []string{controlplane.Etcd, controlplane.APIServer}, Dir: taker.dir, Progress: taker,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if taker.url == "" || taker.url == c.URL {
		t.Errorf("the API server is at %s, the port taken was that of %q", c.URL, taker.url)
	}
	if _, err := clientOf(t, c.Admin).CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

// taker is told the progress of a start, and listens on the port of the API server before that does.
type taker struct {
	t        *testing.T
	dir, url string
}

func (k *taker) Write(progress []byte) (int, error) {
	if k.url == "" && strings.HasPrefix(string(progress), "etcd is ready") {
		config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(k.dir, "admin.kubeconfig"))
		if err != nil {
			return 0, err
		}
		k.url = config.Host
		listener, err := new(net.ListenConfig).Listen(k.t.Context(), "tcp", strings.TrimPrefix(k.url, "https://"))
		if err != nil {
			return 0, err
		}
		k.t.Cleanup(func() { _ = listener.Close() })
	}
	return os.Stderr.Write(progress)
}

// TestControlPlane shares one control plane among subtests that use nodes and namespaces of their own.
func TestControlPlane(t *testing.T) {
	c := start(t, controlplane.Options{NodeGracePeriod: 10 * time.Second})
	t.Run("kubelet joins by bootstrap token", func(t *testing.T) { kubeletJoins(t, c) })
	t.Run("refused bootstrap tokens", func(t *testing.T) { tokensRefused(t, c) })
	t.Run("NodeRestriction", func(t *testing.T) { nodeRestriction(t, c) })
	t.Run("pod runs on a node that kwok plays", func(t *testing.T) { podRuns(t, c) })
	t.Run("node dies when its Lease is taken and comes back", func(t *testing.T) { nodeDiesAndReturns(t, c) })
	t.Run("ServiceAccount token", func(t *testing.T) { serviceAccountToken(t, c) })
	t.Run("killed components come back", func(t *testing.T) { killedComponentsReturn(t, c) })
}

func TestStopLeavesNoProcessAndNoDirectory(t *testing.T) {
	c, err := controlplane.Start(t.Context(), controlplane.Options{Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	pids := c.PIDs()
	if len(pids) != 5 {
		t.Errorf("want five processes, got %v", pids)
	}
	c.Stop()
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s (%d) still runs: %v", name, pid, err)
		}
	}
	if _, err := os.Stat(c.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", c.Dir, err)
	}
}

func TestEarlyDeathNamesTheComponentAndItsLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/etcd", []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := controlplane.Start(t.Context(), controlplane.Options{Dir: dir, Components: []string{controlplane.Etcd}})
	if err == nil || !strings.Contains(err.Error(), "etcd ended by itself") || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("want the component and the reason in its log, got: %v", err)
	}
}

func killedComponentsReturn(t *testing.T, c *controlplane.ControlPlane) {
	admin := clientOf(t, c.Admin)
	for _, name := range []string{controlplane.Etcd, controlplane.APIServer, controlplane.ControllerManager} {
		if err := c.Kill(name); err != nil {
			t.Fatal(err)
		}
		if err := c.Restart(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "namespace served again", func(ctx context.Context) (bool, error) {
		_, err := admin.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	select {
	case err := <-c.Ended():
		t.Errorf("a component that was killed on purpose is reported: %v", err)
	default:
	}
}

func serviceAccountToken(t *testing.T, c *controlplane.ControlPlane) {
	config, err := c.ServiceAccountConfig(t.Context(), metav1.NamespaceDefault, "default")
	if err != nil {
		t.Fatal(err)
	}
	_, err = clientOf(t, config).CoreV1().Secrets(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:serviceaccount:default:default") {
		t.Errorf("want a refusal that names the ServiceAccount, got: %v", err)
	}
}

func podRuns(t *testing.T, c *controlplane.ControlPlane) {
	client := clientOf(t, c.Admin)
	create(t, client, node("plain", nil))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "plain", Namespace: metav1.NamespaceDefault},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{corev1.LabelHostname: "plain"},
			Containers:   []corev1.Container{{Name: "pause", Image: "pause"}},
		},
	}
	if _, err := client.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pod Running on the node", func(ctx context.Context) (bool, error) {
		got, err := client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && got.Status.Phase == corev1.PodRunning && got.Spec.NodeName == "plain", err
	})
}

func start(t *testing.T, options controlplane.Options) *controlplane.ControlPlane {
	t.Helper()
	options.Progress = os.Stderr
	options.Dir = t.TempDir()
	c, err := controlplane.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func clientOf(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// node is one that kwok plays, with the conditions given.
func node(name string, conditions []corev1.NodeCondition) *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{corev1.LabelHostname: name},
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
		},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity, Conditions: conditions,
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.1.88"}},
		},
	}
}

func create(t *testing.T, client kubernetes.Interface, object *corev1.Node) {
	t.Helper()
	if _, err := client.CoreV1().Nodes().Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, condition wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 2*time.Minute, true, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
