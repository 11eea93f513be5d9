package oapitest_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestCreatedVMRunsAfterItsBootTime(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m := w.mustCreate(w.request())
	if m.GetState() != "pending" || m.GetPrivateIp() == "" || m.GetNetId() != w.fixture.NetID {
		t.Errorf("answer of CreateVms: %+v", m)
	}
	w.clock.Step(w.Timings.Boot - 1)
	w.wantState(m.GetVmId(), "pending")
	w.clock.Step(1)
	w.wantState(m.GetVmId(), "running")
}

func TestVMTypeWithoutPerformanceGetsSuffixP2(t *testing.T) {
	for _, c := range []struct{ asked, performance, want string }{
		{"tinav6.c2r4", "", "tinav6.c2r4p2"},
		{"tinav6.c2r4", "highest", "tinav6.c2r4p1"},
		{"tinav6.c2r4", "medium", "tinav6.c2r4p3"},
		{"tinav6.c2r4p1", "medium", "tinav6.c2r4p1"},
		{"c5.large", "", "c5.large"},
		{"inference7-l40.medium", "", "inference7-l40.medium"},
		{"", "", "t2.small"},
	} {
		w := newWorld(t, &oapitest.Region{})
		req := w.request()
		req.VmType = nil
		if c.asked != "" {
			req.VmType = new(c.asked)
		}
		if c.performance != "" {
			req.Performance = new(c.performance)
		}
		if got := w.mustCreate(req); got.GetVmType() != c.want {
			t.Errorf("type %q with performance %q: %q, want %q", c.asked, c.performance, got.GetVmType(), c.want)
		}
	}
}

func TestImpossibleVMTypesAreRefusedWith5024(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for _, name := range []string{
		"tinav0.c1r1p1", "tinav6.c1r1p0", "tinav6.c1r1p4", "tinav6.c0r1p1", "tinav6.c1r0p1", "tinav5.c79r181",
		"tinav6.c01r1p1", "tinav6.c-1r1", "tinav6.c1", "tinav6.c1r1p", "m5.gigantic", "inference7-l40.small", "", "banana",
	} {
		req := w.request()
		req.VmType = new(name)
		_, err := w.create(req)
		wantRefused(t, err, "5024")
	}
}

func TestDefaultVolumeIsStandard(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.BlockDeviceMappings = &[]osc.BlockDeviceMappingVmCreation{{DeviceName: new("/dev/sda1"), Bsu: &osc.BsuToCreate{VolumeSize: new(int32(20))}}}
	m := w.mustCreate(req)
	resp, _, err := w.api.VolumeApi.ReadVolumes(w.ctx).ReadVolumesRequest(osc.ReadVolumesRequest{
		Filters: &osc.FiltersVolume{LinkVolumeVmIds: &[]string{m.GetVmId()}},
	}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	volumes := resp.GetVolumes()
	if len(volumes) != 1 || volumes[0].GetVolumeType() != "standard" || volumes[0].GetSize() != 20 {
		t.Errorf("volumes: %+v", volumes)
	}
	if mappings := m.GetBlockDeviceMappings(); len(mappings) != 1 || mappings[0].GetDeviceName() != "/dev/sda1" {
		t.Errorf("mappings: %+v", mappings)
	}
}

func TestWrongDisksAreRefused(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for _, c := range []struct {
		code, device string
		bsu          osc.BsuToCreate
	}{
		{"4019", "/dev/nvme0", osc.BsuToCreate{}},
		{"4078", "/dev/sda1", osc.BsuToCreate{VolumeSize: new(int32(9))}},
		{"4125", "/dev/sda1", osc.BsuToCreate{VolumeSize: new(int32(14902))}},
		{"7000", "/dev/sdb", osc.BsuToCreate{}},
		{"4047", "/dev/sdb", osc.BsuToCreate{VolumeSize: new(int32(10)), VolumeType: new("gp3")}},
		{"7000", "/dev/sdb", osc.BsuToCreate{VolumeSize: new(int32(10)), VolumeType: new("io1")}},
		{"4029", "/dev/sdb", osc.BsuToCreate{VolumeSize: new(int32(100)), VolumeType: new("io1"), Iops: new(int32(13001))}},
		{"4029", "/dev/sdb", osc.BsuToCreate{VolumeSize: new(int32(100)), VolumeType: new("gp2"), Iops: new(int32(200))}},
		{"4202", "/dev/sdb", osc.BsuToCreate{VolumeSize: new(int32(10)), VolumeType: new("io1"), Iops: new(int32(3001))}},
		{"5054", "/dev/sdb", osc.BsuToCreate{SnapshotId: new("snap-00000000")}},
	} {
		req := w.request()
		req.BlockDeviceMappings = &[]osc.BlockDeviceMappingVmCreation{{DeviceName: new(c.device), Bsu: &c.bsu}}
		_, err := w.create(req)
		wantRefused(t, err, c.code)
	}
}

func TestMissingResourcesAreNamedByTheirCode(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for code, change := range map[string]func(*osc.CreateVmsRequest){
		"5023": func(r *osc.CreateVmsRequest) { r.ImageId = "ami-00000000" },
		"5057": func(r *osc.CreateVmsRequest) { r.SubnetId = new("subnet-00000000") },
		"5022": func(r *osc.CreateVmsRequest) { r.SecurityGroupIds = &[]string{"sg-00000000"} },
		"5071": func(r *osc.CreateVmsRequest) { r.KeypairName = new("nobody") },
		"4104": func(r *osc.CreateVmsRequest) { r.ImageId = "banana" },
		"4105": func(r *osc.CreateVmsRequest) { r.ImageId = "ami-xyz" },
		"3002": func(r *osc.CreateVmsRequest) { r.Nics = &[]osc.NicForVmCreation{{DeviceNumber: new(int32(0))}} },
		"4106": func(r *osc.CreateVmsRequest) { r.ClientToken = new(string(make([]byte, 65))) },
	} {
		req := w.request()
		change(&req)
		_, err := w.create(req)
		wantRefused(t, err, code)
	}
	if vms := w.VMs(); len(vms) != 3 {
		t.Errorf("%d VMs after refusals, want the three of the control plane", len(vms))
	}
}

func TestNicsAreInUse(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m := w.read(w.running().GetVmId())
	nics := m.GetNics()
	if len(nics) != 1 || nics[0].GetState() != "in-use" || nics[0].GetSubnetId() != w.fixture.Subnets[0].ID {
		t.Fatalf("nics: %+v", nics)
	}
	ips := nics[0].GetPrivateIps()
	if len(ips) != 1 || ips[0].GetPrivateIp() != m.GetPrivateIp() || !ips[0].GetIsPrimary() {
		t.Errorf("private IPs: %+v", ips)
	}
	if got, want := m.Placement.GetSubregionName(), w.fixture.Subnets[0].Subregion; got != want {
		t.Errorf("subregion %s, want that of the subnet, %s", got, want)
	}
}

func TestPrivateDNSNameFollowsTheAddress(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Name: "us-east-2"})
	req := w.request()
	req.PrivateIps = &[]string{"10.0.1.88"}
	if got := w.mustCreate(req); got.GetPrivateDnsName() != "ip-10-0-1-88.us-east-2.compute.internal" {
		t.Errorf("name %q", got.GetPrivateDnsName())
	}
	_, err := w.create(req)
	wantRefused(t, err, "9045")
}

func TestTwoVMsOfOneRequestShareAReservation(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.MinVmsCount, req.MaxVmsCount = new(int32(1)), new(int32(3))
	w.SetCapacity("tinav6.*", "*", 2)
	resp, _, err := w.api.VmApi.CreateVms(w.ctx).CreateVmsRequest(req).Execute()
	if err != nil {
		t.Fatal(err)
	}
	vms := resp.GetVms()
	if len(vms) != 2 || vms[0].GetReservationId() != vms[1].GetReservationId() || vms[1].GetLaunchNumber() != 1 {
		t.Errorf("%d VMs: %+v", len(vms), vms)
	}
}

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
	if resp.StatusCode != 409 {
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
