package interruption_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// plan announces a maintenance of a NodeClaim's VM that begins after the time.
func (w *world) plan(name, code string, after time.Duration) {
	from := w.clock.Now().Add(after)
	w.region.PlanMaintenance(w.vmOf(name), oapitest.Maintenance{
		Code: code, Description: "host upgrade", NotBefore: from, NotAfter: from.Add(2 * time.Hour),
	})
}

func TestAMaintenanceThatEndsTheVMReplacesItsNodeBefore(t *testing.T) {
	for _, code := range []string{"system-reboot", "instance-stop", "instance-retirement"} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, 3)
			w.plan("default-01", code, 6*time.Hour)
			w.sweepFor(30 * time.Minute)
			from := w.clock.Now().Add(5*time.Hour + 30*time.Minute).Format("2006-01-02T15:04")
			w.wantSaid("NodeClaim/default-01 MaintenancePlanned", code, "from "+from, "host upgrade")
			w.wantSaid("Node/default-01 MaintenancePlanned", code)
			w.wantDeleting()
			w.sweepFor(2 * time.Hour)
			w.wantDeleting("default-01")
			w.wantSaid("NodeClaim/default-01 InterruptedNodeReplaced", "maintenance from "+from, code)
		})
	}
}

func TestAMaintenanceLeavesANodeAlone(t *testing.T) {
	for why, prepare := range map[string]func(*world){
		"that it does not end": func(w *world) { w.plan("default-01", "system-maintenance", time.Hour) },
		"that it is over for":  func(w *world) { w.plan("default-01", "system-reboot", -time.Hour) },
		"of which no time is known": func(w *world) {
			w.region.PlanMaintenance(w.vmOf("default-01"), oapitest.Maintenance{Code: "system-reboot"})
		},
		"with do-not-disrupt": func(w *world) {
			w.plan("default-01", "system-reboot", time.Hour)
			w.annotate("default-01", karpv1.DoNotDisruptAnnotationKey)
		},
		"with do-not-repair": func(w *world) {
			w.plan("default-01", "system-reboot", time.Hour)
			w.annotate("default-01", karpv1.DoNotRepairAnnotationKey)
		},
		"of another NodeClaim": func(w *world) {
			w.update("default-01", func(c *karpv1.NodeClaim) { c.UID = types.UID("another") })
			w.plan("default-01", "system-reboot", time.Hour)
		},
		"that is being deleted": func(w *world) { w.delete("default-01"); w.plan("default-01", "system-reboot", time.Hour) },
	} {
		t.Run(why, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, 3)
			w.clock.Step(24 * time.Hour)
			prepare(w)
			w.sweepFor(10 * time.Minute)
			if said := w.saying("NodeClaim/default-01 InterruptedNodeReplaced"); len(said) > 0 {
				t.Errorf("said %q", said)
			}
		})
	}
}

// Its replacement would be put there as well, and be replaced again, until the maintenance comes.
func TestAVMThatWasLaunchedIntoItsMaintenanceIsKept(t *testing.T) {
	for what, c := range map[string]struct {
		age  time.Duration
		want []string
	}{
		"launched three hours and a half before it": {0, nil},
		"launched six hours before it":              {3 * time.Hour, []string{"default-01"}},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, 3)
			w.clock.Step(c.age)
			w.plan("default-01", "system-reboot", 3*time.Hour+20*time.Minute)
			w.sweepFor(10 * time.Minute)
			w.wantDeleting(c.want...)
		})
	}
}

func TestACancelledMaintenanceReplacesNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.plan("default-01", "system-reboot", 4*time.Hour+10*time.Minute)
	w.sweepFor(9 * time.Minute)
	w.region.PlanMaintenance(w.vmOf("default-01"))
	w.sweepFor(30 * time.Minute)
	w.wantDeleting()
	w.wantSaid("NodeClaim/default-01 MaintenancePlanned")
}

func TestAnOldAnnouncementReplacesNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.plan("default-01", "system-reboot", 4*time.Hour+10*time.Minute)
	w.sweepFor(3 * time.Minute)
	w.fault(oapitest.Fault{Call: "ReadVmsState", Kind: oapitest.FaultErrorBefore})
	w.sweepFor(time.Hour)
	w.wantDeleting()
	w.region.ClearFaults()
	w.sweepFor(5 * time.Minute)
	w.wantDeleting("default-01")
}

func TestOneReadIsNoProofOfAMaintenance(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.clock.Step(24 * time.Hour)
	w.plan("default-01", "system-reboot", time.Hour)
	w.sweepUntilSaid("NodeClaim/default-01 MaintenancePlanned")
	w.wantDeleting()
	w.sweepFor(2 * time.Minute)
	w.wantDeleting("default-01")
}

// An hour of sweeps, with the reads that the garbage collection makes anyhow.
func TestAFleetIsWatchedForOneCallAMinute(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 20)
	before := w.region.Calls()
	for range 60 {
		w.sweep()
		w.sweep()
		_, err := w.vms.List(t.Context())
		w.must(err)
	}
	after := w.region.Calls()
	if n := after["ReadVmsState"] - before["ReadVmsState"]; n < 55 || n > 60 {
		t.Errorf("%d calls of ReadVmsState in an hour, want one a minute", n)
	}
	if n := after["ReadVms"] - before["ReadVms"]; n > 61 {
		t.Errorf("%d calls of ReadVms, want the 60 of the garbage collection", n)
	}
}

func TestAFleetOfSeveralPagesCostsNoMoreThanACallAMinute(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.fault(oapitest.Fault{Call: "ReadVmsState", Kind: oapitest.FaultPartialPages, PageSize: 2})
	before := w.region.Calls()["ReadVmsState"]
	w.plan("default-02", "system-maintenance", time.Hour)
	w.sweepFor(30 * time.Minute)
	if n := w.region.Calls()["ReadVmsState"] - before; n > 33 {
		t.Errorf("%d calls in 30 minutes", n)
	}
	w.wantSaid("NodeClaim/default-02 MaintenancePlanned")
}

func TestWithoutTheRightToReadMaintenanceStopsAreSeenAllTheSame(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.fault(oapitest.Fault{Call: "ReadVmsState", Kind: oapitest.FaultError, Code: "1", Status: 401})
	w.silence("default-01")
	w.region.StopVM(w.vmOf("default-01"))
	w.sweepFor(30 * time.Minute)
	w.wantDeleting("default-01")
}

// lingering is a VM whose NodeClaim is being deleted, and that does not end.
func lingering(t *testing.T, uncertain oapitest.Uncertain) (*world, string) {
	t.Helper()
	w := newWorld(t, &oapitest.Region{Uncertain: uncertain}, 3)
	w.fault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultSlowDelete, Delay: 24 * time.Hour})
	id := w.vmOf("default-01")
	w.delete("default-01")
	w.must(w.vms.Delete(t.Context(), id))
	return w, id
}

func (w *world) wantForced(want int) {
	w.t.Helper()
	if n := w.region.Calls()["StopVms"]; n != want {
		w.t.Errorf("%d calls of StopVms, want %d", n, want)
	}
}

func TestAVMThatDoesNotEndIsStoppedByForceOnce(t *testing.T) {
	w, id := lingering(t, oapitest.Uncertain{ForceStopEndsShutdown: true})
	w.sweepFor(10 * time.Minute)
	w.wantForced(0)
	w.sweepFor(2 * time.Minute)
	w.wantForced(1)
	w.wantSaid("NodeClaim/default-01 VMForceStopped", id, "stopped by force")
	if _, err := w.vms.Get(t.Context(), id); err == nil {
		t.Error("the VM is still there")
	}
	w.sweepFor(30 * time.Minute)
	w.wantForced(1)
}

func TestAForcedStopThatIsRefusedForTheStateIsNotRepeated(t *testing.T) {
	w, id := lingering(t, oapitest.Uncertain{})
	w.sweepFor(50 * time.Minute)
	w.wantForced(1)
	w.wantSaid("NodeClaim/default-01 VMForceStopped", id, "6003")
}

// A refusal counts towards the lock of the account, so that it is not repeated at each look.
func TestAForcedStopThatIsForbiddenIsRarelyRepeated(t *testing.T) {
	w, id := lingering(t, oapitest.Uncertain{})
	w.fault(oapitest.Fault{Call: "StopVms", Kind: oapitest.FaultError, Code: "1", Status: 401})
	w.sweepFor(40 * time.Minute)
	w.wantForced(5) // after 10 minutes, and 1, 3, 7 and 15 later
	w.wantSaid("NodeClaim/default-01 VMForceStopped", id, "api:StopVms")
}

func TestAForcedStopThatFailedIsTriedAgain(t *testing.T) {
	for _, fault := range []oapitest.Fault{
		{Kind: oapitest.FaultThrottle},
		{Kind: oapitest.FaultErrorBefore},
		{Kind: oapitest.FaultError, Code: "1", Status: 401},
		{Kind: oapitest.FaultLostReply},
	} {
		t.Run(string(fault.Kind), func(t *testing.T) {
			w, id := lingering(t, oapitest.Uncertain{ForceStopEndsShutdown: fault.Kind != oapitest.FaultLostReply})
			fault.Call = "StopVms"
			w.fault(fault)
			w.sweepFor(13 * time.Minute)
			w.wantSaid("NodeClaim/default-01 VMForceStopped", id, "tried again")
			failed := w.region.Calls()["StopVms"]
			w.region.ClearFaults()
			w.sweepFor(5 * time.Minute)
			w.wantForced(failed + 1)
		})
	}
}

func TestAForcedStopThatWorksAtLastIsSaid(t *testing.T) {
	w, id := lingering(t, oapitest.Uncertain{ForceStopEndsShutdown: true})
	w.fault(oapitest.Fault{Call: "StopVms", Kind: oapitest.FaultErrorBefore})
	w.sweepFor(12 * time.Minute)
	w.region.ClearFaults()
	w.sweepFor(5 * time.Minute)
	if len(w.saying("NodeClaim/default-01 VMForceStopped", id, "it is stopped by force")) != 1 {
		t.Errorf("said %q", w.said)
	}
}

// A key that is being changed is refused for a while: maintenance must be seen again within minutes.
func TestAPassingRefusalBlindsForMinutesOnly(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.fault(oapitest.Fault{Call: "ReadVmsState", Kind: oapitest.FaultError, Code: "1", Status: 401})
	w.sweepFor(2 * time.Minute)
	w.region.ClearFaults()
	w.plan("default-01", "system-reboot", 24*time.Hour)
	w.sweepFor(6 * time.Minute)
	w.wantSaid("NodeClaim/default-01 MaintenancePlanned", "system-reboot")
}

func TestACallThatThePolicyLacksIsTriedLessAndLessOften(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	before := w.region.Calls()["ReadVmsState"]
	w.fault(oapitest.Fault{Call: "ReadVmsState", Kind: oapitest.FaultError, Code: "1", Status: 401})
	w.sweepFor(4 * time.Hour)
	if n := w.region.Calls()["ReadVmsState"] - before; n > 8 {
		t.Errorf("%d calls in 4 hours", n)
	}
	w.region.ClearFaults()
	w.plan("default-01", "system-reboot", 24*time.Hour)
	w.sweepFor(time.Hour + time.Minute)
	w.wantSaid("NodeClaim/default-01 MaintenancePlanned", "system-reboot")
}

func TestNoOtherVMIsStoppedByForce(t *testing.T) {
	for which, change := range map[string]func(*world){
		"of another NodeClaim": func(w *world) { w.update("default-01", func(c *karpv1.NodeClaim) { c.UID = types.UID("another") }) },
		"of nobody":            func(w *world) { w.update("default-01", func(c *karpv1.NodeClaim) { c.Finalizers = nil }) },
	} {
		t.Run(which, func(t *testing.T) {
			w, _ := lingering(t, oapitest.Uncertain{ForceStopEndsShutdown: true})
			change(w)
			w.sweepFor(time.Hour)
			w.wantForced(0)
		})
	}
	t.Run("whose NodeClaim lives", func(t *testing.T) {
		w := newWorld(t, &oapitest.Region{}, 3)
		w.fault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultSlowDelete, Delay: 24 * time.Hour})
		w.must(w.vms.Delete(t.Context(), w.vmOf("default-01")))
		w.sweepFor(time.Hour)
		w.wantForced(0)
	})
}
