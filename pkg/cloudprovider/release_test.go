package cloudprovider_test

import (
	"testing"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
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

// Definitions that are older than the controller have no such fields either: the API server drops them.
func TestAnUpgradeLaunchesWhatTheOtherReleaseChecked(t *testing.T) {
	w := upgraded(t, nothingElse)
	created, err := w.Create(ctx(t), claim("default-a1"))
	fixture := w.region.Fixture()
	if err != nil || len(w.machines()) != 1 || created.Status.ImageID != fixture.ImageID {
		t.Fatalf("%v, %d VMs, want one", err, len(w.machines()))
	}
	if got := w.check(t); !got.IsResolved() || !got.StatusConditions().IsTrue("Ready") {
		t.Fatalf("after the first look: %+v", got.Status)
	}
	if _, err := w.Create(ctx(t), claim("default-a2")); err != nil || len(w.machines()) != 2 {
		t.Errorf("%v, %d VMs, want two", err, len(w.machines()))
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

// An outage at the start of the controller must not turn a class that was Ready into one that is not.
func TestAnUpgradeDuringAnOutageLaunches(t *testing.T) {
	w := upgraded(t, nothingElse)
	if err := w.region.AddFault(oapitest.Fault{Call: "ReadImages", Kind: oapitest.FaultErrorBefore}); err != nil {
		t.Fatal(err)
	}
	controller := nodeclass.NewController(clock.RealClock{}, w.kube, w.kube,
		discovery.NewProvider(account.ClientAt(t, w.region, w.endpoint)), w.refusals, events.NewRecorder(w.events))
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "default"}}); err == nil {
		t.Fatal("no error: nothing would look again")
	}
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil || len(w.machines()) != 1 {
		t.Errorf("%v, %d VMs, want one", err, len(w.machines()))
	}
}
