package controlplane_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
)

func kubeletJoins(t *testing.T, c *controlplane.ControlPlane) {
	kubelet := clientOf(t, join(t, c, "joiner"))
	object := node("joiner", nil)
	object.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/unregistered", Effect: corev1.TaintEffectNoExecute}}
	create(t, kubelet, object)
	eventually(t, "node Ready", func(ctx context.Context) (bool, error) {
		return ready(ctx, kubelet, "joiner") == corev1.ConditionTrue, nil
	})
}

func tokensRefused(t *testing.T, c *controlplane.ControlPlane) {
	good, err := c.BootstrapToken(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := c.BootstrapToken(t.Context(), time.Hour, "system:bootstrappers:strangers")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		token   string
		refused func(error) bool
	}{
		"wrong secret":            {good[:7] + "0123456789abcdef", apierrors.IsUnauthorized},
		"unknown id":              {"zzzzzz.0123456789abcdef", apierrors.IsUnauthorized},
		"group without a binding": {stranger, apierrors.IsForbidden},
		"none: the good one":      {good, func(err error) bool { return err == nil }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := request(t, c, tc.token, "refused")
			if !tc.refused(err) {
				t.Errorf("unexpected answer: %v", err)
			}
		})
	}
}

func nodeRestriction(t *testing.T, c *controlplane.ControlPlane) {
	kubelet := clientOf(t, join(t, c, "restricted"))
	cases := map[string]func(*corev1.Node){
		"another node's name": func(n *corev1.Node) { n.Name = "somebody-else" },
		"role label":          label("node-role.kubernetes.io/worker"),
		"restricted label":    label("node-restriction.kubernetes.io/team"),
		"label of k8s.io":     label("team.k8s.io/name"),
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			object := node("restricted", nil)
			change(object)
			_, err := kubelet.CoreV1().Nodes().Create(t.Context(), object, metav1.CreateOptions{})
			if !apierrors.IsForbidden(err) {
				t.Errorf("want a refusal, got: %v", err)
			}
		})
	}
	allowed := node("restricted", nil)
	label("karpenter.sh/nodepool")(allowed)
	label("node.kubernetes.io/instance-type")(allowed)
	create(t, kubelet, allowed)
	_, err := kubelet.CoreV1().Nodes().Patch(t.Context(), "restricted", "application/merge-patch+json", []byte(`{"spec":{"taints":[{"key":"mine","effect":"NoSchedule"}]}}`), metav1.PatchOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("a node changed its own taints: %v", err)
	}
}

func nodeDiesAndReturns(t *testing.T, c *controlplane.ControlPlane) {
	admin, kubelet := clientOf(t, c.Admin), clientOf(t, join(t, c, "mortal"))
	created := node("mortal", []corev1.NodeCondition{condition(corev1.ConditionFalse)})
	create(t, kubelet, created)
	leases := kubelet.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	eventually(t, "Lease taken by kwok", func(ctx context.Context) (bool, error) {
		_, err := leases.Get(ctx, "mortal", metav1.GetOptions{})
		return err == nil, nil
	})
	if got := ready(t.Context(), kubelet, "mortal"); got != corev1.ConditionFalse {
		t.Fatalf("kwok changed the Ready condition that the machine had posted to %q", got)
	}
	postReady(t, kubelet)
	running := runningPod(t, admin, "mortal", "before")
	create(t, admin, node("immortal", nil))

	eventually(t, "Lease taken from kwok", func(ctx context.Context) (bool, error) {
		lease, err := leases.Get(ctx, "mortal", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		holder, long := "mortal", int32(2_000_000)
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = &holder, &long
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
		return err == nil, nil // a conflict means that kwok renewed in between
	})
	eventually(t, "node Unknown", func(ctx context.Context) (bool, error) {
		return ready(ctx, kubelet, "mortal") == corev1.ConditionUnknown, nil
	})
	if err := admin.CoreV1().Pods(running.Namespace).Delete(t.Context(), running.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	late := bind(t, admin, "mortal", "while-dead")
	runningPod(t, admin, "immortal", "fence") // kwok takes pods in order: it has seen the two before
	whileDead, err := admin.CoreV1().Pods(late.Namespace).Get(t.Context(), late.Name, metav1.GetOptions{})
	if err != nil || whileDead.Status.Phase != corev1.PodPending {
		t.Errorf("a pod of a dead node was played: %v %v", whileDead.Status.Phase, err)
	}
	if _, err := admin.CoreV1().Pods(running.Namespace).Get(t.Context(), running.Name, metav1.GetOptions{}); err != nil {
		t.Errorf("a pod of a dead node was ended: %v", err)
	}

	if err := leases.Delete(t.Context(), "mortal", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	postReady(t, kubelet)
	eventually(t, "pods played again", func(ctx context.Context) (bool, error) {
		_, gone := admin.CoreV1().Pods(running.Namespace).Get(ctx, running.Name, metav1.GetOptions{})
		got, err := admin.CoreV1().Pods(late.Namespace).Get(ctx, late.Name, metav1.GetOptions{})
		return err == nil && apierrors.IsNotFound(gone) && got.Status.Phase == corev1.PodRunning, err
	})
}

// runningPod puts a pod on the node and waits until it runs.
func runningPod(t *testing.T, client kubernetes.Interface, node, name string) *corev1.Pod {
	t.Helper()
	created := bind(t, client, node, name)
	eventually(t, "pod Running", func(ctx context.Context) (bool, error) {
		got, err := client.CoreV1().Pods(created.Namespace).Get(ctx, name, metav1.GetOptions{})
		return err == nil && got.Status.Phase == corev1.PodRunning, err
	})
	return created
}

func bind(t *testing.T, client kubernetes.Interface, node, name string) *corev1.Pod {
	t.Helper()
	created, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName: node, Containers: []corev1.Container{{Name: "pause", Image: "pause"}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, // or the taint manager ends it
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func condition(status corev1.ConditionStatus) corev1.NodeCondition {
	return corev1.NodeCondition{Type: corev1.NodeReady, Status: status, Reason: "Test", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}
}

func postReady(t *testing.T, kubelet kubernetes.Interface) {
	t.Helper()
	eventually(t, "Ready posted", func(ctx context.Context) (bool, error) {
		got, err := kubelet.CoreV1().Nodes().Get(ctx, "mortal", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		got.Status.Conditions = []corev1.NodeCondition{condition(corev1.ConditionTrue)}
		_, err = kubelet.CoreV1().Nodes().UpdateStatus(ctx, got, metav1.UpdateOptions{})
		return err == nil, nil // a conflict: the node controller wrote in between
	})
}

func ready(ctx context.Context, client kubernetes.Interface, name string) corev1.ConditionStatus {
	got, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	for _, c := range got.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return ""
}

func label(key string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Labels[key] = "x" }
}

// join gets a node certificate as a kubelet does, from a bootstrap token.
func join(t *testing.T, c *controlplane.ControlPlane, name string) *rest.Config {
	t.Helper()
	token, err := c.BootstrapToken(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	config, wait, err := request(t, c, token, name)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	config.BearerToken, config.CertData = "", certificate
	return config
}

// request asks for a node certificate; the function it returns waits for the signature.
func request(t *testing.T, c *controlplane.ControlPlane, token, name string) (*rest.Config, func() ([]byte, error), error) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := cert.MakeCSR(key, &pkix.Name{CommonName: "system:node:" + name, Organization: []string{"system:nodes"}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	config := &rest.Config{Host: c.URL, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: c.CA}}
	client := clientOf(t, config)
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	requested, uid, err := csr.RequestCertificateWithContext(t.Context(), client, body, "", certificatesv1.KubeAPIServerClientKubeletSignerName, nil, usages, key)
	config.KeyData = keyPEM
	return config, func() ([]byte, error) { return csr.WaitForCertificate(t.Context(), client, requested, uid) }, err
}
