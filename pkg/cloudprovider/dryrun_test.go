package cloudprovider_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	provider "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/dryrun"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// dryRun is the provider of a process with --dry-run in the same world.
func (w *world) dryRun(t *testing.T) cloudprovider.CloudProvider {
	t.Helper()
	api := account.DryRunAt(t, w.region, w.endpoint)
	prices := pricing.NewProvider(api, time.Now)
	if err := prices.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster := vm.Cluster{Name: "test", ID: w.region.Fixture().ClusterID, UID: "8a1f7c52-kube-system"}
	vms := vm.NewProvider(api, cluster, vm.Options{TagsInUserData: true}, time.Now)
	recorder := events.NewRecorder(w.events)
	w.refusals = availability.New(time.Now)
	kube := dryrun.NewClient(w.kube, recorder, true)
	return dryrun.NewProvider(provider.New(provider.Kube{Client: kube, Uncached: w.kube}, vms,
		instancetype.NewProvider(prices, w.refusals, nil), nodeoverlay.NewInstanceTypeStore(), recorder, provider.DefaultRepairTimes()), recorder)
}

var launchPlan = regexp.MustCompile(`^dry run: would launch a tina\S+ in subnet subnet-\w+ from image ami-\w+ \(eu-west-2[ab]\), 0\.\d+ EUR/h$`)

// wantNoChange wants the region to have heard of reads only.
func (w *world) wantNoChange(t *testing.T) {
	t.Helper()
	for call := range w.region.Calls() {
		if !strings.HasPrefix(call, "Read") {
			t.Errorf("%s was called", call)
		}
	}
}

func TestAScaleUpInADryRunIsAPlanAndGoesOnWithoutIt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	planned := w.dryRun(t)
	for range 3 {
		for _, name := range []string{"default-a1", "default-a2"} {
			_, err := planned.Create(ctx(t), claim(name))
			create, ok := errors.AsType[*cloudprovider.CreateError](err)
			if !ok || create.ConditionReason != "DryRun" || !errors.Is(err, oapi.ErrDryRun) {
				t.Fatalf("got %v, want a CreateError that core repeats", err)
			}
			if !launchPlan.MatchString(create.ConditionMessage) {
				t.Errorf("message %q", create.ConditionMessage)
			}
		}
	}
	w.wantNoChange(t)
	if why, until := w.refusals.OfClass(instancetype.Class(w.nodeClass)); why != "" || time.Now().Before(until) {
		t.Errorf("the NodeClass is blamed: %s", why)
	}
	if n := len(w.events.Events); n != 2 {
		t.Errorf("%d events, want one for each NodeClaim", n)
	}
	if event := <-w.events.Events; !strings.Contains(event, "Normal DryRun dry run: would launch") {
		t.Errorf("event %q", event)
	}
	w.restart(t)
	for _, name := range []string{"default-a1", "default-a2"} {
		if _, err := w.Create(ctx(t), claim(name)); err != nil {
			t.Errorf("%s after the dry run: %v", name, err)
		}
	}
	if n := len(w.machines()); n != 2 {
		t.Errorf("%d VMs, want 2", n)
	}
}

func TestADryRunDeletesAndRebootsNothingAndHidesNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	created, err := w.Create(ctx(t), claim("default-a1"))
	if err != nil {
		t.Fatal(err)
	}
	launched := claim("default-a1")
	launched.Status.ProviderID = created.Status.ProviderID
	planned := w.dryRun(t)
	w.region.ResetCounters()
	for range 3 {
		if err := planned.Delete(ctx(t), launched); !errors.Is(err, oapi.ErrDryRun) || cloudprovider.IsNodeClaimNotFoundError(err) {
			t.Errorf("deleting: %v, want a plan", err)
		}
	}
	w.wantNoChange(t)
	listed, err := planned.List(ctx(t))
	if err != nil || len(listed) != 1 || !listed[0].DeletionTimestamp.IsZero() {
		t.Errorf("listed %+v, %v: want the VM that runs", listed, err)
	}
	if event := <-w.events.Events; !strings.Contains(event, "would delete the VMs ["+w.machines()[0].ID+"]") {
		t.Errorf("event %q", event)
	}
	// Without it, the same NodeClaim ends.
	w.restart(t)
	if err := w.Delete(ctx(t), launched); err != nil {
		t.Errorf("deleting after the dry run: %v", err)
	}
	if n := w.region.Calls()["DeleteVms"]; n != 1 {
		t.Errorf("%d calls of DeleteVms, want 1", n)
	}
}
