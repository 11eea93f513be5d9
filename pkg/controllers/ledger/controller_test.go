package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestAnEndIsAnEventAndALineOfTheRing(t *testing.T) {
	w := newWorld(t)
	w.update(func(c *karpv1.NodeClaim) { c.Labels[corev1.LabelInstanceTypeStable] = "tinav6.c2r4p2" })
	w.update(func(c *karpv1.NodeClaim) {
		c.StatusConditions().SetTrueWithReason(karpv1.ConditionTypeDisruptionReason, "Empty", "Empty")
	})
	w.delete(w.claim())
	w.hear()
	if wait := w.look(); wait != 0 {
		t.Errorf("an end that is observed waits for %s", wait)
	}
	end := w.wantEnd(ledger.CauseEmpty, ledger.Observed, "Normal ", "NodeClaimEnded", "no pod needed")
	if end.NodePool != "default" || end.NodeClass != "default" || end.Node != "default-a" || end.Type != "tinav6.c2r4p2" ||
		end.VM == "" || end.VMState != vm.StateRunning || !end.Registered || end.Console != nil {
		t.Errorf("wrote %+v", end)
	}
	if !slices.ContainsFunc(w.said, func(text string) bool { return strings.HasPrefix(text, "Normal Node/default-a NodeClaimEnded") }) {
		t.Errorf("said %q, want it on the Node as well", w.said)
	}
}

func TestAnEndIsWrittenOnce(t *testing.T) {
	w := newWorld(t)
	w.delete(w.claim())
	w.hear()
	w.lookUntilWritten()
	w.hear()
	w.lookUntilWritten()
	w.wantEnd(ledger.CauseDeletedByHand, ledger.ByElimination)
	w.restart()
	w.hearStart()
	w.lookUntilWritten()
	w.wantEnd(ledger.CauseDeletedByHand, ledger.ByElimination)
	w.hearGone()
	w.lookUntilWritten()
	w.wantEnd(ledger.CauseDeletedByHand, ledger.ByElimination)
	if n := len(w.witness.ends); n != 0 {
		t.Errorf("%d NodeClaims that are gone are remembered", n)
	}
}

func TestAnEndThatBeganBeforeTheProcessIsWritten(t *testing.T) {
	w := newWorld(t)
	w.delete(w.claim())
	w.restart()
	w.hearStart()
	w.lookUntilWritten()
	w.wantEnd(ledger.CauseDeletedByHand, ledger.ByElimination)
}

func TestAnEndOfANodeClaimThatIsGoneAlreadyIsWritten(t *testing.T) {
	w := newWorld(t)
	w.delete(w.claim())
	w.hearGone()
	w.lookUntilWritten()
	w.wantEnd(ledger.CauseDeletedByHand, ledger.ByElimination)
	if n := len(w.witness.ends); n != 0 {
		t.Errorf("%d NodeClaims that are gone are remembered", n)
	}
}

// Who deletes a NodeClaim leaves the reason on it just after.
func TestAReasonThatComesALittleLaterIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.region.StopVM(w.claimVM())
	w.clock.Step(10 * time.Second)
	w.delete(w.claim())
	w.hear()
	if w.look() == 0 {
		t.Fatal("what is by elimination was written at once")
	}
	w.must(ledger.Explain(t.Context(), w.kube, w.claim(), ledger.Decided{Cause: ledger.CauseHostFailed, Why: "the host failed"}))
	w.hear()
	w.lookUntilWritten()
	end := w.wantEnd(ledger.CauseHostFailed, ledger.Observed, "Warning ", "the host failed")
	if end.VMState != vm.StateStopped || !strings.HasPrefix(end.StateReason, "Client.Api") {
		t.Errorf("wrote %+v, want what Outscale says of the VM", end)
	}
}

// claimVM is the ID of the VM.
func (w *world) claimVM() string {
	w.t.Helper()
	id := w.claim().Status.ProviderID
	return id[strings.LastIndex(id, "/")+1:]
}

// never makes the NodeClaim one that did not register before its timeout.
func (w *world) never() {
	w.t.Helper()
	w.delete(w.node())
	w.update(func(c *karpv1.NodeClaim) {
		c.Status.NodeName = ""
		for i := range c.Status.Conditions {
			if c.Status.Conditions[i].Type == karpv1.ConditionTypeRegistered {
				c.Status.Conditions[i].Status = metav1.ConditionUnknown
				c.Status.Conditions[i].LastTransitionTime = metav1.NewTime(time.Now().Add(-16 * time.Minute))
			}
		}
	})
}

func TestAMachineThatNeverJoinedEndsWithItsConsole(t *testing.T) {
	w := newWorld(t)
	w.never()
	w.delete(w.claim())
	w.hear()
	if w.look() == 0 {
		t.Fatal("the end was written before its console was read")
	}
	w.must(ledger.KeepConsole(t.Context(), w.kube, w.claim(), ledger.Console{
		ID: "kubelet.flag", Diagnosis: "the kubelet does not know the flag --x", Remedy: "remove it", Line: "unknown flag: --x",
	}))
	w.hear()
	w.lookUntilWritten()
	end := w.wantEnd(ledger.CauseBootFailed, ledger.Observed,
		"Warning ", " BootFailed: ", "the kubelet does not know the flag --x [kubelet.flag]", "remove it", "unknown flag: --x")
	if end.Console == nil || end.Console.ID != "kubelet.flag" || end.Registered {
		t.Errorf("wrote %+v", end)
	}
}

func TestAnEndWaitsForAConsoleOnlySoLong(t *testing.T) {
	w := newWorld(t)
	w.never()
	w.delete(w.claim())
	w.hear()
	before := w.clock.Now()
	w.lookUntilWritten()
	if waited := w.clock.Since(before); waited > time.Minute {
		t.Errorf("waited for %s", waited)
	}
	end := w.wantEnd(ledger.CauseBootFailed, ledger.Observed, "was not read")
	if end.Console == nil || end.Console.ID != "" {
		t.Errorf("wrote %+v", end)
	}
}

func TestAVMThatIsGoneIsTheCause(t *testing.T) {
	w := newWorld(t)
	w.region.KillVM(w.claimVM())
	w.delete(w.claim())
	w.hear()
	w.lookUntilWritten()
	w.wantEnd(ledger.CauseVMGone, ledger.ByElimination, w.claimVM())
}

// The deletion of a VM is what the end of a NodeClaim costs, and not its cause.
func TestAVMThatKarpenterDeletedIsNoCause(t *testing.T) {
	for how, deleteVM := range map[string]func(*world){
		"this process": func(w *world) { w.must(w.vms.Delete(w.t.Context(), w.claimVM())) },
		"the process before": func(w *world) {
			w.region.KillVM(w.claimVM())
			w.update(func(c *karpv1.NodeClaim) { c.StatusConditions().SetTrue(karpv1.ConditionTypeInstanceTerminating) })
		},
	} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			w.delete(w.claim())
			deleteVM(w)
			w.hear()
			w.lookUntilWritten()
			if end := w.wantEnd(ledger.CauseDeletedByHand, ledger.ByElimination); end.VMState != "" || end.VM == "" {
				t.Errorf("wrote %+v", end)
			}
		})
	}
}

func TestAnEndIsWrittenThoughOutscaleDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	w.clock.Step(time.Minute)
	w.must(w.region.AddFault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultError, Code: "4000", Status: 403}))
	w.delete(w.claim())
	w.hear()
	w.lookUntilWritten()
	if end := w.wantEnd(ledger.CauseDeletedByHand, ledger.ByElimination); end.VMState != "" {
		t.Errorf("wrote %+v", end)
	}
}

func TestAnEndIsToldThoughTheRingCannotBeKept(t *testing.T) {
	w := newWorld(t)
	w.must(w.kube.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "karpenter", Name: "ends"}}))
	w.delete(w.claim())
	w.hear()
	w.lookUntilWritten()
	if len(w.said) != 2 {
		t.Errorf("said %q", w.said)
	}
}

func TestANodeClaimOfAnotherProviderIsNotOurs(t *testing.T) {
	w := newWorld(t)
	w.update(func(c *karpv1.NodeClaim) { c.Spec.NodeClassRef.Group = "karpenter.k8s.aws" })
	w.delete(w.claim())
	w.hear()
	w.lookUntilWritten()
	if len(w.said)+len(w.ends()) != 0 {
		t.Errorf("said %q", w.said)
	}
}
