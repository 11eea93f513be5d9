package machines_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
)

// shortGrace is a kubelet that gives 3 s in all, of which 1 s is for critical pods: Talos' own would take 30 s.
const shortGrace = `machine: {kubelet: {extraConfig: {shutdownGracePeriod: 3s, shutdownGracePeriodCriticalPods: 1s}}}`

// runPodFor runs a pod that takes so long to end as its grace period lets it.
func (k *kube) runPodFor(t *testing.T, node, name string, grace int64, class string) {
	t.Helper()
	_, err := k.client.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: &grace, PriorityClassName: class,
			Containers: []corev1.Container{{Name: "c", Image: "pause"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	k.awaitPhase(t, name, corev1.PodRunning)
}

func (k *kube) awaitPhase(t *testing.T, name string, phase corev1.PodPhase) *corev1.Pod {
	t.Helper()
	var pod *corev1.Pod
	if !eventually(t.Context(), func() bool {
		var err error
		pod, err = k.client.CoreV1().Pods("default").Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && pod.Status.Phase == phase
	}) {
		t.Fatalf("pod %s is never %s: %+v", name, phase, pod.Status)
	}
	return pod
}

// A power button drains nothing: the kubelet ends its pods, the critical ones last, within the time of its own config.
func shutsDown(t *testing.T, k *kube) {
	w := newWorld(t, func(f *machines.Fleet) { f.Region.Timings.Stop = time.Hour }) // the cloud waits for the guest
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("closing"), shortGrace))
	k.awaitNode(t, "closing", readiness(corev1.ConditionTrue))
	k.runPodFor(t, "closing", "short", 1, "")
	k.runPodFor(t, "closing", "long", 600, "")
	k.runPodFor(t, "closing", "critical", 600, "system-node-critical")
	began := time.Now()
	w.stop(vm)
	k.awaitNode(t, "closing", readiness(corev1.ConditionFalse))
	w.awaitState(vm, "stopped")
	if took := time.Since(began); took < 3*time.Second || took >= 30*time.Second {
		t.Errorf("the VM stopped after %s, want the 3 s of its kubelet's config", took)
	}
	ended := map[string]time.Time{}
	for _, name := range []string{"short", "long", "critical"} {
		pod := k.awaitPhase(t, name, corev1.PodFailed)
		if pod.Status.Reason != "Terminated" || pod.Status.ContainerStatuses[0].State.Terminated == nil {
			t.Errorf("pod %s: %+v", name, pod.Status)
			continue
		}
		ended[name] = pod.Status.ContainerStatuses[0].State.Terminated.FinishedAt.Time
	}
	if !ended["short"].Before(ended["long"]) || !ended["long"].Before(ended["critical"]) {
		t.Errorf("ended %v, want the short one first and the critical one last", ended)
	}
	w.expectConsole(vm, "stop.acpi", "stop.kubelet", "stop.off")
	w.refuseConsole(vm, "stop.inhibit")
}

// A kubelet that hangs keeps its inhibit lock: Talos waits for it up to the bound, and then stops the containers itself.
func waitsForTheLock(t *testing.T, k *kube) {
	const bound = 3 * time.Second
	freezer := &machines.Freezer{}
	w := newWorld(t, func(f *machines.Fleet) {
		f.Region.Timings.Stop, f.Freezer, f.InhibitMaxDelay = time.Hour, freezer, bound
	})
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("hanging")))
	k.awaitNode(t, "hanging", readiness(corev1.ConditionTrue))
	k.runPodFor(t, "hanging", "left", 2, "")
	freezer.Freeze(vm)
	k.awaitNode(t, "hanging", readiness(corev1.ConditionUnknown))
	began := time.Now()
	w.stop(vm)
	w.expectConsole(vm, "stop.acpi", "stop.kubelet")
	if state := w.vm(vm).State; time.Since(began) < bound && state != "stopping" {
		t.Errorf("the VM is %s, want it to wait for the lock", state)
	}
	w.awaitState(vm, "stopped")
	if took := time.Since(began); took < bound+2*time.Second {
		t.Errorf("the VM stopped after %s, want the bound of %s and the 2 s of the container", took, bound)
	}
	w.expectConsole(vm, "stop.inhibit", "stop.off")
	k.awaitPhase(t, "left", corev1.PodRunning) // no kubelet has said that it ended
}

// A worker config that the kubelet refuses never becomes a node.
func refusesAGraceThatDoesNotFit(t *testing.T, k *kube) {
	w := newWorld(t, nil)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("unfit"),
		`machine: {kubelet: {extraConfig: {shutdownGracePeriod: 5s, shutdownGracePeriodCriticalPods: 10s}}}`))
	w.expectConsole(vm, "kubelet.crash")
	k.refuseNode(t, "unfit")
}
