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

func TestAForcedStopThatIsRefusedIsNotRepeated(t *testing.T) {
	for what, c := range map[string]struct {
		fault *oapitest.Fault
		says  string
	}{
		"in this state":  {nil, "6003"},
		"for lack of it": {&oapitest.Fault{Call: "StopVms", Kind: oapitest.FaultError, Code: "1", Status: 401}, "api:StopVms"},
	} {
		t.Run(what, func(t *testing.T) {
			w, id := lingering(t, oapitest.Uncertain{})
			if c.fault != nil {
				w.fault(*c.fault)
			}
			w.sweepFor(50 * time.Minute)
			w.wantForced(1)
			w.wantSaid("NodeClaim/default-01 VMForceStopped", id, c.says)
		})
	}
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
