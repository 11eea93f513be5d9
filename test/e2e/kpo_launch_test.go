//go:build e2e

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestKpoNamesWhyNothingIsLaunched takes away what VMs are made of.
func TestKpoNamesWhyNothingIsLaunched(t *testing.T) {
	w := start(t, sandbox.Options{})
	t.Run("controller down, and no Deployment that shows it", func(t *testing.T) { nobodyLaunches(w.in(t)) })
	t.Run("quota", func(t *testing.T) {
		w := w.in(t)
		w.Region.SetQuota("core_limit", usedCores(w.Region)+1)
		w.scale(1)
		w.event("NodeClaim", "QuotaExceeded", "core_limit")
		w.broken("quota", func(s *situation) {
			s.diagnosed([]string{"KPO103"}, nil, "a quota of the Outscale account is reached", "core_limit")
			s.kpo(0, []string{"orphans"}, noLeak)
		})
		w.scale(0)
		w.await("no NodeClaim", w.claims(0))
		w.Region.SetQuota("core_limit", 0)
		w.broken("quota-lifted", func(s *situation) {
			// The event is still there, and says nothing of now.
			s.silent(s.kpo(0, []string{"doctor"}), "ERROR")
		})
		w.forget()
	})
	t.Run("capacity", func(t *testing.T) {
		w := w.in(t)
		w.Region.SetCapacity("*", "*", 0)
		// What was refused is remembered for minutes, and by this process alone.
		w.restart()
		w.scale(1)
		w.event("NodeClaim", "InsufficientCapacityError", "10001")
		w.broken("capacity", func(s *situation) {
			s.diagnosed([]string{"KPO102"}, nil, "Outscale has no room for any of the VM types that the NodePool allows", "kubectl kpo types")
			s.nothingLeaks()
		})
	})
}

// nobodyLaunches waits for a minute: rules leave younger launches alone.
func nobodyLaunches(w *world) {
	w.KillController()
	claim := &karpv1.NodeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "default-by-hand", Labels: map[string]string{karpv1.NodePoolLabelKey: "default"}},
		Spec: karpv1.NodeClaimSpec{
			NodeClassRef: &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"},
			Requirements: []karpv1.NodeSelectorRequirementWithMinValues{{Key: corev1.LabelOSStable, Operator: corev1.NodeSelectorOpIn, Values: []string{"linux"}}},
		},
	}
	w.must(w.Client.Create(w.t.Context(), claim))
	w.broken("nobody-launches", func(s *situation) {
		s.diagnosed([]string{"KPO110"}, nil, "no controller works on the NodeClaim: Karpenter is down, or not the leader",
			"has no condition Launched", "Karpenter deletes the NodeClaim")
		s.nothingLeaks()
	})
	w.must(w.Client.Delete(w.t.Context(), claim))
	w.must(w.StartController(w.t.Context()))
}

// forget deletes the events: doctor looks back for a quarter of an hour.
func (w *world) forget() {
	w.t.Helper()
	w.must(w.Client.DeleteAllOf(w.t.Context(), &corev1.Event{}, client.InNamespace(corev1.NamespaceDefault)))
}
