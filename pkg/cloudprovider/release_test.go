package cloudprovider_test

import (
	"strings"
	"testing"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/nodeclass"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// upgraded is a world at the start of this release: the one before checked its class, which is Ready, and knew neither
// status.image nor status.securityGroups. Edit leaves in the status what else that release would.
func upgraded(t *testing.T, edit func(*v1alpha1.OutscaleNodeClassStatus)) *world {
	t.Helper()
	w := newWorld(t, &oapitest.Region{Subregions: 2}, nil)
	w.nodeClass.Status.Image, w.nodeClass.Status.SecurityGroups = nil, nil
	edit(&w.nodeClass.Status)
	if err := w.kube.Status().Update(ctx(t), w.nodeClass); err != nil {
		t.Fatal(err)
	}
	return w
}

func nothingElse(*v1alpha1.OutscaleNodeClassStatus) {}

func TestAnUpgradeLaunchesOnceTheControllerHasFilledTheStatus(t *testing.T) {
	w := upgraded(t, nothingElse)
	node := claim("default-a1")
	_, err := w.Create(ctx(t), node)
	createError := &karp.CreateError{}
	if !asCreateError(err, &createError) || karp.IsNodeClassNotReadyError(err) {
		t.Fatalf("got %v, want a CreateError: any other deletes the NodeClaim", err)
	}
	if !strings.Contains(err.Error(), `"default"`) || !strings.Contains(err.Error(), "image") {
		t.Errorf("%v: names neither the class nor what is missing", err)
	}
	if len(w.machines()) != 0 {
		t.Errorf("launched %+v of an image that was not looked up", w.machines())
	}
	if got := w.check(t); !got.IsResolved() || !got.StatusConditions().IsTrue("Ready") {
		t.Fatalf("after the first look: %+v", got.Status)
	}
	created, err := w.Create(ctx(t), node)
	if err != nil || len(w.machines()) != 1 || created.Status.ImageID != w.region.Fixture().ImageID {
		t.Errorf("%v, %d VMs, want one", err, len(w.machines()))
	}
}

func TestAnUpgradeMakesNothingDrift(t *testing.T) {
	for name, left := range map[string]func(*v1alpha1.OutscaleNodeClassStatus){
		"a release without image and groups": nothingElse,
		// A class that this release checked, before it was taken back and the spec was edited.
		"an image of an earlier spec": func(s *v1alpha1.OutscaleNodeClassStatus) {
			s.Image = &v1alpha1.Image{ID: "ami-0ddba115"}
			s.SecurityGroups = []v1alpha1.SecurityGroup{{ID: "sg-0ddba115"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{Subregions: 2}, nil)
			node := w.aged(t, func(c *v1alpha1.OutscaleNodeClass) {
				c.Generation-- // no edit
				c.Status.Image, c.Status.SecurityGroups = nil, nil
				left(&c.Status)
			})
			if reason := w.drifted(t, node); reason != "" {
				t.Errorf("drifted (%s) before the controller has looked", reason)
			}
			if got := w.check(t); !got.IsResolved() {
				t.Fatalf("after the first look: %+v", got.Status)
			}
			if reason := w.drifted(t, node); reason != "" {
				t.Errorf("drifted (%s): the upgrade replaces the fleet", reason)
			}
		})
	}
}

// An outage at the start of the controller must not turn a class that was Ready into one that is not: launches wait, and
// no NodeClaim is deleted.
func TestAnUpgradeDuringAnOutageLosesNoNodeClaim(t *testing.T) {
	w := upgraded(t, nothingElse)
	if err := w.region.AddFault(oapitest.Fault{Call: "ReadImages", Kind: oapitest.FaultErrorBefore}); err != nil {
		t.Fatal(err)
	}
	controller := nodeclass.NewController(clock.RealClock{}, w.kube, w.kube,
		discovery.NewProvider(account.ClientAt(t, w.region, w.endpoint)), w.refusals, events.NewRecorder(w.events))
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "default"}}); err == nil {
		t.Fatal("no error: nothing would look again")
	}
	_, err := w.Create(ctx(t), claim("default-a1"))
	createError := &karp.CreateError{}
	if !asCreateError(err, &createError) || len(w.machines()) != 0 {
		t.Errorf("got %v, %d VMs, want a CreateError and none", err, len(w.machines()))
	}
	w.region.ClearFaults()
	w.check(t)
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}
