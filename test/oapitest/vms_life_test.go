package oapitest_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestDeleteVMsIsAtomicPerBatch(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m := w.running()
	wantRefused(t, w.delete(m.GetVmId(), "i-00000000"), "5063")
	w.wantState(m.GetVmId(), "running")
	if err := w.delete(m.GetVmId(), w.running().GetVmId()); err != nil {
		t.Fatal(err)
	}
	w.wantState(m.GetVmId(), "shutting-down")
}

func TestDeletingATerminatedVMSucceeds(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m := w.running()
	if err := w.delete(m.GetVmId()); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(w.Timings.Terminate)
	resp, _, err := w.api.VmApi.DeleteVms(w.ctx).DeleteVmsRequest(osc.DeleteVmsRequest{VmIds: []string{m.GetVmId()}}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if s := resp.GetVms()[0]; s.GetPreviousState() != "terminated" || s.GetCurrentState() != "terminated" {
		t.Errorf("states: %+v", s)
	}
}

func TestGracefulDeleteLingersAndForceStopIsQuick(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{Terminate: 5 * time.Minute, ForceStop: time.Second}})
	slow, quick := w.running(), w.running()
	if err := w.delete(slow.GetVmId()); err != nil {
		t.Fatal(err)
	}
	stop := osc.StopVmsRequest{VmIds: []string{quick.GetVmId()}, ForceStop: new(true)}
	if _, _, err := w.api.VmApi.StopVms(w.ctx).StopVmsRequest(stop).Execute(); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(time.Second)
	w.wantState(quick.GetVmId(), "stopped")
	if err := w.delete(quick.GetVmId()); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(time.Second)
	w.wantState(quick.GetVmId(), "terminated")
	w.wantState(slow.GetVmId(), "shutting-down")
	w.clock.Step(5 * time.Minute)
	w.wantState(slow.GetVmId(), "terminated")
}

func TestStoppingAPendingVMConflictsWith9039(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m := w.mustCreate(w.request())
	_, resp, err := w.api.VmApi.StopVms(w.ctx).StopVmsRequest(osc.StopVmsRequest{VmIds: []string{m.GetVmId()}}).Execute()
	wantRefused(t, err, "9039")
	if resp.StatusCode != http.StatusConflict {
		t.Errorf("status %d, want 409", resp.StatusCode)
	}
}

func TestStoppedVMStartsAgainAndATerminatedOneDoesNot(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := []string{w.running().GetVmId()}
	stop := func() error {
		_, _, err := w.api.VmApi.StopVms(w.ctx).StopVmsRequest(osc.StopVmsRequest{VmIds: id}).Execute()
		return err
	}
	start := func() error {
		_, _, err := w.api.VmApi.StartVms(w.ctx).StartVmsRequest(osc.StartVmsRequest{VmIds: id}).Execute()
		return err
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, start(), "6003")
	w.clock.Step(w.Timings.Stop)
	w.wantState(id[0], "stopped")
	if err := errors.Join(stop(), start()); err != nil {
		t.Fatal(err)
	}
	w.wantState(id[0], "pending")
	w.clock.Step(w.Timings.Boot)
	w.wantState(id[0], "running")
	w.KillVM(id[0])
	wantRefused(t, start(), "6003")
	wantRefused(t, stop(), "6003")
}

func TestTerminatedVMLingersWithoutWhatItHeld(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	if err := w.delete(id); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(w.Timings.Terminate)
	m := w.read(id)
	if m.NetId != nil || m.Nics != nil || m.PrivateDnsName != nil || m.PrivateIp != nil || m.SecurityGroups != nil || m.SubnetId != nil {
		t.Errorf("terminated VM still has %+v", m)
	}
	if m.BlockDeviceMappings == nil || len(*m.BlockDeviceMappings) != 0 {
		t.Errorf("mappings %v, want an empty list", m.BlockDeviceMappings)
	}
	w.clock.Step(w.Timings.Linger - 1)
	w.wantState(id, "terminated")
	w.clock.Step(1)
	if vms := w.readVMs(osc.ReadVmsRequest{Filters: &osc.FiltersVm{VmIds: &[]string{id}}}); len(vms) != 0 {
		t.Errorf("still listed after the linger time: %v", ids(vms))
	}
}

func TestDeletionProtectionRefusesWith8018(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.DeletionProtection = new(true)
	m := w.mustCreate(req)
	wantRefused(t, w.delete(m.GetVmId()), "8018")
	w.wantState(m.GetVmId(), "pending")
}

func TestVMThatIsNotBootedIsStopped(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.BootOnCreation = new(false)
	m := w.mustCreate(req)
	w.clock.Step(time.Hour)
	w.wantState(m.GetVmId(), "stopped")
}

func TestUpdateNeedsAStoppedVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m := w.running()
	update := func(req osc.UpdateVmRequest) error {
		req.VmId = m.GetVmId()
		_, _, err := w.api.VmApi.UpdateVm(w.ctx).UpdateVmRequest(req).Execute()
		return err
	}
	wantRefused(t, update(osc.UpdateVmRequest{VmType: new("tinav6.c4r8p1")}), "6003")
	if err := update(osc.UpdateVmRequest{DeletionProtection: new(true)}); err != nil {
		t.Fatal(err)
	}
	w.StopVM(m.GetVmId())
	w.clock.Step(w.Timings.ForceStop)
	if err := update(osc.UpdateVmRequest{VmType: new("tinav6.c4r8p1")}); err != nil {
		t.Fatal(err)
	}
	if got := w.read(m.GetVmId()); got.GetVmType() != "tinav6.c4r8p1" || !got.GetDeletionProtection() {
		t.Errorf("after the update: %s, protected %t", got.GetVmType(), got.GetDeletionProtection())
	}
}

func TestBootFailureTerminatesTheVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultBootFailure})
	id := w.running().GetVmId()
	w.wantState(id, "terminated")
	if got := w.read(id); got.GetStateReason() != "Server.InternalError" {
		t.Errorf("reason %q", got.GetStateReason())
	}
}

func TestVolumesGoWithTheVMUnlessTheyAreToStay(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.BlockDeviceMappings = &[]osc.BlockDeviceMappingVmCreation{{
		DeviceName: new("/dev/sdb"), Bsu: &osc.BsuToCreate{VolumeSize: new(int32(30)), DeleteOnVmDeletion: new(false)},
	}}
	m := w.mustCreate(req)
	w.KillVM(m.GetVmId())
	resp, _, err := w.api.VolumeApi.ReadVolumes(w.ctx).ReadVolumesRequest(osc.ReadVolumesRequest{
		Filters: &osc.FiltersVolume{VolumeStates: &[]string{"available"}},
	}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if volumes := resp.GetVolumes(); len(volumes) != 1 || volumes[0].GetSize() != 30 {
		t.Errorf("volumes left: %+v", volumes)
	}
	if slices.ContainsFunc(w.VMs(), func(v oapitest.VM) bool { return v.ID == m.GetVmId() && v.PrivateIP != "" }) {
		t.Error("a terminated VM keeps its address")
	}
}

func TestRebootStartsTheGuestAnewOnceForEachCall(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	reboot := func() error {
		_, _, err := w.api.VmApi.RebootVms(w.ctx).RebootVmsRequest(osc.RebootVmsRequest{VmIds: []string{id}}).Execute()
		return err
	}
	boots := func() int {
		for _, m := range w.VMs() {
			if m.ID == id {
				return m.Boots
			}
		}
		return 0
	}
	before := w.read(id)
	w.WriteConsole(id, "the boot before\n")
	if err := reboot(); err != nil {
		t.Fatal(err)
	}
	w.wantState(id, "running")
	if n := boots(); n != 1 {
		t.Errorf("%d boots, want 1: a reboot is queued and takes its time", n)
	}
	w.clock.Step(w.Timings.Reboot)
	if n := boots(); n != 2 {
		t.Errorf("%d boots, want 2", n)
	}
	if text := w.console(id); text != "" {
		t.Errorf("console %q: it begins anew with a reboot", text)
	}
	if after := w.read(id); after.GetPrivateIp() != before.GetPrivateIp() || after.GetState() != "running" {
		t.Errorf("the VM changed: %+v", after)
	}
	// No idempotency key: two calls are two reboots.
	if err := errors.Join(reboot(), reboot()); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(2 * w.Timings.Reboot)
	if n := boots(); n != 4 {
		t.Errorf("%d boots, want 4", n)
	}
}

func TestOnlyARunningVMIsRebooted(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	reboot := func(ids ...string) error {
		_, _, err := w.api.VmApi.RebootVms(w.ctx).RebootVmsRequest(osc.RebootVmsRequest{VmIds: ids}).Execute()
		return err
	}
	running, pending := w.running().GetVmId(), w.mustCreate(w.request()).GetVmId()
	wantRefused(t, reboot(pending), "9039")
	wantRefused(t, reboot("i-00000000"), "5063")
	w.StopVM(running)
	wantRefused(t, reboot(running), "6003")
	w.KillVM(running)
	wantRefused(t, reboot(running), "6003")
}
