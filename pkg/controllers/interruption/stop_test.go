package interruption_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestAStoppedVMIsReplacedAndItsCauseNamed(t *testing.T) {
	causes := map[string]ledger.Cause{
		"powered itself off": ledger.CauseGuestPoweredOff, "from outside": ledger.CauseStopped, "host failed": ledger.CauseHostFailed,
	}
	for words, stop := range map[string]func(*oapitest.Region, string){
		"powered itself off": func(r *oapitest.Region, id string) { r.GuestShutdown(id) },
		"from outside":       func(r *oapitest.Region, id string) { r.StopVM(id) },
		"host failed":        func(r *oapitest.Region, id string) { r.FailHost(id) },
	} {
		t.Run(words, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{HostStops: true}}, 3)
			id := w.vmOf("default-01")
			stop(w.region, id)
			w.clock.Step(time.Second)
			w.silence("default-01")
			w.sweepFor(2 * time.Minute)
			w.wantSaid("NodeClaim/default-01 VMStopped", id, words)
			w.wantSaid("Node/default-01 VMStopped", id, words)
			w.sweepFor(2 * time.Minute)
			w.wantDeleting("default-01")
			w.wantSaid("NodeClaim/default-01 InterruptedNodeReplaced", id, words)
			w.wantSaid("Node/default-01 InterruptedNodeReplaced", id)
			if why, ok := ledger.DecidedOf(w.claim("default-01")); !ok || why.Cause != causes[words] || !strings.Contains(why.Why, words) {
				t.Errorf("left for the ledger: %+v", why)
			}
		})
	}
}

func TestAVMThatComesBackKeepsItsNodeClaim(t *testing.T) {
	for who, c := range map[string]struct{ down, up func(*world, string) }{
		"with another host": {func(w *world, id string) { w.region.FailHost(id) }, func(*world, string) {}},
		"by a person": {func(w *world, id string) { w.region.StopVM(id) }, func(w *world, id string) {
			w.clock.Step(20 * time.Second)
			w.region.StartVM(id)
		}},
	} {
		t.Run(who, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, 3)
			w.silence("default-01")
			id := w.vmOf("default-01")
			c.down(w, id)
			w.sweep()
			c.up(w, id)
			w.sweepFor(10 * time.Minute)
			w.wantDeleting()
		})
	}
}

// The snapshot is a minute old, and still says stopped.
func TestAVMThatCameBackSinceTheSnapshotKeepsItsNodeClaim(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.silence("default-01")
	id := w.vmOf("default-01")
	w.region.StopVM(id)
	w.sweepUntilSaid("NodeClaim/default-01 VMStopped")
	w.sweep()
	reads := w.region.Calls()["ReadVms"]
	w.region.StartVM(id)
	w.clock.Step(w.region.Timings.Boot)
	w.sweep()
	if w.region.Calls()["ReadVms"] == reads {
		t.Error("nothing was read before the NodeClaim would have been deleted: the test tries nothing")
	}
	w.sweepFor(5 * time.Minute)
	w.wantDeleting()
}

func TestAStoppedVMIsLeftAlone(t *testing.T) {
	for why, c := range map[string]struct {
		spoil func(*world)
		says  string
	}{
		"of another NodeClaim": {func(w *world) {
			w.update("default-01", func(c *karpv1.NodeClaim) { c.UID = types.UID("another") })
		}, "neither the tags nor the client token"},
		"with do-not-repair on the Node": {func(w *world) { w.annotate("default-01", karpv1.DoNotRepairAnnotationKey) }, "do-not-repair"},
		"with do-not-repair on the NodeClaim": {func(w *world) {
			w.update("default-01", func(c *karpv1.NodeClaim) { c.Annotations = map[string]string{karpv1.DoNotRepairAnnotationKey: "true"} })
		}, "do-not-repair"},
		"of another provider": {func(w *world) {
			w.update("default-01", func(c *karpv1.NodeClaim) { c.Spec.NodeClassRef.Group = "karpenter.k8s.aws" })
		}, ""},
		"while VMs cannot be read": {func(w *world) {
			w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore})
		}, ""},
	} {
		t.Run(why, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, 3)
			w.silence("default-01")
			w.region.StopVM(w.vmOf("default-01"))
			c.spoil(w)
			w.sweepFor(10 * time.Minute)
			w.wantDeleting()
			if c.says != "" {
				w.wantSaid("NodeClaim/default-01 InterruptedNodeKept", c.says)
			}
		})
	}
}

func TestAVMOfAnotherClusterIsLeftAlone(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	another := ours()
	another.UID = "another-uid"
	w.join("foreign", vm.NewProvider(w.api, another, vm.Options{TagsInUserData: true}, w.clock.Now))
	w.clock.Step(10 * time.Minute)
	w.silence("foreign")
	w.region.StopVM(w.vmOf("foreign"))
	w.sweepFor(10 * time.Minute)
	w.wantDeleting()
}

func TestAVMWhoseKubeletReportsIsNotBelievedToBeStopped(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.region.StopVM(w.vmOf("default-01"))
	w.sweepFor(5 * time.Minute)
	w.wantDeleting()
	w.silence("default-01")
	w.sweepFor(time.Minute)
	w.wantDeleting("default-01")
}

// The listing hides the fleet after a VM was seen stopped: what is known of it then is no ground to act.
func TestNothingIsReplacedWhileTheListingIsInDoubt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 6)
	w.silence("default-01")
	w.region.StopVM(w.vmOf("default-01"))
	w.sweepUntilSaid("NodeClaim/default-01 VMStopped")
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 24 * time.Hour})
	w.clock.Step(30 * time.Second)
	w.sweepFor(time.Minute)
	w.wantDeleting()
	w.region.ClearFaults()
	w.sweepFor(2 * time.Minute)
	w.wantDeleting("default-01")
}

func TestAVMYoungerThanItsLaunchIsLeftToCore(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.join("young", w.vms)
	w.silence("young")
	w.clock.Step(5 * time.Second)
	w.region.StopVM(w.vmOf("young"))
	w.sweepFor(4 * time.Minute)
	w.wantDeleting()
	w.sweepFor(2 * time.Minute)
	w.wantDeleting("young")
}

func TestANodeClaimThatIsBeingDeletedIsLeftToCore(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.delete("default-01")
	w.silence("default-01")
	w.region.StopVM(w.vmOf("default-01"))
	w.sweepFor(10 * time.Minute)
	if len(w.said) != 0 {
		t.Errorf("said %q", w.said)
	}
}

func TestOnlyATenthOfTheFleetIsReplacedAtOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 20)
	names := []string{"default-07", "default-03", "default-05", "default-00"}
	w.silence(names...)
	for _, name := range names {
		w.region.StopVM(w.vmOf(name))
		w.sweepFor(2 * time.Minute)
	}
	w.sweepFor(10 * time.Minute)
	w.wantDeleting("default-03", "default-07")
	w.wantSaid("NodeClaim/default-05 InterruptedNodeWaits", "at most 2 at a time")
	w.update("default-07", func(c *karpv1.NodeClaim) { c.Finalizers = nil })
	w.sweepFor(2 * time.Minute)
	w.wantDeleting("default-03", "default-05")
	// A new process does not begin anew.
	w.restart()
	w.sweepFor(10 * time.Minute)
	w.wantDeleting("default-03", "default-05")
}

func TestWhatCannotBeUndoneIsOnlySaid(t *testing.T) {
	for reason, end := range map[string]func(*oapitest.Region, string){
		"VMTerminated":  func(r *oapitest.Region, id string) { r.KillVM(id) },
		"VMQuarantined": func(r *oapitest.Region, id string) { r.Quarantine(id) },
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, 3)
			w.silence("default-01")
			id := w.vmOf("default-01")
			end(w.region, id)
			w.sweepFor(5 * time.Minute)
			w.wantSaid("NodeClaim/default-01 "+reason, id)
			w.wantSaid("Node/default-01 "+reason, id)
			w.wantDeleting()
		})
	}
}
