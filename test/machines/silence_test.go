package machines_test

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
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

func thaws(t *testing.T, k *kube) {
	freezer := &machines.Freezer{}
	w := newWorld(t, func(f *machines.Fleet) { f.Freezer = freezer })
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("frozen")))
	before := k.awaitNode(t, "frozen", readiness(corev1.ConditionTrue))
	k.awaitLease(t, "frozen")
	k.runPod(t, "frozen")
	freezer.Freeze(vm)
	k.awaitNode(t, "frozen", readiness(corev1.ConditionUnknown))
	w.awaitState(vm, "running")
	w.reboot(vm)
	after := k.awaitNode(t, "frozen", readiness(corev1.ConditionTrue))
	if before.UID != after.UID || before.Status.NodeInfo.BootID == after.Status.NodeInfo.BootID {
		t.Errorf("Node %s with boot ID %s, before %s with %s: want the same Node with another boot ID",
			after.UID, after.Status.NodeInfo.BootID, before.UID, before.Status.NodeInfo.BootID)
	}
	k.awaitRestarts(t, "frozen", 1)
}

// runPod binds a pod to a node and waits until it runs.
func (k *kube) runPod(t *testing.T, node string) {
	t.Helper()
	_, err := k.client.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "on-" + node},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "c", Image: "pause"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	k.awaitRestarts(t, node, 0)
}

// awaitRestarts waits until the pod of a node is ready and its container was started again so often.
func (k *kube) awaitRestarts(t *testing.T, node string, restarts int32) {
	t.Helper()
	var pod *corev1.Pod
	if !eventually(t.Context(), func() bool {
		var err error
		pod, err = k.client.CoreV1().Pods("default").Get(t.Context(), "on-"+node, metav1.GetOptions{})
		return err == nil && len(pod.Status.ContainerStatuses) == 1 && pod.Status.ContainerStatuses[0].RestartCount == restarts &&
			slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue })
	}) {
		t.Fatalf("the pod is not ready after %d restarts: %+v", restarts, pod.Status)
	}
}
