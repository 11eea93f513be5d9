package oapitest_test

import (
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestAHostThatFailsRestartsItsVMOrLeavesItStopped(t *testing.T) {
	for stops, want := range map[bool]string{false: "running", true: "stopped"} {
		w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{HostStops: stops}})
		id := w.running().GetVmId()
		if !w.FailHost(id) {
			t.Fatal("the host of a running VM does not fail")
		}
		w.clock.Step(w.Timings.Boot)
		w.wantState(id, want)
		if got := w.read(id).GetStateReason(); stops && got != "Server.InternalError" {
			t.Errorf("reason %q", got)
		}
	}
}

func TestEachStopHasItsReasonInReadVMs(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	off, outside := w.running().GetVmId(), w.running().GetVmId()
	w.GuestShutdown(off)
	w.StopVM(outside)
	w.clock.Step(w.Timings.ForceStop)
	for id, want := range map[string]string{off: "Client.InstanceInitiatedShutdown", outside: "Client.ApiForcedShutdown"} {
		w.wantState(id, "stopped")
		if got := w.read(id).GetStateReason(); got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
	}
	if !w.StartVM(off) {
		t.Fatal("a stopped VM does not start")
	}
	w.clock.Step(w.Timings.Boot)
	w.wantState(off, "running")
	if got := w.read(off).GetStateReason(); got != "" {
		t.Errorf("reason %q of a VM that runs again", got)
	}
}

func TestAVMInQuarantineIsListedAsSuch(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	if !w.Quarantine(id) {
		t.Fatal("refused")
	}
	filters := osc.FiltersVm{VmStateNames: &[]string{"quarantine"}}
	if vms := w.readVMs(osc.ReadVmsRequest{Filters: &filters}); len(vms) != 1 || vms[0].GetVmId() != id {
		t.Errorf("VMs in quarantine: %v", ids(vms))
	}
}

// Whether a VM that is shutting down takes a forced stop has not been seen: both answers are there to be tried.
func TestAForcedStopOfAVMThatIsShuttingDown(t *testing.T) {
	for ends, want := range map[bool]string{false: "shutting-down", true: "terminated"} {
		w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{ForceStopEndsShutdown: ends}})
		id := w.running().GetVmId()
		w.fault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultSlowDelete, Delay: time.Hour})
		if err := w.delete(id); err != nil {
			t.Fatal(err)
		}
		stop := func(force bool) error {
			request := osc.StopVmsRequest{VmIds: []string{id}, ForceStop: &force}
			_, _, err := w.api.VmApi.StopVms(w.ctx).StopVmsRequest(request).Execute()
			return err
		}
		wantRefused(t, stop(false), "6003")
		if err := stop(true); ends && err != nil {
			t.Fatal(err)
		} else if !ends {
			wantRefused(t, err, "6003")
		}
		w.clock.Step(w.Timings.ForceStop)
		w.wantState(id, want)
	}
}

func TestACancelledMaintenanceIsNotAnnounced(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	from := w.clock.Now().Add(time.Hour)
	announced := func() []osc.MaintenanceEvent {
		request := osc.ReadVmsStateRequest{Filters: &osc.FiltersVmsState{VmIds: &[]string{id}}}
		resp, _, err := w.api.VmApi.ReadVmsState(w.ctx).ReadVmsStateRequest(request).Execute()
		if err != nil || len(resp.GetVmStates()) != 1 {
			t.Fatalf("%+v, %v", resp, err)
		}
		return resp.GetVmStates()[0].GetMaintenanceEvents()
	}
	w.PlanMaintenance(id, oapitest.Maintenance{Code: "system-reboot", NotBefore: from, NotAfter: from.Add(time.Hour)})
	if events := announced(); len(events) != 1 || events[0].GetNotBefore() != from.UTC().Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("announced: %+v", events)
	}
	w.PlanMaintenance(id)
	if events := announced(); len(events) != 0 {
		t.Errorf("announced after it was cancelled: %+v", events)
	}
}
