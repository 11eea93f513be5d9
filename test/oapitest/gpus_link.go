package oapitest

import (
	"fmt"
	"slices"

	osc "github.com/outscale/osc-sdk-go/v2"
)

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
	if r.linkedTo(m) >= maxGPUsPerVM {
		return nil, fail("10046", "the VM %s has %d flexible GPUs", m.id, maxGPUsPerVM)
	}
	if c.dryRun {
		return reply{}, nil
	}
	g.vmID, g.state = m.id, gpuAttaching
	if m.state == stateStopped {
		g.state = gpuAttached
		m.linkedGPUs++
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
	case m.subregion != g.subregion || m.shape.perf != highestPerf || g.generation != fmt.Sprintf("v%d", m.shape.generation):
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

func (r *Region) linkedTo(m *vm) int {
	n := 0
	for _, g := range r.gpus {
		if g.vmID == m.id {
			n++
		}
	}
	return n
}

func (m *vm) gpuCount() int { return m.shape.gpus + m.linkedGPUs }

// attachGPUs completes links when a VM starts, which a mere reboot does not do.
func (r *Region) attachGPUs(m *vm) {
	for _, g := range r.gpus {
		if g.vmID == m.id && g.state == gpuAttaching && m.stopped {
			g.state = gpuAttached
			m.linkedGPUs++
		}
		if g.vmID == m.id && g.state == gpuDetaching && m.stopped {
			g.state, g.vmID = gpuAllocated, ""
			m.linkedGPUs--
		}
	}
	m.stopped = false
}

func (r *Region) releaseGPUs(m *vm) {
	m.linkedGPUs = 0
	r.gpus = slices.DeleteFunc(r.gpus, func(g *gpu) bool {
		if g.vmID != m.id || !g.deleteWithVM {
			return false
		}
		g.rule.giveBack()
		return true
	})
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
		m.linkedGPUs--
	default:
		g.state = gpuDetaching
	}
	r.dirty = true
	return reply{}, nil
}
