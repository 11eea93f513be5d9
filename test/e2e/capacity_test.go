//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

func TestCapacity(t *testing.T) {
	w := start(t, sandbox.Options{})
	t.Run("a subregion that is sold out", func(t *testing.T) {
		w := w.in(t)
		full := w.Region.Fixture().Subnets[0].Subregion
		w.Region.SetCapacity("*", full, 0)
		w.run(3)
		for _, vm := range w.state().VMs {
			if vm.Subregion == full {
				t.Errorf("VM %s is in %s", vm.ID, full)
			}
		}
		w.oneVMEach()
	})
	t.Run("a type that is sold out", func(t *testing.T) {
		w := w.in(t)
		first := w.state().VMs[0].Type
		w.Region.SetCapacity(first, "*", 0)
		w.run(4)
		types := map[string]int{}
		for _, vm := range w.state().VMs {
			types[vm.Type]++
		}
		if types[first] != 3 || len(types) != 2 {
			t.Errorf("types %v, want three of %s and one of another", types, first)
		}
	})
	t.Run("everything sold out, until it comes back", func(t *testing.T) { soldOut(w.in(t)) })
	t.Run("quota", func(t *testing.T) { quota(w.in(t)) })
}

func soldOut(w *world) {
	w.Region.SetCapacity("*", "*", 0)
	w.scale(5)
	w.event("NodeClaim", "InsufficientCapacityError", "10001")
	w.await("the NodeClaim without a VM gone", w.claims(4))
	if state := w.state(); len(state.VMs) != 4 || state.Running() != 4 || len(state.Pods) != 5 {
		w.t.Errorf("%d VMs and %d running pods of %d, want 4, 4 of 5", len(state.VMs), state.Running(), len(state.Pods))
	}
	w.Region.SetCapacity("*", "*", -1)
	// What is sold out is remembered for minutes, and by this process alone.
	w.restart()
	w.await("5 pods running", w.PodsRun(5))
	w.oneVMEach()
	w.clear()
}

// claims checks that so many NodeClaims exist.
func (w *world) claims(n int) func(context.Context) error {
	return func(ctx context.Context) error {
		state, err := w.State(ctx)
		if len(state.NodeClaims) != n {
			err = errors.Join(err, fmt.Errorf("%d NodeClaims, want %d", len(state.NodeClaims), n))
		}
		return err
	}
}

func quota(w *world) {
	w.Region.SetCapacity("*", w.Region.Fixture().Subnets[0].Subregion, -1)
	w.Region.SetQuota("core_limit", usedCores(w.Region)+3)
	w.scale(2)
	w.event("NodeClaim", "QuotaExceeded", "core_limit")
	w.await("the NodeClaim without a VM gone", w.claims(1))
	w.Region.SetQuota("core_limit", 0)
	w.restart()
	w.await("2 pods running", w.PodsRun(2))
	w.oneVMEach()
	w.clear()
}

func usedCores(region *oapitest.Region) int {
	cores := 0
	for _, vm := range region.VMs() {
		if vm.State != "terminated" {
			cores += vm.VCores
		}
	}
	return cores
}
