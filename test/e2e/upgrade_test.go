//go:build e2e

package e2e

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestUpgradeReplacesAndRetagsNothing lets this build take over the fleet of the release before. Without the binary of
// that release, the fleet is one of this build that must look like the record in testdata/release-v0. With it, named by
// PREVIOUS_CONTROLLER, the fleet is the release's own, and -update records it.
//
// The release hashed NodeClasses otherwise. Its NodeClaims get the hash of this build, and none drifts for that.
func TestUpgradeReplacesAndRetagsNothing(t *testing.T) {
	previous := os.Getenv("PREVIOUS_CONTROLLER")
	w := start(t, sandbox.Options{PreviousController: previous})
	w.run(3)
	w.await("tags checked", w.reconciledTimes("nodeclaim.tagging", 3))
	before, fleet := w.state(), w.record()
	if previous != "" && *update {
		fleet.write(t)
	}
	if diff := cmp.Diff(recordedRelease(t).shape(t), fleet.shape(t)); diff != "" {
		t.Errorf("the fleet is not what the release wrote (-release +this):\n%s", diff)
	}

	t.Logf("the fleet was launched by %s", w.buildInfo())
	w.KillController()
	w.age(recordedRelease(t))
	w.Region.ResetCounters()
	w.must(w.Upgrade(t.Context()))
	t.Logf("it is taken over by %s", w.buildInfo())

	// Two sweeps of everything that deletes or tags, and one look of Karpenter at each NodeClaim.
	w.await("two garbage collections", w.reconciledTimes("vm.garbagecollection", 2))
	w.await("Karpenter's garbage collection", w.reconciledTimes("nodeclaim.garbagecollection", 1))
	w.await("two checks of each VM's tags", w.reconciledTimes("nodeclaim.tagging", 2*len(before.NodeClaims)))
	w.await("each NodeClaim looked at for drift", w.reconciledTimes("nodeclaim.disruption", len(before.NodeClaims)))
	w.await("three rounds of disruption", w.reconciledTimes("disruption", 3))
	w.await("a look at the NodeClass", w.reconciledTimes("nodeclass", 1))

	if calls := w.writes(); len(calls) > 0 {
		t.Errorf("the new controller changed the cloud: %v", calls)
	}
	w.unchanged(before)
	after := w.record()
	if diff := cmp.Diff(fleet.lasting(), after.lasting()); diff != "" {
		t.Errorf("the upgrade changed (-before +after):\n%s", diff)
	}
	class := v1alpha1.OutscaleNodeClass{Spec: after.NodeClass.Spec}
	for _, claim := range after.NodeClaims {
		if got := claim.Annotations[nodeClassHash+"-version"] + "-" + claim.Annotations[nodeClassHash]; got != class.VersionedHash() {
			t.Errorf("NodeClaim %s: hash %s, want %s: it would never drift again", claim.Name, got, class.VersionedHash())
		}
		for _, condition := range claim.Status.Conditions {
			if condition.Type == karpv1.ConditionTypeDrifted {
				t.Errorf("NodeClaim %s: condition Drifted is %s: %s %s", claim.Name, condition.Status, condition.Reason, condition.Message)
			}
		}
	}
	w.clear()
}

// age gives the NodeClaims the hash of the release, which a fleet of this build does not have.
func (w *world) age(release fleetRecord) {
	w.t.Helper()
	was := release.NodeClaims[0].Annotations
	state := w.state()
	for i := range state.NodeClaims {
		claim := &state.NodeClaims[i]
		stored := claim.DeepCopy()
		for _, key := range []string{nodeClassHash, nodeClassHash + "-version"} {
			claim.Annotations[key] = was[key]
		}
		w.must(w.Client.Patch(w.t.Context(), claim, client.MergeFrom(stored)))
	}
}

// writes counts the controller's calls that are more than reads.
func (w *world) writes() map[string]int {
	count := map[string]int{}
	for _, call := range w.ProviderCalls() {
		count[call.Name]++
	}
	maps.DeleteFunc(count, func(name string, _ int) bool { return len(name) > 4 && name[:4] == "Read" })
	return count
}

// lasting is what no upgrade may change: all but the hash, the conditions and the time of the last pod event.
func (f fleetRecord) lasting() fleetRecord {
	f = f.withoutHash()
	f.NodeClaims = slices.Clone(f.NodeClaims)
	for i := range f.NodeClaims {
		f.NodeClaims[i].Status.Conditions = nil
		f.NodeClaims[i].Status.LastPodEventTime = metav1.Time{}
	}
	return f
}
