package cloudprovider_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// restartWithoutPrices restarts the provider while no catalogue can be read, and returns what would read one later.
func (w *world) restartWithoutPrices(t *testing.T, static ...vmtype.Type) *pricing.Provider {
	t.Helper()
	for _, call := range []string{"ReadCatalog", "ReadPublicCatalog"} {
		if err := w.region.AddFault(oapitest.Fault{Call: call, Kind: oapitest.FaultErrorBefore, Times: 3}); err != nil {
			t.Fatal(err)
		}
	}
	api := account.ClientAt(t, w.region, w.endpoint)
	prices := pricing.NewProvider(api, time.Now)
	if err := prices.Load(t.Context()); err == nil {
		t.Fatal("the catalogue was read")
	}
	vms := vm.NewProvider(api, vm.Cluster{Name: "test", ID: w.region.Fixture().ClusterID, UID: "8a1f7c52-kube-system"}, vm.Options{TagsInUserData: true}, time.Now)
	w.refusals = availability.New(time.Now)
	w.CloudProvider = cloudprovider.New(cloudprovider.Kube{Client: w.kube, Uncached: w.kube}, vms, instancetype.NewProvider(prices, w.refusals, static),
		nodeoverlay.NewInstanceTypeStore(), events.NewRecorder(w.events), cloudprovider.DefaultRepairTimes())
	return prices
}

func TestAStartWithoutPricesKeepsNodeClaimsUntilTheyCanBeRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	prices := w.restartWithoutPrices(t)
	_, err := w.Create(ctx(t), claim("default-a1"))
	createError := &karp.CreateError{}
	if !asCreateError(err, &createError) || createError.ConditionReason != "PricesUnavailable" {
		t.Errorf("got %T %v, want a CreateError with reason PricesUnavailable: anything else deletes the NodeClaim", err, err)
	}
	if list, err := w.GetInstanceTypes(ctx(t), defaultPool()); err == nil {
		t.Errorf("%d types that cannot be had and no error: core would say that nothing fits the pods", len(list))
	}
	if err := prices.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Errorf("with prices: %v", err)
	}
	if _, err := w.GetInstanceTypes(ctx(t), defaultPool()); err != nil {
		t.Errorf("with prices: %v", err)
	}
}

// At a start the catalogue and the first Create are on their way together.
func TestPricesThatComeDuringALaunchDeleteNoNodeClaim(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	api := account.ClientAt(t, w.region, w.endpoint)
	prices := pricing.NewProvider(api, time.Now)
	// The first that asks for the time is the look for the VM of an earlier attempt, after the candidates were made.
	now := func() time.Time {
		if prices.LoadedAt().IsZero() {
			if err := prices.Load(t.Context()); err != nil {
				t.Error(err)
			}
		}
		return time.Now()
	}
	vms := vm.NewProvider(api, vm.Cluster{Name: "test", ID: w.region.Fixture().ClusterID, UID: "8a1f7c52-kube-system"}, vm.Options{TagsInUserData: true}, now)
	w.CloudProvider = cloudprovider.New(cloudprovider.Kube{Client: w.kube, Uncached: w.kube}, vms, instancetype.NewProvider(prices, w.refusals, nil),
		nodeoverlay.NewInstanceTypeStore(), events.NewRecorder(w.events), cloudprovider.DefaultRepairTimes())
	_, err := w.Create(ctx(t), claim("default-a1"))
	if createError := (&karp.CreateError{}); !asCreateError(err, &createError) || createError.ConditionReason != "PricesUnavailable" {
		t.Errorf("got %T %v, want a CreateError with reason PricesUnavailable: anything else deletes the NodeClaim", err, err)
	}
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

func TestAVMThatWasLaunchedBeforeIsAdoptedWithoutPrices(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Fatal(err)
	}
	w.restartWithoutPrices(t)
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil || len(w.machines()) != 1 {
		t.Errorf("%d VMs, error %v, want the one that is there", len(w.machines()), err)
	}
}

func TestTypesWithTheirOwnPriceNeedNoCatalogue(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	static, err := vmtype.ParseStatic([]byte("instanceTypes:\n- {name: tinav6.c4r8p2, pricePerHour: 0.2}\n- {name: tinav6.c2r4p2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	w.restartWithoutPrices(t, static...)
	if list, err := w.GetInstanceTypes(ctx(t), defaultPool()); err != nil || len(list) != 2 {
		t.Errorf("%d types, error %v, want both", len(list), err)
	}
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Errorf("the type with a price: %v", err)
	}
	_, err = w.Create(ctx(t), claim("default-a2", in(corev1.LabelInstanceTypeStable, "tinav6.c2r4p2")))
	if createError := (&karp.CreateError{}); !asCreateError(err, &createError) || createError.ConditionReason != "PricesUnavailable" {
		t.Errorf("the type without one: got %T %v, want a CreateError with reason PricesUnavailable", err, err)
	}
}

func TestANodeClaimThatNothingFitsDoesNotWaitForPrices(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.restartWithoutPrices(t)
	if _, err := w.Create(ctx(t), claim("default-a1", in(v1alpha1.LabelCPU, "10000"))); !karp.IsInsufficientCapacityError(err) {
		t.Errorf("got %T %v, want an InsufficientCapacityError: no price makes it fit", err, err)
	}
}
