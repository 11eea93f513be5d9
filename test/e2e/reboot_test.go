//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestSilentNodesAreRebootedFirst freezes kubelets: their machines live, and say nothing.
func TestSilentNodesAreRebootedFirst(t *testing.T) {
	w := start(t, sandbox.Options{
		NodeGracePeriod: 10 * time.Second,
		ControllerEnv:   []string{"FEATURE_GATES=NodeRepair=true", "REPAIR_SILENT_AFTER=1s"},
	})
	w.run(3)
	t.Run("and come back under the same NodeClaim with their pods", func(t *testing.T) {
		w := w.in(t)
		before := w.victim()
		w.Freezer().Freeze(before.vm.ID)
		w.awaitReboot(before)
		w.wantReboots(1)
	})
	t.Run("once, also if the controller dies before the answer", func(t *testing.T) {
		w := w.in(t)
		w.fault(oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultSlowReply, Delay: 10 * time.Minute, Times: 1})
		before := w.victim()
		w.Freezer().Freeze(before.vm.ID)
		w.await("the reboot in the region", func(context.Context) error {
			if vm := w.vm(before.vm.ID); vm.Boots == before.vm.Boots {
				return fmt.Errorf("VM %s was not rebooted", vm.ID)
			}
			return nil
		})
		w.restart()
		w.awaitReboot(before)
		w.wantReboots(2)
	})
	t.Run("and are replaced if that does not help", func(t *testing.T) {
		w := w.in(t)
		before := w.victim()
		w.Freezer().FreezeForever(before.vm.ID)
		w.await("a reboot that does not help", func(ctx context.Context) error {
			claim, err := w.claim(ctx, before.claim.Name)
			if err == nil && claim.StatusConditions().Get(karpv1.ConditionTypeRebooting).Reason != karpv1.RebootReasonIssued {
				err = errNotYet
			}
			return err
		})
		w.wantReboots(3)
		w.passObservation(before.claim.Name)
		w.awaitReplaced(before)
		w.wantReboots(3)
	})
	t.Run("and are replaced at once if their VM is stopped", func(t *testing.T) {
		w := w.in(t)
		before := w.victim()
		if !w.Region.StopVM(before.vm.ID) {
			t.Fatalf("VM %s cannot be stopped", before.vm.ID)
		}
		w.awaitReplaced(before)
		w.wantReboots(3)
	})
	w.oneVMEach()
	w.clear()
}

// victim is one node with all that belongs to it, before something happens to it.
type victim struct {
	vm    oapitest.VM
	claim karpv1.NodeClaim
	node  corev1.Node
	pods  []corev1.Pod
}

// victim returns a node on which pods run.
func (w *world) victim() victim {
	w.t.Helper()
	state := w.state()
	v := victim{claim: state.NodeClaims[0]}
	for _, vm := range w.Region.VMs() {
		if vm.Tags[tagNodeClaim] == v.claim.Name {
			v.vm = vm
		}
	}
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: v.claim.Status.NodeName}, &v.node))
	v.pods = w.podsOn(v.node.Name)
	if v.vm.ID == "" || len(v.pods) == 0 {
		w.t.Fatalf("NodeClaim %s has VM %q and %d pods", v.claim.Name, v.vm.ID, len(v.pods))
	}
	return v
}

func (w *world) podsOn(node string) []corev1.Pod {
	w.t.Helper()
	var pods corev1.PodList
	w.must(w.Client.List(w.t.Context(), &pods, client.InNamespace("default")))
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.Spec.NodeName != node })
}

func (w *world) claim(ctx context.Context, name string) (*karpv1.NodeClaim, error) {
	claim := &karpv1.NodeClaim{}
	err := w.Client.Get(ctx, client.ObjectKey{Name: name}, claim)
	return claim, err
}

func (w *world) vm(id string) oapitest.VM {
	w.t.Helper()
	for _, vm := range w.Region.VMs() {
		if vm.ID == id {
			return vm
		}
	}
	w.t.Fatalf("no VM %s", id)
	return oapitest.VM{}
}

// awaitReboot waits until the node is back: the same NodeClaim, Node and VM, another boot, and its pods run again.
func (w *world) awaitReboot(before victim) {
	w.t.Helper()
	w.await("the node back after a reboot", func(ctx context.Context) error {
		claim, err := w.claim(ctx, before.claim.Name)
		if err != nil {
			return err
		}
		var node corev1.Node
		if err := w.Client.Get(ctx, client.ObjectKeyFromObject(&before.node), &node); err != nil {
			return err
		}
		rebooting := claim.StatusConditions().Get(karpv1.ConditionTypeRebooting)
		switch {
		case claim.UID != before.claim.UID || node.UID != before.node.UID:
			return fmt.Errorf("NodeClaim %s or its Node was replaced", claim.Name)
		case node.Status.NodeInfo.BootID == before.node.Status.NodeInfo.BootID:
			return errors.New("the same boot ID")
		case rebooting == nil || rebooting.Reason != karpv1.RebootReasonSucceeded || !initialized(claim) || !ready(&node):
			return fmt.Errorf("Rebooting %+v, initialized %t, ready %t", rebooting, initialized(claim), ready(&node))
		}
		return nil
	})
	if vm := w.vm(before.vm.ID); vm.Boots != before.vm.Boots+1 {
		w.t.Errorf("VM %s was started %d times since, want once", vm.ID, vm.Boots-before.vm.Boots)
	}
	w.await("its pods running again", func(context.Context) error {
		after := w.podsOn(before.node.Name)
		for _, pod := range before.pods {
			if !slices.ContainsFunc(after, func(p corev1.Pod) bool { return p.UID == pod.UID && restarted(&p) }) {
				return fmt.Errorf("pod %s did not start again on its node", pod.Name)
			}
		}
		return nil
	})
}

// restarted reports whether the containers of a pod run after another start.
func restarted(pod *corev1.Pod) bool {
	return len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].RestartCount > 0 &&
		slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue })
}

// passObservation moves the clock of one reboot: Karpenter watches a node for 20 minutes, from the moment that
// Initialized turned Unknown.
func (w *world) passObservation(claimName string) {
	w.t.Helper()
	w.await("the reboot older than 20 minutes", func(ctx context.Context) error {
		claim, err := w.claim(ctx, claimName)
		if client.IgnoreNotFound(err) != nil || err != nil {
			return client.IgnoreNotFound(err)
		}
		stored := claim.DeepCopy()
		for i := range claim.Status.Conditions {
			if claim.Status.Conditions[i].Type == karpv1.ConditionTypeInitialized {
				claim.Status.Conditions[i].LastTransitionTime = metav1.NewTime(time.Now().Add(-21 * time.Minute))
			}
		}
		return w.Client.Status().Patch(ctx, claim, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{}))
	})
}

// awaitReplaced waits until NodeClaim, Node and VM are gone and all pods run elsewhere.
func (w *world) awaitReplaced(before victim) {
	w.t.Helper()
	w.await("the NodeClaim replaced", func(ctx context.Context) error {
		if _, err := w.claim(ctx, before.claim.Name); err == nil {
			return fmt.Errorf("NodeClaim %s is there", before.claim.Name)
		} else if client.IgnoreNotFound(err) != nil {
			return err
		}
		if state := w.vm(before.vm.ID).State; state != "terminated" {
			return fmt.Errorf("VM %s is %s", before.vm.ID, state)
		}
		return nil
	})
	w.await("3 pods running", w.PodsRun(3))
}

// wantReboots fails unless the controller has called RebootVms so often, answered or not.
func (w *world) wantReboots(calls int) {
	w.t.Helper()
	if n := w.Region.Calls()["RebootVms"]; n != calls {
		w.t.Errorf("%d calls of RebootVms, want %d", n, calls)
	}
}
