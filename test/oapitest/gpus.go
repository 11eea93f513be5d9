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
	if rule != nil {
		rule.left--
	}
	g := &gpu{
		id: r.newID(prefixGPU), model: req.ModelName, generation: generation, subregion: req.SubregionName,
		state: gpuAllocated, deleteWithVM: req.GetDeleteOnVmDeletion(),
	}
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

// linkGPU attaches at once on a stopped VM; a running one has to stop and start first.
func linkGPU(r *Region, c *call, req osc.LinkFlexibleGpuRequest) (reply, error) {
	g, err := r.gpu(req.FlexibleGpuId)
	if err != nil {
		return nil, err
	}
	machines, err := r.named([]string{req.VmId})
	if err != nil {
		return nil, err
	}
	m := machines[0]
	if err := g.fits(m); err != nil {
		return nil, err
	}
	if m.linkedGPUs(r) >= maxGPUsPerVM {
		return nil, fail("10046", "the VM %s has %d flexible GPUs", m.id, maxGPUsPerVM)
	}
	if c.dryRun {
		return reply{}, nil
	}
	g.vmID, g.state = m.id, gpuAttaching
	if m.state == stateStopped {
		g.state = gpuAttached
		m.shape.gpus++
	}
	r.dirty = true
	return reply{}, nil
}

func (g *gpu) fits(m *vm) error {
	switch {
	case g.state != gpuAllocated:
		return fail("6003", "the flexible GPU %s is %s", g.id, g.state)
	case !m.alive() || m.state == stateShuttingDown:
		return fail("6003", "the VM %s is %s", m.id, m.state)
	case m.subregion != g.subregion || m.shape.perf != highestPerf || g.generation != "v"+string(rune('0'+m.shape.generation)):
		return fail("3002", "the VM %s of type %s in %s cannot take a %s of generation %s in %s",
			m.id, m.vmType, m.subregion, g.model, g.generation, g.subregion)
	}
	for _, model := range gpuModels() {
		if model.name == g.model && (m.shape.vcores > int(model.maxCores) || m.shape.gib() > int(model.maxMemory)) {
			return fail("3002", "the VM %s is too large for a %s", m.id, g.model)
		}
	}
	return nil
}

func (m *vm) linkedGPUs(r *Region) int {
	n := 0
	for _, g := range r.gpus {
		if g.vmID == m.id {
			n++
		}
	}
	return n
}

func (m *vm) gpuCount() int { return m.shape.gpus }

// attachGPUs completes links when a VM starts, which a mere reboot does not do.
func (r *Region) attachGPUs(m *vm) {
	for _, g := range r.gpus {
		if g.vmID == m.id && g.state == gpuAttaching && m.stopped {
			g.state = gpuAttached
			m.shape.gpus++
		}
		if g.vmID == m.id && g.state == gpuDetaching && m.stopped {
			g.state, g.vmID = gpuAllocated, ""
			m.shape.gpus--
		}
	}
	m.stopped = false
}

func (r *Region) releaseGPUs(m *vm) {
	r.gpus = slices.DeleteFunc(r.gpus, func(g *gpu) bool { return g.vmID == m.id && g.deleteWithVM })
	for _, g := range r.gpus {
		if g.vmID == m.id {
			g.vmID, g.state = "", gpuAllocated
		}
	}
}

func unlinkGPU(r *Region, c *call, req osc.UnlinkFlexibleGpuRequest) (reply, error) {
	g, err := r.gpu(req.FlexibleGpuId)
	if err != nil {
		return nil, err
	}
	if g.vmID == "" {
		return nil, fail("6003", "the flexible GPU %s is not linked", g.id)
	}
	if c.dryRun {
		return reply{}, nil
	}
	m := r.byID[g.vmID]
	switch {
	case g.state == gpuAttaching:
		g.vmID, g.state = "", gpuAllocated
	case m.state == stateStopped:
		g.vmID, g.state = "", gpuAllocated
		m.shape.gpus--
	default:
		g.state = gpuDetaching
	}
	r.dirty = true
	return reply{}, nil
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
	if rule := r.ruleFor(g.model, g.subregion); rule != nil {
		rule.left++
	}
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
