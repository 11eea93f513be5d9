package oapitest

import (
	"fmt"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	computeService = "TinaOS-FCU"
	runOnDemand    = "RunInstances-OD"
	perMonth       = "PER_MONTH"
	ramPrice       = 0.005
)

// corePrices are EUR an hour for one core of each performance (p1, p2, p3), by generation from the fourth on.
func corePrices() [][3]float32 {
	return [][3]float32{
		{0.035, 0.029, 0.023},
		{0.039, 0.032, 0.025},
		{0.042, 0.034, 0.027},
		{0.046, 0.037, 0.030},
	}
}

func readCatalog(r *Region, _ *call, _ struct{}) (reply, error) {
	entries := r.computeEntries()
	for _, p := range []struct {
		kind  string
		price float32
	}{{"standard", 0.06}, {"gp2", 0.11}, {"io1", 0.13}} {
		entries = append(entries, r.entry("TinaOS-BSU", "BSU:VolumeUsage:"+p.kind, "CreateVolume", p.price, perMonth))
	}
	entries = append(entries, r.entry("TinaOS-BSU", "BSU:VolumeIOPS:io1", "CreateVolume", 0.01, perMonth))
	for i, m := range gpuModels() {
		price := 0.6 + 0.35*float32(i)
		for _, kind := range []string{"Gpu:attach:", "Gpu:allocate:"} {
			entries = append(entries, r.entry(computeService, kind+gpuModelOf(m.name), "AllocateGpu", price, ""))
		}
	}
	return reply{"Catalog": osc.Catalog{Entries: &entries}}, nil
}

func (r *Region) computeEntries() []osc.CatalogEntry {
	entries := []osc.CatalogEntry{
		r.entry(computeService, "CustomRam", runOnDemand, ramPrice, ""),
		r.entry(computeService, "ProductUsage", "RunInstances-0001-OD", 0, ""),
		r.entry(computeService, "DedicatedInstanceSurplus", runOnDemand, 0.01, ""),
		r.entry(computeService, "UseDedicated", "RunDedicatedInstances", 2, ""),
	}
	for i, prices := range corePrices() {
		for perf, price := range prices {
			entries = append(entries, r.entry(computeService, fmt.Sprintf("CustomCore:v%d-p%d", 4+i, perf+1), runOnDemand, price, ""))
		}
	}
	for _, t := range predefined() {
		if g := t.shape.generation - 4; g >= 0 {
			price := float32(t.shape.vcores)*corePrices()[g][t.shape.perf-1] + t.shape.memory*ramPrice + 2*float32(t.shape.gpus)
			entries = append(entries, r.entry(computeService, "BoxUsage:"+t.name, runOnDemand, price, ""))
		}
	}
	return entries
}

func (r *Region) entry(service, kind, operation string, price float32, flags string) osc.CatalogEntry {
	return osc.CatalogEntry{
		Category: new("compute"), Service: new(service), Type: new(kind), Operation: new(operation), UnitPrice: new(price),
		Flags: new(flags), SubregionName: new(r.subregion(0)), Title: new(kind),
	}
}
