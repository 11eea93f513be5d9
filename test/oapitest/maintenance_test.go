package oapitest_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestMaintenanceEventsAreInReadVMsState(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m, idle := w.running(), w.running()
	w.StopVM(idle.GetVmId())
	w.PlanMaintenance(m.GetVmId(), oapitest.Maintenance{Code: "system-reboot", Description: "host", NotBefore: w.clock.Now()})
	states := func(all bool) map[string]int {
		resp, _, err := w.api.VmApi.ReadVmsState(w.ctx).ReadVmsStateRequest(osc.ReadVmsStateRequest{AllVms: &all}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for _, s := range resp.GetVmStates() {
			out[s.GetVmId()] = len(s.GetMaintenanceEvents())
		}
		return out
	}
	want := map[string]int{m.GetVmId(): 1}
	for _, id := range w.fixture.ControlPlane {
		want[id] = 0
	}
	if diff := cmp.Diff(want, states(false)); diff != "" {
		t.Errorf("running VMs (-want +got):\n%s", diff)
	}
	want[idle.GetVmId()] = 0
	if diff := cmp.Diff(want, states(true)); diff != "" {
		t.Errorf("all VMs (-want +got):\n%s", diff)
	}
}

func TestStopHistoryTellsAHostFailureFromAStop(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultHostFailure, Nth: 1, Delay: time.Minute})
	req := w.request()
	req.ShutdownBehaviorConfiguration = &osc.ShutdownBehaviorConfiguration{HostAction: new("stop")}
	failed, stopped := w.mustCreate(req), w.mustCreate(w.request())
	w.clock.Step(w.Timings.Boot)
	w.wantState(failed.GetVmId(), "running")
	w.StopVM(stopped.GetVmId())
	w.clock.Step(time.Minute)
	w.wantState(failed.GetVmId(), "stopped")
	resp, _, err := w.api.VmApi.ReadVmsStopHistory(w.ctx).ReadVmsStopHistoryRequest(osc.ReadVmsStopHistoryRequest{}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range resp.GetVmsStopHistory() {
		got[s.GetVmId()] = s.GetStateReason()
	}
	want := map[string]string{failed.GetVmId(): "Server.InternalError", stopped.GetVmId(): "Client.ApiForcedShutdown"}
	if !maps.Equal(want, got) {
		t.Errorf("history %v, want %v", got, want)
	}
}

func TestHostFailureRestartsAVMThatDidNotForbidIt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultHostFailure, Delay: time.Minute})
	id := w.running().GetVmId()
	w.clock.Step(time.Minute)
	w.wantState(id, "pending")
	w.clock.Step(w.Timings.Boot)
	w.wantState(id, "running")
}
