package oapitest

import (
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	gpuAllocated = "allocated"
	gpuAttaching = "attaching"
	gpuAttached  = "attached"
	gpuDetaching = "detaching"
	maxGPUsPerVM = 2
)

// gpu is one flexible GPU of the account.
type gpu struct {
	id, model, generation, subregion, state, vmID string
	deleteWithVM                                  bool
	rule                                          *capacityRule
}

// gpuModel is one row of the catalogue of flexible GPUs.
type gpuModel struct {
	name                          string
	generations                   []string
	maxCores, maxMemory, videoRAM int32
}

func gpuModels() []gpuModel {
	return []gpuModel{
		{"nvidia-k2", []string{"v3", "v4"}, 18, 120, 4000},
		{"nvidia-m60", []string{"v3", "v4"}, 36, 244, 8000},
		{"nvidia-p6", []string{"v5"}, 80, 512, 16000},
		{"nvidia-p100", []string{"v5"}, 80, 512, 16000},
		{"nvidia-v100", []string{"v5"}, 35, 250, 16000},
		{"nvidia-a100", []string{"v5", "v6"}, 35, 250, 40000},
		{"nvidia-a100-80", []string{"v6"}, 35, 256, 80000},
		{"nvidia-l40", []string{"v7"}, 35, 250, 48000},
	}
}

func createGPU(r *Region, c *call, req osc.CreateFlexibleGpuRequest) (reply, error) {
	models := gpuModels()
	at := slices.IndexFunc(models, func(m gpuModel) bool { return m.name == req.ModelName })
	if at < 0 {
		return nil, fail("5074", "the GPU model %q does not exist", req.ModelName)
	}
	generation := models[at].generations[0]
	if req.Generation != nil {
		generation = *req.Generation
	}
	if !slices.Contains(models[at].generations, generation) || !slices.Contains(r.subregions(), req.SubregionName) {
		return nil, fail("4047", "the generation %q or the subregion %q does not fit", generation, req.SubregionName)
	}
	if limit := r.quotas[quotaGPUs]; limit > 0 && r.usage(quotaGPUs) >= limit {
		return nil, fail("10046", "the quota %s of %d is exceeded", quotaGPUs, limit)
	}
	rule := r.ruleFor(req.ModelName, req.SubregionName)
	if rule != nil && rule.left < 1 {
		return nil, fail("10001", "there is no %s left in %s", req.ModelName, req.SubregionName)
	}
	if c.dryRun {
		return reply{}, nil
	}
	g := &gpu{
		id: r.newID(prefixGPU), model: req.ModelName, generation: generation, subregion: req.SubregionName,
		state: gpuAllocated, deleteWithVM: req.GetDeleteOnVmDeletion(), rule: rule,
	}
	rule.take()
	r.gpus = append(r.gpus, g)
	return reply{"FlexibleGpu": g.describe()}, nil
}

func (g *gpu) describe() osc.FlexibleGpu {
	out := osc.FlexibleGpu{
		FlexibleGpuId: new(g.id), ModelName: new(g.model), Generation: new(g.generation), SubregionName: new(g.subregion),
		State: new(g.state), DeleteOnVmDeletion: new(g.deleteWithVM),
	}
	setIf(&out.VmId, g.vmID)
	return out
}

func (r *Region) gpu(id string) (*gpu, error) {
	if err := checkIDs(prefixGPU, id); err != nil {
		return nil, err
	}
	for _, g := range r.gpus {
		if g.id == id {
			return g, nil
		}
	}
	return nil, fail("5074", "the flexible GPU %s does not exist", id)
}

func deleteGPU(r *Region, c *call, req osc.DeleteFlexibleGpuRequest) (reply, error) {
	g, err := r.gpu(req.FlexibleGpuId)
	if err != nil {
		return nil, err
	}
	if g.state != gpuAllocated {
		return nil, fail("6003", "the flexible GPU %s is %s", g.id, g.state)
	}
	if c.dryRun {
		return reply{}, nil
	}
	g.rule.giveBack()
	r.gpus = slices.DeleteFunc(r.gpus, func(other *gpu) bool { return other == g })
	return reply{}, nil
}

func readGPUs(r *Region, c *call, q query) (reply, error) {
	var items []osc.FlexibleGpu
	for _, g := range r.gpus {
		items = append(items, g.describe())
	}
	return read(r, c, q, list[osc.FlexibleGpu]{
		name: "FlexibleGpus", items: items, key: func(g osc.FlexibleGpu) string { return g.GetFlexibleGpuId() }, filter: gpuFilters(),
	})
}

func gpuFilters() filters[osc.FlexibleGpu] {
	return filters[osc.FlexibleGpu]{paths: map[string]string{
		"DeleteOnVmDeletion": "DeleteOnVmDeletion", "FlexibleGpuIds": "FlexibleGpuId", "Generations": "Generation",
		"ModelNames": "ModelName", "States": "State", "SubregionNames": "SubregionName", "VmIds": "VmId",
	}}
}

func readGPUCatalog(_ *Region, _ *call, _ struct{}) (reply, error) {
	var items []osc.FlexibleGpuCatalog
	for _, m := range gpuModels() {
		items = append(items, osc.FlexibleGpuCatalog{
			ModelName: new(m.name), Generations: new(m.generations), MaxCpu: new(m.maxCores), MaxRam: new(m.maxMemory), VRam: new(m.videoRAM),
		})
	}
	return reply{"FlexibleGpuCatalog": items}, nil
}

// gpuModelOf is the name that the catalogue of prices uses.
func gpuModelOf(name string) string { return strings.TrimPrefix(name, "nvidia-") }
