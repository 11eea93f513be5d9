package vm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// fleetOf launches so many running VMs and returns their IDs.
func fleetOf(w *world, n int) []string {
	w.t.Helper()
	var claims []string
	for i := range n {
		claims = append(claims, fmt.Sprintf("default-%03d", i))
	}
	return ids(w.running(claims...))
}

func TestDeletionsOfManyCallersShareOneCall(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 20)
	errs := atOnce(t.Context(), 40, func(ctx context.Context, i int) error { return w.vms.Delete(ctx, fleet[i/2]) })
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	// On a busy machine some come after the first batch has left.
	if calls := w.Calls()["DeleteVms"]; calls > 4 {
		t.Errorf("40 deletions cost %d calls", calls)
	}
	for _, id := range fleet {
		if state := w.state(id); state != vm.StateShuttingDown {
			t.Errorf("VM %s is %s", id, state)
		}
	}
}

func TestLargeBatchesAreSplitByTheirSize(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Subregions: 2})
	fleet := fleetOf(w, 101)
	errs := atOnce(t.Context(), len(fleet), func(ctx context.Context, i int) error { return w.vms.Delete(ctx, fleet[i]) })
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	for _, sent := range w.deletions() {
		if len(sent) > 100 {
			t.Errorf("one call deletes %d VMs", len(sent))
		}
	}
	if calls := w.Calls()["DeleteVms"]; calls < 2 || calls > 5 {
		t.Errorf("101 deletions cost %d calls", calls)
	}
}

// deletions returns the IDs of each DeleteVms.
func (w *world) deletions() [][]string {
	w.t.Helper()
	var out [][]string
	for _, call := range w.APILog() {
		if call.Name != "DeleteVms" {
			continue
		}
		var sent struct{ VmIds []string } //nolint:revive // the API's spelling
		if err := json.Unmarshal([]byte(call.Payload), &sent); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, sent.VmIds)
	}
	return out
}

func TestOneUnknownVMDoesNotKeepTheOthersAlive(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	targets := append(fleetOf(w, 3), "i-00000000")
	errs := atOnce(t.Context(), len(targets), func(ctx context.Context, i int) error { return w.vms.Delete(ctx, targets[i]) })
	for i, err := range errs {
		if err != nil {
			t.Errorf("VM %s: %v", targets[i], err)
		}
	}
	for _, id := range targets[:3] {
		if state := w.state(id); state != vm.StateShuttingDown {
			t.Errorf("VM %s is %s", id, state)
		}
	}
	// One refusal is no proof: the unknown one is gone when reads have lacked it for a while.
	w.list()
	w.clock.Step(time.Minute)
	if err := w.vms.Delete(t.Context(), "i-00000000"); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("unknown VM: %v, want ErrNotFound", err)
	}
}

func TestOneProtectedVMDoesNotKeepTheOthersAlive(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 3)
	w.protect(fleet[1])
	errs := atOnce(t.Context(), len(fleet), func(ctx context.Context, i int) error { return w.vms.Delete(ctx, fleet[i]) })
	for i, want := range []string{vm.StateShuttingDown, vm.StateRunning, vm.StateShuttingDown} {
		if state := w.state(fleet[i]); state != want {
			t.Errorf("VM %d is %s, want %s", i, state, want)
		}
		if refused := oapi.Code(errs[i]) == "8018" && errors.Is(errs[i], vm.ErrProtected); refused != (i == 1) {
			t.Errorf("VM %d: %v", i, errs[i])
		}
	}
}

func TestThrottledBatchIsNotSplit(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 5)
	w.fault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultThrottle})
	errs := atOnce(t.Context(), len(fleet), func(ctx context.Context, i int) error { return w.vms.Delete(ctx, fleet[i]) })
	for _, err := range errs {
		if !oapi.IsThrottled(err) {
			t.Errorf("error %v", err)
		}
	}
	if calls := w.Calls()["DeleteVms"]; calls%6 != 0 {
		t.Errorf("%d calls, want each batch 6 times and nothing else", calls)
	}
}

func TestDeletingAVMThatShutsDownMakesNoCall(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{Terminate: 10 * time.Minute}})
	id := fleetOf(w, 1)[0]
	for range 10 {
		if err := w.vms.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		w.clock.Step(6 * time.Second)
	}
	w.wantCalls("DeleteVms", 1)
	w.clock.Step(10 * time.Minute)
	if err := w.vms.Delete(t.Context(), id); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound once it is terminated", err)
	}
	w.wantCalls("DeleteVms", 1)
}

func TestPendingAndStoppedVMsAreDeleted(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	stopped := fleetOf(w, 1)[0]
	w.StopVM(stopped)
	w.clock.Step(time.Minute)
	pending := w.launch("pending").ID
	for _, id := range []string{stopped, pending} {
		if err := w.vms.Delete(t.Context(), id); err != nil || w.state(id) != vm.StateShuttingDown {
			t.Errorf("VM %s is %s: %v", id, w.state(id), err)
		}
	}
}

func TestEndOfACallersContextDoesNotEndTheBatch(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 2)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	changed := w.Changed()
	if err := w.vms.Delete(ended, fleet[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("the impatient caller: %v", err)
	}
	if err := w.vms.Delete(t.Context(), fleet[1]); err != nil {
		t.Errorf("the patient caller: %v", err)
	}
	for _, id := range fleet {
		for w.state(id) != vm.StateShuttingDown {
			select {
			case <-changed:
				changed = w.Changed()
			case <-time.After(10 * time.Second):
				t.Fatalf("VM %s is %s", id, w.state(id))
			}
		}
	}
}

func TestDeletionWhoseReplyIsLostIsRepeated(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := fleetOf(w, 1)[0]
	w.fault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultLostReply, Times: 1})
	if err := w.vms.Delete(t.Context(), id); err != nil {
		t.Error(err)
	}
	w.wantCalls("DeleteVms", 2)
}

func TestBatchNamesEachVMOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 3)
	errs := atOnce(t.Context(), 9, func(ctx context.Context, i int) error { return w.vms.Delete(ctx, fleet[i%3]) })
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	sent := slices.Concat(w.deletions()...)
	slices.Sort(sent)
	slices.Sort(fleet)
	if diff := cmp.Diff(fleet, sent); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
}

// A protected VM stays in each batch of its NodeClaim's retries: it must not cost a call for every other one each time.
func TestRefusedBatchIsSplitInHalves(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Subregions: 2})
	fleet := fleetOf(w, 64)
	w.protect(fleet[9])
	w.ResetCounters()
	errs := atOnce(t.Context(), len(fleet), func(ctx context.Context, i int) error { return w.vms.Delete(ctx, fleet[i]) })
	for i, err := range errs {
		if refused := oapi.Code(err) == "8018"; refused != (i == 9) || err != nil && !refused {
			t.Errorf("VM %d: %v", i, err)
		}
	}
	// One batch of 64 costs 1 + 2*6; on a busy machine some come after it has left.
	if calls := w.Calls()["DeleteVms"]; calls > 20 {
		t.Errorf("64 deletions with one refused cost %d calls", calls)
	}
}
