//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

func TestStrippedTagsAreRepairedAndCostNoNode(t *testing.T) {
	w := start(t, sandbox.Options{ReadyDelay: unready})
	w.run(3)
	before := w.state()

	t.Run("while the controller runs", func(t *testing.T) {
		w := w.in(t)
		w.strip(before, before.VMs[0].ID, tagManagedBy, tagNodeName)
		w.await("tags repaired", w.tagsOf(before))
		w.unchanged(before)
	})

	t.Run("across a restart, with all tags of all VMs gone and none that can be set", func(t *testing.T) {
		w := w.in(t)
		w.fault(oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultErrorBefore})
		w.KillController()
		for _, vm := range before.VMs {
			w.strip(before, vm.ID)
		}
		w.Region.ResetCounters()
		w.must(w.StartController(t.Context()))
		// Karpenter deletes NodeClaims that List does not know, and we VMs that no NodeClaim knows.
		w.await("Karpenter's garbage collection", w.reconciled("nodeclaim.garbagecollection"))
		w.await("our garbage collection", w.reconciled("vm.garbagecollection"))
		w.atLeast(3, "CreateTags")
		w.unchanged(before)
		w.Region.ClearFaults()
		w.await("tags repaired", w.tagsOf(before))
		w.unchanged(before)
	})
	if deleted := w.codes("DeleteVms"); len(deleted) > 0 {
		t.Errorf("DeleteVms %v before anyone scaled down", deleted)
	}
	w.clear()
}

// strip takes tags from a VM, all of them if none is named.
func (w *world) strip(before sandbox.State, id string, keys ...string) {
	w.t.Helper()
	if !w.Region.StripTags(id, keys...) || w.tagsOf(before)(w.t.Context()) == nil {
		w.t.Fatalf("the tags of VM %s are still there", id)
	}
}

// tagsOf checks that the VMs carry the provider's tags of an earlier state.
func (w *world) tagsOf(before sandbox.State) func(context.Context) error {
	return func(ctx context.Context) error {
		now, err := w.State(ctx)
		if err != nil {
			return err
		}
		for i, vm := range now.VMs {
			want := before.VMs[i].Tags
			for _, key := range []string{tagManagedBy, tagNodeName, tagUID, tagNodeClaim, "OscK8sClusterID/" + w.Region.ClusterID} {
				if got, ok := vm.Tags[key]; !ok || got != want[key] {
					return fmt.Errorf("VM %s: tag %s is %q, want %q", vm.ID, key, got, want[key])
				}
			}
		}
		return nil
	}
}

// unchanged fails unless the same NodeClaims and VMs are there, and the pods run.
func (w *world) unchanged(before sandbox.State) {
	w.t.Helper()
	now := w.state()
	if diff := cmp.Diff(claimUIDs(before), claimUIDs(now)); diff != "" {
		w.t.Errorf("other NodeClaims (-before +now):\n%s", diff)
	}
	for i := range now.NodeClaims {
		if !now.NodeClaims[i].DeletionTimestamp.IsZero() {
			w.t.Errorf("NodeClaim %s is being deleted", now.NodeClaims[i].Name)
		}
	}
	if len(now.VMs) != len(before.VMs) || len(now.Nodes) != len(before.Nodes) || now.Running() != before.Running() {
		w.t.Errorf("%d VMs, %d Nodes, %d running pods; before %d, %d, %d",
			len(now.VMs), len(now.Nodes), now.Running(), len(before.VMs), len(before.Nodes), before.Running())
	}
}

// reconciled checks in the metrics that the present life of the controller has run one of its controllers to the end.
func (w *world) reconciled(controller string) func(context.Context) error {
	return w.reconciledTimes(controller, 1)
}
