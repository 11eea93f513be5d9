//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kwokapis "sigs.k8s.io/karpenter/kwok/apis"
	kwokv1alpha1 "sigs.k8s.io/karpenter/kwok/apis/v1alpha1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/ports"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// otherPool is the NodePool of the other Karpenter.
const otherPool = "other"

// TestTwoKarpentersLeaveEachOtherAlone runs Karpenter with its kwok provider next to ours, each with NodeClaims of its
// own, and scales both.
func TestTwoKarpentersLeaveEachOtherAlone(t *testing.T) {
	w := start(t, sandbox.Options{})
	other := w.otherKarpenter()
	t.Cleanup(func() { other.Kill() })
	w.scaleOther(5)
	w.awaitClaims(otherPool, 1)
	w.scale(5)
	w.await("5 pods running", w.podsRunning(5))
	theirs := w.claimsOf(otherPool)
	for range 2 { // load on both sides
		w.scale(1)
		w.holds("the NodeClaims of the other Karpenter stay", time.Now().Add(45*time.Second), w.keeps(theirs))
		w.scale(6)
		w.await("6 pods running", w.podsRunning(6))
		w.holds("the NodeClaims of the other Karpenter stay", time.Now().Add(45*time.Second), w.keeps(theirs))
	}
	ours := w.claimsOf("default")
	w.scaleOther(0)
	w.await("the other Karpenter's NodeClaims gone", func(context.Context) error {
		if left := w.claimsOf(otherPool); len(left) > 0 {
			return fmt.Errorf("%d are left", len(left))
		}
		return nil
	})
	w.holds("our NodeClaims stay", time.Now().Add(30*time.Second), w.keeps(ours))
	if vms := w.state().VMs; len(vms) != len(ours) {
		t.Errorf("%d VMs for %d NodeClaims", len(vms), len(ours))
	}
	t.Logf("%d NodeClaims of the other Karpenter and %d of ours, none touched by the wrong one", len(theirs), len(ours))
}

// awaitClaims waits until a NodePool has so many initialized NodeClaims at least.
func (w *world) awaitClaims(pool string, least int) {
	w.t.Helper()
	w.await("NodeClaims of "+pool, func(ctx context.Context) error {
		state, err := w.State(ctx)
		n := 0
		for i := range state.NodeClaims {
			if claim := &state.NodeClaims[i]; claim.Labels[karpv1.NodePoolLabelKey] == pool && initialized(claim) {
				n++
			}
		}
		if n < least {
			err = errors.Join(err, fmt.Errorf("%d are initialized, want %d", n, least))
		}
		return err
	})
}

// claimsOf returns the UIDs of a NodePool's NodeClaims, by name.
func (w *world) claimsOf(pool string) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	state := w.state()
	for i := range state.NodeClaims {
		if claim := &state.NodeClaims[i]; claim.Labels[karpv1.NodePoolLabelKey] == pool && claim.DeletionTimestamp.IsZero() {
			out[claim.Name] = string(claim.UID)
		}
	}
	return out
}

// keeps checks that none of the NodeClaims is gone, is going, or carries a finalizer or tag of the wrong Karpenter.
func (w *world) keeps(claims map[string]string) func(context.Context) error {
	return func(ctx context.Context) error {
		state, err := w.State(ctx)
		if err != nil {
			return err
		}
		alive := map[string]string{}
		for i := range state.NodeClaims {
			if claim := &state.NodeClaims[i]; claim.DeletionTimestamp.IsZero() {
				alive[claim.Name] = string(claim.UID)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(claims)) {
			if alive[name] != claims[name] {
				return fmt.Errorf("NodeClaim %s is gone or going", name)
			}
		}
		return nil
	}
}

// otherKarpenter starts a real Karpenter with the provider that plays its nodes by kwok.
func (w *world) otherKarpenter() *process.Process {
	w.t.Helper()
	ctx := w.t.Context()
	root, err := gobuild.Root(ctx)
	w.must(err)
	program := gobuild.Program{Title: "Karpenter for kwok", Package: "sigs.k8s.io/karpenter/kwok", Output: filepath.Join(root, "bin", "karpenter-kwok")}
	w.must(program.Always(ctx, w.t.Output()))
	for _, definition := range kwokapis.CRDs {
		w.must(client.IgnoreAlreadyExists(w.Client.Create(ctx, definition.DeepCopy())))
	}
	w.createOther()
	drawn, err := ports.Reserve(2)
	w.must(err)
	w.t.Cleanup(drawn.Release)
	p, err := process.Start(ctx, process.Spec{
		Path: program.Output,
		Env: append(os.Environ(), "KUBECONFIG="+w.ControlPlane.Kubeconfig, "DISABLE_LEADER_ELECTION=true",
			"METRICS_PORT="+drawn.Port(0), "HEALTH_PROBE_PORT="+drawn.Port(1)),
		Log: filepath.Join(w.Dir, "other-karpenter.log"),
	})
	w.must(err)
	return p
}

// createOther creates the NodeClass, the NodePool and the Deployment of the other Karpenter.
func (w *world) createOther() {
	w.t.Helper()
	ctx := w.t.Context()
	class := &kwokv1alpha1.KWOKNodeClass{ObjectMeta: metav1.ObjectMeta{Name: otherPool}}
	w.await("KWOKNodeClass", func(ctx context.Context) error { return client.IgnoreAlreadyExists(w.Client.Create(ctx, class)) })
	pool := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: otherPool}}
	pool.Spec.Template.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: "karpenter.kwok.sh", Kind: "KWOKNodeClass", Name: otherPool}
	pool.Spec.Template.Spec.Taints = []corev1.Taint{{Key: otherPool, Effect: corev1.TaintEffectNoSchedule}}
	pool.Spec.Template.Spec.Requirements = []karpv1.NodeSelectorRequirementWithMinValues{
		{Key: karpv1.CapacityTypeLabelKey, Operator: corev1.NodeSelectorOpIn, Values: []string{karpv1.CapacityTypeOnDemand}},
	}
	pool.Spec.Disruption.ConsolidateAfter = karpv1.MustParseNillableDuration("5s")
	pool.Spec.Disruption.Budgets = []karpv1.Budget{{Nodes: "100%"}}
	w.must(w.Client.Create(ctx, pool))
	inflate := &appsv1.Deployment{}
	w.must(w.Client.Get(ctx, client.ObjectKey{Namespace: "default", Name: "inflate"}, inflate))
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: otherPool}, Spec: *inflate.Spec.DeepCopy()}
	deployment.Spec.Replicas = new(int32(0))
	deployment.Spec.Template.Spec.NodeSelector = map[string]string{karpv1.NodePoolLabelKey: otherPool}
	deployment.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Key: otherPool, Operator: corev1.TolerationOpExists}}
	w.must(w.Client.Create(ctx, deployment))
}

func (w *world) scaleOther(replicas int32) {
	w.t.Helper()
	deployment := &appsv1.Deployment{}
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: "kube-public", Name: otherPool}, deployment))
	stored := deployment.DeepCopy()
	deployment.Spec.Replicas = &replicas
	w.must(w.Client.Patch(w.t.Context(), deployment, client.MergeFrom(stored)))
}
