//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// event waits for an event of a kind of object whose message holds a text.
func (w *world) event(kind, reason, text string) {
	w.t.Helper()
	w.await(fmt.Sprintf("event %s with %q", reason, text), func(ctx context.Context) error {
		var events corev1.EventList
		if err := w.Client.List(ctx, &events); err != nil {
			return err
		}
		var seen []string
		for _, event := range events.Items {
			if event.InvolvedObject.Kind != kind {
				continue
			}
			if event.Reason == reason && strings.Contains(event.Message, text) {
				return nil
			}
			seen = append(seen, event.Reason+": "+event.Message)
		}
		return fmt.Errorf("events of %ss: %q", kind, seen)
	})
}

// oneVMEach fails if any NodeClaim that ever lived had two VMs, those that are gone included.
func (w *world) oneVMEach() {
	w.t.Helper()
	ids := map[string][]string{}
	for _, vm := range w.Region.VMs() {
		if !vm.Fixture {
			// The token names the NodeClaim even where tags were lost.
			ids[vm.ClientToken] = append(ids[vm.ClientToken], vm.ID)
			if uid := vm.Tags[tagUID]; uid != "" {
				ids[uid] = append(ids[uid], vm.ID)
			}
		}
	}
	for owner, vms := range ids {
		if len(vms) > 1 {
			w.t.Errorf("%q has %d VMs: %v", owner, len(vms), vms)
		}
	}
}

// atLeast waits until the controller's calls of one kind, answered or not, have reached a number.
func (w *world) atLeast(n int, call string) {
	w.t.Helper()
	w.await(fmt.Sprintf("%d %s", n, call), func(context.Context) error {
		if seen := w.Region.Calls()[call]; seen < n {
			return fmt.Errorf("%d calls of %s", seen, call)
		}
		return nil
	})
}

func (w *world) fault(f oapitest.Fault) {
	w.t.Helper()
	w.must(w.Region.AddFault(f))
}

// codes counts the answers to one call of the controller.
func (w *world) codes(call string) map[string]int {
	count := map[string]int{}
	for _, c := range w.ProviderCalls() {
		if c.Name == call {
			count[c.Code]++
		}
	}
	return count
}

func claimUIDs(state sandbox.State) []string {
	var out []string
	for i := range state.NodeClaims {
		out = append(out, string(state.NodeClaims[i].UID))
	}
	return slices.Sorted(slices.Values(out))
}

func claimNames(state sandbox.State) []string {
	var out []string
	for i := range state.NodeClaims {
		out = append(out, state.NodeClaims[i].Name)
	}
	return slices.Sorted(slices.Values(out))
}

// initialized reports whether a NodeClaim came all the way.
func initialized(claim *karpv1.NodeClaim) bool {
	return claim.StatusConditions().Get(karpv1.ConditionTypeInitialized).IsTrue()
}

var errNotYet = errors.New("not yet")
