package catalog_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/catalog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const namespace, name = "karpenter", "karpenter-prices"

// start runs the first reconciliation of a new process.
func start(t *testing.T, region *oapitest.Region, kube client.Client, now time.Time) *pricing.Provider {
	t.Helper()
	prices := pricing.NewProvider(account.Client(t, region), func() time.Time { return now })
	if _, err := catalog.NewController(prices, kube, kube, client.ObjectKey{Namespace: namespace, Name: name}).Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	return prices
}

func unreadable(t *testing.T, region *oapitest.Region) {
	t.Helper()
	for _, call := range []string{"ReadCatalog", "ReadPublicCatalog"} {
		if err := region.AddFault(oapitest.Fault{Call: call, Kind: oapitest.FaultErrorBefore}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPricesOutliveTheProcess(t *testing.T) {
	region := &oapitest.Region{}
	kube := fake.NewClientBuilder().WithObjects(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}).Build()
	readAt := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	first := start(t, region, kube, readAt)
	want, _ := first.VM(tina(6, 2, 4, 8))
	wantVolume, _ := first.Volume("io1", 100, 1000)
	unreadable(t, region)
	second := start(t, region, kube, readAt.Add(24*time.Hour))
	got, known := second.VM(tina(6, 2, 4, 8))
	volume, volumeKnown := second.Volume("io1", 100, 1000)
	if !known || got != want || !volumeKnown || volume != wantVolume {
		t.Errorf("VM %v, volume %v EUR/h, want %v and %v: without prices nothing is launched", got, volume, want, wantVolume)
	}
	if !second.LoadedAt().Equal(readAt) {
		t.Errorf("the prices seem to be of %s, want their real age: %s", second.LoadedAt(), readAt)
	}
	region.ClearFaults()
	if third := start(t, region, kube, readAt.Add(48*time.Hour)); !third.LoadedAt().Equal(readAt.Add(48 * time.Hour)) {
		t.Errorf("prices of %s, want those that could be read now", third.LoadedAt())
	}
}

func TestWithoutKeptPricesTheControllerGoesOn(t *testing.T) {
	for what, objects := range map[string][]client.Object{
		"no ConfigMap": nil,
		"empty":        {&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}},
		"spoiled": {&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Data:       map[string]string{"prices.json": `{"readAt":"2026-03-01T12:00:00Z","core":{"v6":1},"ram":1}`},
		}},
	} {
		t.Run(what, func(t *testing.T) {
			region := &oapitest.Region{}
			unreadable(t, region)
			kube := fake.NewClientBuilder().WithObjects(objects...).Build()
			if prices := start(t, region, kube, time.Now()); !prices.LoadedAt().IsZero() {
				t.Error("prices from nowhere")
			}
			region.ClearFaults()
			if prices := start(t, region, kube, time.Now()); prices.LoadedAt().IsZero() {
				t.Error("the catalogue can be read, and there are no prices")
			}
		})
	}
}

func tina(generation, performance, vcores, memoryGiB int) vmtype.Type {
	return vmtype.Type{Generation: generation, Performance: performance, VCores: vcores, MemoryGiB: memoryGiB}
}
