package oapitest_test

import (
	"fmt"
	"testing"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestCatalogPricesCoresMemoryVolumesAndGPUs(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	resp, _, err := w.api.CatalogApi.ReadCatalog(w.ctx).ReadCatalogRequest(osc.ReadCatalogRequest{}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	prices := map[string]float32{}
	entries := resp.Catalog.GetEntries()
	for _, e := range entries {
		prices[e.GetService()+"/"+e.GetType()+"/"+e.GetOperation()] = e.GetUnitPrice()
	}
	wanted := []string{
		"TinaOS-FCU/CustomRam/RunInstances-OD", "TinaOS-FCU/Gpu:allocate:l40/AllocateGpu", "TinaOS-FCU/BoxUsage:tinav6.c4r8p1/RunInstances-OD",
		"TinaOS-BSU/BSU:VolumeUsage:gp2/CreateVolume",
	}
	for generation := 4; generation <= 7; generation++ {
		for perf := 1; perf <= 3; perf++ {
			wanted = append(wanted, fmt.Sprintf("TinaOS-FCU/CustomCore:v%d-p%d/RunInstances-OD", generation, perf))
		}
	}
	for _, key := range wanted {
		if prices[key] <= 0 {
			t.Errorf("no price for %s", key)
		}
	}
	if prices["TinaOS-FCU/CustomCore:v6-p1/RunInstances-OD"] <= prices["TinaOS-FCU/CustomCore:v6-p3/RunInstances-OD"] {
		t.Error("the fastest core is not the dearest")
	}
}

func TestVMTypesAreThePredefinedOnes(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	resp, _, err := w.api.VmApi.ReadVmTypes(t.Context()).ReadVmTypesRequest(osc.ReadVmTypesRequest{}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]osc.VmType{}
	for _, item := range resp.GetVmTypes() {
		types[item.GetVmTypeName()] = item
	}
	if n := len(types); n != len(resp.GetVmTypes()) || n < 90 || n > 173 {
		t.Errorf("%d types in %d rows", n, len(resp.GetVmTypes()))
	}
	if _, listed := types["tinav6.c3r7p2"]; listed {
		t.Error("a free combination is listed")
	}
	gpu, box := types["inference7-h100.2xlarge"], types["m3.medium"]
	if gpu.GetGpu() != 8 || gpu.GetVcoreCount() != 128 || box.GetMemorySize() != 3.75 || box.Gpu != nil {
		t.Errorf("types: %+v %+v", gpu, box)
	}
}

func TestFlexibleGPUAttachesToAStoppedVMAtOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.gpu()
	req := w.request()
	req.VmType, req.BootOnCreation = new("tinav7.c4r8p1"), new(false)
	m := w.mustCreate(req).GetVmId()
	wantCode(t, w.link(id, m), 200, "")
	w.wantGPU(id, "attached", m)
	wantCode(t, w.link(id, m), 400, "6003")
	if got := w.VMs()[3].GPUs; got != 1 {
		t.Errorf("%d GPUs in the VM", got)
	}
	w.KillVM(m)
	w.wantGPU(id, "allocated", "")
	wantCode(t, w.post("DeleteFlexibleGpu", `{"FlexibleGpuId":"`+id+`"}`), 200, "")
	wantCode(t, w.post("DeleteFlexibleGpu", `{"FlexibleGpuId":"`+id+`"}`), 400, "5074")
}

func TestFlexibleGPUAttachesToARunningVMAfterStopAndStart(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.gpu()
	req := w.request()
	req.VmType = new("tinav7.c4r8p1")
	m := w.mustCreate(req).GetVmId()
	w.clock.Step(w.Timings.Boot)
	wantCode(t, w.link(id, m), 200, "")
	w.wantGPU(id, "attaching", m)
	w.StopVM(m)
	w.clock.Step(w.Timings.ForceStop)
	wantCode(t, w.post("StartVms", `{"VmIds":["`+m+`"]}`), 200, "")
	w.clock.Step(w.Timings.Boot)
	w.wantGPU(id, "attached", m)
}

func TestFlexibleGPUNeedsTheHighestPerformance(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.VmType, req.BootOnCreation = new("tinav7.c4r8p2"), new(false)
	wantCode(t, w.link(w.gpu(), w.mustCreate(req).GetVmId()), 400, "3002")
	w.SetCapacity("nvidia-*", "*", 0)
	wantCode(t, w.post("CreateFlexibleGpu", `{"ModelName":"nvidia-l40","SubregionName":"eu-west-2a"}`), 400, "10001")
}

func (w *world) gpu() string {
	w.t.Helper()
	req := osc.CreateFlexibleGpuRequest{ModelName: "nvidia-l40", SubregionName: w.fixture.Subnets[0].Subregion}
	resp, _, err := w.api.FlexibleGpuApi.CreateFlexibleGpu(w.ctx).CreateFlexibleGpuRequest(req).Execute()
	if err != nil {
		w.t.Fatalf("CreateFlexibleGpu: %v %s", err, body(err))
	}
	return resp.FlexibleGpu.GetFlexibleGpuId()
}

func (w *world) link(gpu, vm string) answer {
	w.t.Helper()
	return w.post("LinkFlexibleGpu", `{"FlexibleGpuId":"`+gpu+`","VmId":"`+vm+`"}`)
}

func (w *world) wantGPU(id, state, vm string) {
	w.t.Helper()
	req := osc.ReadFlexibleGpusRequest{Filters: &osc.FiltersFlexibleGpu{FlexibleGpuIds: &[]string{id}}}
	resp, _, err := w.api.FlexibleGpuApi.ReadFlexibleGpus(w.ctx).ReadFlexibleGpusRequest(req).Execute()
	if err != nil || len(resp.GetFlexibleGpus()) != 1 {
		w.t.Fatalf("ReadFlexibleGpus: %v", err)
	}
	if g := resp.GetFlexibleGpus()[0]; g.GetState() != state || g.GetVmId() != vm {
		w.t.Errorf("GPU is %s on %q, want %s on %q", g.GetState(), g.GetVmId(), state, vm)
	}
}
