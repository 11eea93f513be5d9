//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestKilledControllerNeverLaunchesTwice kills the controller (kill -9) at awkward moments of one scale-up and of the
// scale-down, and lets the last of its lives end the work.
func TestKilledControllerNeverLaunchesTwice(t *testing.T) {
	const replicas = 12
	w := start(t, sandbox.Options{APILatency: 300 * time.Millisecond})
	w.scale(replicas)

	w.atLeast(1, "CreateVms")
	w.restart()

	// VMs that no process has ever heard of: the answers get lost, and the process dies while it repeats its calls.
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultLostReply, Times: 3})
	w.await("3 answers lost", func(context.Context) error {
		if lost := w.codes("CreateVms")["lost-reply"]; lost < 3 {
			return fmt.Errorf("%d answers lost", lost)
		}
		return nil
	})
	w.restart()

	w.await("half of the VMs", func(ctx context.Context) error {
		state, err := w.State(ctx)
		if err == nil && len(state.VMs) < replicas/2 {
			err = fmt.Errorf("%d VMs", len(state.VMs))
		}
		return err
	})
	w.restart()

	w.await("12 pods running", w.PodsRun(replicas))
	w.oneVMEach()
	if state := w.state(); len(state.VMs) != replicas || len(state.NodeClaims) != replicas || len(state.Nodes) != replicas {
		t.Errorf("%d VMs, %d NodeClaims, %d Nodes, want %d each", len(state.VMs), len(state.NodeClaims), len(state.Nodes), replicas)
	}

	w.scale(0)
	w.atLeast(1, "DeleteVms")
	w.restart()
	w.await("nothing left", w.NothingLeft)
	w.oneVMEach()
}

// TestLaunchesThatLookFailedAreNotRepeated answers launches with errors although the VMs were made.
func TestLaunchesThatLookFailedAreNotRepeated(t *testing.T) {
	w := start(t, sandbox.Options{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorAfter, Times: 2})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultLostReply, Nth: 4})
	w.run(3)
	codes := w.codes("CreateVms")
	if codes["lost-reply"] == 0 || len(codes) < 3 {
		t.Errorf("answers to CreateVms %v: the faults did not strike", codes)
	}
	w.oneVMEach()

	t.Run("and nor are those of a throttled account", func(t *testing.T) {
		w := w.in(t)
		w.Region.SetLimits(oapitest.Limits{AccountRPS: 1})
		w.run(6)
		if w.codes("CreateVms")["24"]+w.codes("ReadVms")["24"] == 0 {
			t.Error("no call was throttled: the limit did not bite")
		}
		w.oneVMEach()
		w.Region.SetLimits(oapitest.Limits{})
		w.clear()
	})
}
