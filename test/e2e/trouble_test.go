//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// holds checks something each second for a time: it must be true all along.
func (w *world) holds(what string, until time.Time, check func(context.Context) error) {
	w.t.Helper()
	errOver := w.WaitFor(w.t.Context(), what, time.Until(until)+patience, func(ctx context.Context) error {
		if err := check(ctx); err != nil {
			w.t.Errorf("%s: %v", what, err)
			return nil
		}
		if time.Now().Before(until) {
			return errNotYet
		}
		return nil
	})
	w.must(errOver)
}

// within is await with a bound of the test's own, and returns how long it took.
func (w *world) within(what string, bound time.Duration, check func(context.Context) error) time.Duration {
	w.t.Helper()
	began := time.Now()
	if err := w.WaitFor(w.t.Context(), what, bound, check); err != nil {
		w.t.Errorf("%s: not within %s: %v", what, bound, check(w.t.Context()))
	}
	return time.Since(began)
}

// podsRunning is PodsRun where the NodeClaims of other pods do not matter.
func (w *world) podsRunning(n int) func(context.Context) error {
	return func(ctx context.Context) error {
		state, err := w.State(ctx)
		if err == nil && state.Running() != n {
			err = fmt.Errorf("%d of %d pods run", state.Running(), n)
		}
		return err
	}
}

// addPool creates a NodePool like the default one for a NodeClass of the same name.
func (w *world) addPool(class *v1alpha1.OutscaleNodeClass) {
	w.t.Helper()
	w.must(w.Client.Create(w.t.Context(), class))
	w.await("NodeClass "+class.Name+" ready", w.nodeClassReady(class.Name))
	var pool karpv1.NodePool
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &pool))
	other := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: class.Name}, Spec: *pool.Spec.DeepCopy()}
	other.Spec.Template.Spec.NodeClassRef.Name = class.Name
	w.must(w.Client.Create(w.t.Context(), other))
}

// editInflate changes the Deployment of the examples.
func (w *world) editInflate(edit func(*appsv1.Deployment)) {
	w.t.Helper()
	deployment := &appsv1.Deployment{}
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: "default", Name: "inflate"}, deployment))
	stored := deployment.DeepCopy()
	edit(deployment)
	w.must(w.Client.Patch(w.t.Context(), deployment, client.MergeFrom(stored)))
}

// tries counts what was asked of Outscale, by type and subnet.
func (w *world) tries() map[string]int {
	w.t.Helper()
	out := map[string]int{}
	for _, call := range w.ProviderCalls() {
		if call.Name != "CreateVms" {
			continue
		}
		var sent struct {
			VMType   string `json:"VmType"`
			SubnetID string `json:"SubnetId"`
		}
		w.must(json.Unmarshal([]byte(call.Payload), &sent))
		out[sent.VMType+" in "+sent.SubnetID]++
	}
	return out
}

func TestPodsThatPreferASpreadRunThoughASubnetIsFull(t *testing.T) {
	w := start(t, sandbox.Options{Subregions: 2})
	w.must(w.Region.FillSubnet(w.Region.Fixture().Subnets[0].ID))
	w.editInflate(func(d *appsv1.Deployment) {
		spread := func(key string, otherwise corev1.UnsatisfiableConstraintAction) corev1.TopologySpreadConstraint {
			return corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: otherwise, LabelSelector: d.Spec.Selector}
		}
		d.Spec.Template.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{
			spread(corev1.LabelTopologyZone, corev1.ScheduleAnyway), spread(corev1.LabelHostname, corev1.DoNotSchedule),
		}
	})
	w.scale(4)
	took := w.within("4 pods running, one subnet full", time.Minute, w.podsRunning(4))
	t.Logf("4 pods run after %s; answers to CreateVms: %v", took.Round(time.Second), w.codes("CreateVms"))
}

func TestThirtyPodsWithEverythingSoldOutAreNoStorm(t *testing.T) {
	w := start(t, sandbox.Options{Subregions: 2})
	w.Region.SetCapacity("*", "*", 0)
	w.scale(30)
	w.atLeast(1, "CreateVms")
	calls := len(w.ProviderCalls())
	w.holds("at most two tries of each candidate", time.Now().Add(2*time.Minute), func(context.Context) error {
		for candidate, n := range w.tries() {
			if n > 2 {
				return fmt.Errorf("%d tries of %s", n, candidate)
			}
		}
		return nil
	})
	tries := w.tries()
	t.Logf("30 pods, everything sold out, two minutes: %d calls, %d candidates tried, at most %d times each",
		len(w.ProviderCalls())-calls, len(tries), slices.Max(slices.Collect(maps.Values(tries))))
}

func TestAStuckNodeClaimIsTriedAsOftenAsCoreWants(t *testing.T) {
	w := start(t, sandbox.Options{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultError, Code: "6031", Status: 409})
	w.scale(1)
	w.atLeast(1, "CreateVms")
	w.holds("at most 6 tries a minute", time.Now().Add(time.Minute), func(context.Context) error {
		if n := w.codes("CreateVms")["6031"]; n > 6 {
			return fmt.Errorf("%d tries", n)
		}
		return nil
	})
	t.Logf("tries of one stuck NodeClaim in its first minute: %d", w.codes("CreateVms")["6031"])
	w.Region.ClearFaults()
}
