//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestKpoNamesWhyPodsWait has pods that no node will run until somebody changes something.
func TestKpoNamesWhyPodsWait(t *testing.T) {
	w := start(t, sandbox.Options{})
	for _, look := range []struct {
		name string
		at   func(*world)
	}{
		{"NodePool at its limit", atItsLimit},
		{"pod that fits no type", fitsNoType},
		{"image that does not exist", badImage},
		{"subnet full", subnetFull},
	} {
		t.Run(look.name, func(t *testing.T) { look.at(w.in(t)) })
	}
}

// calm leaves a cluster without pods, NodeClaims and events.
func (w *world) calm() {
	w.t.Helper()
	w.scale(0)
	w.await("no NodeClaim", w.claims(0))
	w.forget()
}

func (w *world) editPool(edit func(*karpv1.NodePool)) {
	w.t.Helper()
	pool := &karpv1.NodePool{}
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, pool))
	stored := pool.DeepCopy()
	edit(pool)
	w.must(w.Client.Patch(w.t.Context(), pool, client.MergeFrom(stored)))
}

func atItsLimit(w *world) {
	w.run(1)
	w.editPool(func(p *karpv1.NodePool) { p.Spec.Limits = karpv1.Limits{corev1.ResourceCPU: resource.MustParse("2")} })
	w.scale(3)
	w.broken("pool-limit", func(s *situation) {
		s.diagnosed([]string{"KPO113"}, nil, "NodePool at its limit", "kubectl describe nodepool default")
	})
	w.editPool(func(p *karpv1.NodePool) { p.Spec.Limits = karpv1.Limits{corev1.ResourceCPU: resource.MustParse("200")} })
	w.await("3 pods run", w.podsRunning(3))
	w.calm()
}

func fitsNoType(w *world) {
	w.editInflate(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("600")
	})
	w.scale(1)
	w.broken("no-type-fits", func(s *situation) {
		s.diagnosed([]string{"KPO111"}, nil, "inflate", "no instance type has enough resources")
	})
	w.editInflate(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1")
	})
	w.calm()
}

func badImage(w *world) {
	class := &v1alpha1.OutscaleNodeClass{}
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, class))
	good, stored := class.Spec.ImageID, class.DeepCopy()
	class.Spec.ImageID = "ami-00000000"
	w.must(w.Client.Patch(w.t.Context(), class, client.MergeFrom(stored)))
	w.scale(1)
	w.broken("bad-image", func(s *situation) {
		s.diagnosed([]string{"KPO105"}, nil, "spec.imageId", "ami-00000000")
	})
	w.editNodeClass(func(c *v1alpha1.OutscaleNodeClass) { c.Spec.ImageID = good })
	w.await("1 pod runs", w.podsRunning(1))
	w.calm()
}

func subnetFull(w *world) {
	for _, subnet := range w.Region.Fixture().Subnets {
		w.must(w.Region.FillSubnet(subnet.ID))
	}
	w.scale(1) // before the NodeClass is read again: from then on nothing is tried
	w.event("NodeClaim", "SubnetFull", "no free address")
	w.broken("subnet-full", func(s *situation) {
		s.diagnosed([]string{"KPO106"}, nil, "spec.subnetIds")
	})
}

// budget keeps every pod of the Deployment of the examples where it is.
func budget() *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceDefault, Name: "inflate"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: new(intstr.FromInt32(0)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "inflate"}},
		},
	}
}

// drainBlocked deletes a NodeClaim whose pod may not be evicted, and lets it go at the end.
func drainBlocked(w *world) {
	claim := claimNames(w.state())[0]
	pdb := budget()
	w.must(w.Client.Create(w.t.Context(), pdb))
	w.await("the budget counts pods", func(ctx context.Context) error {
		err := w.Client.Get(ctx, client.ObjectKeyFromObject(pdb), pdb)
		if pdb.Status.ExpectedPods == 0 {
			err = errors.Join(err, fmt.Errorf("it guards no pod: %+v", pdb.Status))
		}
		return err
	})
	doomed := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: claim}}
	w.must(w.Client.Delete(w.t.Context(), doomed))
	w.broken("drain-blocked", func(s *situation) {
		s.diagnosed([]string{"KPO501"}, nil, "default/inflate", claim)
	})
	w.must(w.Client.Delete(w.t.Context(), pdb))
	w.await("NodeClaim gone", w.gone(doomed))
	w.await("3 pods run", w.podsRunning(3))
	w.forget()
}

// stoppedOutside stops a VM while no controller runs, as somebody does in the web console at night.
func stoppedOutside(w *world) {
	before := w.state()
	claim := claimNames(before)[2]
	id := path.Base(vmOf(w.t, before, claim))
	w.KillController()
	if !w.Region.StopVM(id) {
		w.t.Fatalf("VM %s cannot be stopped", id)
	}
	w.broken("vm-stopped", func(s *situation) {
		s.diagnosed([]string{"KPO412"}, nil, "stopped", id)
		s.kpo(1, []string{"console", claim}, "stopped")
	})
	doomed := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: claim}}
	w.must(w.StartController(w.t.Context()))
	w.must(client.IgnoreNotFound(w.Client.Delete(w.t.Context(), doomed)))
	w.await("NodeClaim gone", w.gone(doomed))
	w.await("3 pods run", w.podsRunning(3))
	w.forget()
}
