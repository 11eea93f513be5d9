package machines_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
)

// kube is the control plane with the eyes of its administrator.
type kube struct {
	*controlplane.ControlPlane
	client kubernetes.Interface
}

func withKwok() []string {
	return []string{controlplane.Etcd, controlplane.APIServer, controlplane.ControllerManager, controlplane.Kwok}
}

func startKubernetes(t *testing.T, components ...string) *kube {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{
		Components: components,
		Dir:        t.TempDir(), NodeGracePeriod: 8 * time.Second, Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plane.Stop)
	client, err := kubernetes.NewForConfig(plane.Admin)
	if err != nil {
		t.Fatal(err)
	}
	return &kube{ControlPlane: plane, client: client}
}

// cluster is the part of a worker config that belongs to this control plane, with a token that is good for an hour.
func (k *kube) cluster(t *testing.T, lifetime time.Duration, groups ...string) cluster {
	t.Helper()
	token, err := k.BootstrapToken(t.Context(), lifetime, groups...)
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t)
	c.endpoint, c.kubernetesCA, c.token = k.URL, k.CA, token
	return c
}

func named(name string) string {
	return fmt.Sprintf("apiVersion: v1alpha1\nkind: HostnameConfig\nauto: off\nhostname: %s\n", name)
}

// awaitNode waits until the Node fulfils the condition.
func (k *kube) awaitNode(t *testing.T, name string, condition func(*corev1.Node) bool) *corev1.Node {
	t.Helper()
	var node *corev1.Node
	if !eventually(t.Context(), func() bool {
		got, err := k.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		node = got
		return condition(node)
	}) {
		t.Fatalf("node %s never fulfilled the condition: %+v", name, node)
	}
	return node
}

func (k *kube) awaitNoNode(t *testing.T, name string) {
	t.Helper()
	if !eventually(t.Context(), func() bool {
		_, err := k.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}) {
		t.Fatalf("node %s is still there", name)
	}
}

func (k *kube) refuseNode(t *testing.T, name string) {
	t.Helper()
	if _, err := k.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("node %s joined (%v)", name, err)
	}
}

func readiness(want corev1.ConditionStatus) func(*corev1.Node) bool {
	return func(n *corev1.Node) bool {
		return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == want
		})
	}
}

// firstSight is each Node as it was created.
func (k *kube) firstSight(t *testing.T, name string) <-chan *corev1.Node {
	t.Helper()
	w, err := k.client.CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	out := make(chan *corev1.Node, 1)
	go func() {
		for event := range w.ResultChan() {
			if node, ok := event.Object.(*corev1.Node); ok && event.Type == watch.Added {
				out <- node
				return
			}
		}
	}()
	return out
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case v := <-from:
		return v
	case <-ctx.Done():
		t.Fatal("nothing came")
	}
	return *new(T)
}
