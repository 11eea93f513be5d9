package cloudprovider_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// rebootWorld is a world with one running VM and its NodeClaim.
type rebootWorld struct {
	*world
	t     *testing.T
	clock *clocktesting.FakeClock
	claim *karpv1.NodeClaim
}

func newRebootWorld(t *testing.T) *rebootWorld {
	t.Helper()
	w := &rebootWorld{t: t, clock: clocktesting.NewFakeClock(time.Now())}
	w.world = newWorld(t, &oapitest.Region{Clock: w.clock}, nil)
	w.claim = w.launch(t, "default-a1")
	w.clock.Step(w.region.Timings.Boot)
	w.restart(t) // with a snapshot in which the VM runs
	return w
}

// vmID is the VM of the NodeClaim.
func (w *rebootWorld) vmID() string { return w.machines()[0].ID }

func (w *rebootWorld) fault(fault oapitest.Fault) {
	w.t.Helper()
	if err := w.region.AddFault(fault); err != nil {
		w.t.Fatal(err)
	}
}

// reboot calls Reboot as core does, with the NodeClaim of its cache.
func (w *rebootWorld) reboot(operation string) error {
	w.t.Helper()
	return w.Reboot(ctx(w.t), w.stored(), operation)
}

func (w *rebootWorld) stored() *karpv1.NodeClaim {
	w.t.Helper()
	claim := &karpv1.NodeClaim{}
	if err := w.kube.Get(w.t.Context(), client.ObjectKeyFromObject(w.claim), claim); err != nil {
		w.t.Fatal(err)
	}
	return claim
}

func (w *rebootWorld) wantReboots(calls, boots int) {
	w.t.Helper()
	w.clock.Step(time.Minute)
	if n := w.region.Calls()["RebootVms"]; n != calls {
		w.t.Errorf("%d calls of RebootVms, want %d", n, calls)
	}
	for _, v := range w.machines() {
		if v.ID == w.vmID() && v.Boots != boots {
			w.t.Errorf("the VM was started %d times, want %d", v.Boots, boots)
		}
	}
}

// age makes the recorded call look older than it is.
func (w *rebootWorld) age(by time.Duration) {
	w.t.Helper()
	claim := w.stored()
	var record struct {
		Operation string    `json:"operation"`
		SentAt    time.Time `json:"sentAt"`
	}
	if err := json.Unmarshal([]byte(claim.Annotations["karpenter.outscale.com/reboot"]), &record); err != nil {
		w.t.Fatal(err)
	}
	record.SentAt = record.SentAt.Add(-by)
	text, err := json.Marshal(record)
	if err != nil {
		w.t.Fatal(err)
	}
	claim.Annotations["karpenter.outscale.com/reboot"] = string(text)
	if err := w.kube.Update(w.t.Context(), claim); err != nil {
		w.t.Fatal(err)
	}
}

func TestOneOperationIsOneRebootAlsoAfterARestart(t *testing.T) {
	w := newRebootWorld(t)
	for range 2 {
		for range 2 {
			if err := w.reboot("operation-1"); err != nil {
				t.Fatal(err)
			}
		}
		w.restart(t)
	}
	w.wantReboots(1, 2)
	if err := w.reboot("operation-2"); err != nil {
		t.Fatal(err)
	}
	w.wantReboots(2, 3)
}

func TestARebootWhoseAnswerIsLostIsNotRepeatedBeforeTheBootIDHadTimeToChange(t *testing.T) {
	for name, kind := range map[string]oapitest.FaultKind{"lost reply": oapitest.FaultLostReply, "500 after the effect": oapitest.FaultErrorAfter} {
		t.Run(name, func(t *testing.T) {
			w := newRebootWorld(t)
			w.fault(oapitest.Fault{Call: "RebootVms", Kind: kind, Times: 1})
			for range 3 {
				if err := w.reboot("operation-1"); err == nil || karp.IsNodeRebootFailedError(err) {
					t.Fatalf("got %v, want an error that core retries", err)
				}
				w.restart(t)
			}
			w.wantReboots(1, 2)
			// Core would have seen another boot ID by now: the call had no effect after all.
			w.age(2 * time.Minute)
			if err := w.reboot("operation-1"); err != nil {
				t.Fatal(err)
			}
			w.wantReboots(2, 3)
		})
	}
}

func TestAThrottledRebootIsRetriedAtOnce(t *testing.T) {
	w := newRebootWorld(t)
	w.fault(oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultThrottle, Times: 4}) // one more than the client's own retries
	if err := w.reboot("operation-1"); err == nil || karp.IsNodeRebootFailedError(err) {
		t.Fatalf("got %v, want an error that core retries", err)
	}
	if err := w.reboot("operation-1"); err != nil {
		t.Fatal(err)
	}
	w.wantReboots(5, 2)
}

func TestAForbiddenRebootFailsAtOnceAndSaysWhatToAdd(t *testing.T) {
	w := newRebootWorld(t)
	w.fault(oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultError, Code: "1", Status: 401})
	if err := w.reboot("operation-1"); !karp.IsNodeRebootFailedError(err) {
		t.Fatalf("got %v, want NodeRebootFailed", err)
	}
	if event := <-w.events.Events; !strings.Contains(event, "RebootForbidden") || !strings.Contains(event, "api:RebootVms") {
		t.Errorf("event %q does not name the permission", event)
	}
	w.wantReboots(1, 1)
}

// The client keeps a call back for a minute after its refusal. That is no refusal of its own: the key may be repaired by then.
func TestARebootThatWasKeptBackIsRetriedAndReplacesNothing(t *testing.T) {
	w := newRebootWorld(t)
	w.fault(oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultError, Code: "1", Status: 401, Times: 1})
	if err := w.reboot("operation-1"); !karp.IsNodeRebootFailedError(err) {
		t.Fatalf("got %v, want NodeRebootFailed", err)
	}
	if err := w.reboot("operation-2"); err == nil || karp.IsNodeRebootFailedError(err) {
		t.Errorf("got %v, want an error that core retries", err)
	}
	w.wantReboots(1, 1)
}

func TestOnlyOurOwnRunningVMIsRebooted(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*rebootWorld, *karpv1.NodeClaim)
		want  func(error) bool
	}{
		"stopped": {func(w *rebootWorld, _ *karpv1.NodeClaim) {
			w.region.StopVM(w.vmID())
			w.clock.Step(time.Minute)
		}, karp.IsNodeRebootFailedError},
		"somebody else's": {func(w *rebootWorld, claim *karpv1.NodeClaim) {
			claim.Status.ProviderID = "aws:///eu-west-2a/" + w.region.Fixture().ControlPlane[0]
		}, karp.IsNodeRebootFailedError},
		"gone": {func(w *rebootWorld, _ *karpv1.NodeClaim) { w.region.KillVM(w.vmID()) }, karp.IsNodeClaimNotFoundError},
		"none": {func(_ *rebootWorld, claim *karpv1.NodeClaim) { claim.Status.ProviderID = "" }, karp.IsNodeClaimNotFoundError},
		"unreadable": {func(w *rebootWorld, _ *karpv1.NodeClaim) {
			w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore})
		}, func(err error) bool { return err != nil && !karp.IsNodeRebootFailedError(err) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRebootWorld(t)
			claim := w.stored()
			c.spoil(w, claim)
			w.restart(t)
			if err := w.Reboot(ctx(t), claim, "operation-1"); !c.want(err) {
				t.Errorf("got %v", err)
			}
			if n := w.region.Calls()["RebootVms"]; n != 0 {
				t.Errorf("%d calls of RebootVms, want 0", n)
			}
		})
	}
}

func TestAStaleCopyOfTheNodeClaimRebootsNothing(t *testing.T) {
	w := newRebootWorld(t)
	stale := w.stored()
	w.fault(oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultLostReply, Times: 1})
	if err := w.reboot("operation-1"); err == nil {
		t.Fatal("the reply was not lost")
	}
	if err := w.Reboot(ctx(t), stale, "operation-1"); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a conflict: the copy lacks the record of the call", err)
	}
	w.wantReboots(1, 2)
}
