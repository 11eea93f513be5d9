package machines_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
)

func goesSilent(t *testing.T, k *kube) {
	w := newWorld(t, nil)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("silent")))
	k.awaitNode(t, "silent", readiness(corev1.ConditionTrue))
	k.awaitLease(t, "silent")
	w.region.KillVM(vm)
	k.awaitNode(t, "silent", readiness(corev1.ConditionUnknown))
}

func (k *kube) awaitLease(t *testing.T, name string) {
	t.Helper()
	if !eventually(t.Context(), func() bool {
		_, err := k.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil
	}) {
		t.Fatalf("no heartbeat of node %s", name)
	}
}

// Where kwok has made no lease yet, the dying machine makes it.
func TestMachineKilledAsItJoinsGoesSilent(t *testing.T) {
	t.Parallel()
	k := startKubernetes(t, controlplane.Etcd, controlplane.APIServer, controlplane.ControllerManager)
	w := newWorld(t, nil)
	seen := k.firstSight(t, "stillborn")
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("stillborn")))
	receive(t, seen)
	w.region.KillVM(vm)
	k.awaitNode(t, "stillborn", func(n *corev1.Node) bool {
		lease, err := k.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), n.Name, metav1.GetOptions{})
		return err == nil && *lease.Spec.HolderIdentity == n.Name && !readiness(corev1.ConditionTrue)(n)
	})
}

func comesBack(t *testing.T, k *kube) {
	w := newWorld(t, nil)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("returning")))
	before := k.awaitNode(t, "returning", readiness(corev1.ConditionTrue))
	k.awaitLease(t, "returning")
	w.stop(vm)
	k.awaitNode(t, "returning", readiness(corev1.ConditionFalse))
	w.awaitState(vm, "stopped")
	k.awaitNode(t, "returning", readiness(corev1.ConditionUnknown))
	w.start(vm)
	after := k.awaitNode(t, "returning", readiness(corev1.ConditionTrue))
	if before.UID != after.UID {
		t.Error("another Node came back")
	}
	if !eventually(t.Context(), func() bool {
		lease, err := k.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), "returning", metav1.GetOptions{})
		return err == nil && *lease.Spec.HolderIdentity != "returning"
	}) {
		t.Error("kwok does not play the node again")
	}
}
