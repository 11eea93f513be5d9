package oapitest_test

import (
	"testing"

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
