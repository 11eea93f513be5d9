package instancetype_test

import (
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// BenchmarkList shows what Karpenter's frequent question costs, next to the reference: building the list anew each time,
// as after a change of price or availability.
func BenchmarkList(b *testing.B) {
	prices := pricing.NewProvider(account.Client(b, &oapitest.Region{}), time.Now)
	if err := prices.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	nodeClass.Status.Subnets = []v1alpha1.Subnet{{ID: "a", Subregion: "eu-west-2a"}, {ID: "b", Subregion: "eu-west-2b"}, {ID: "c", Subregion: "eu-west-2c"}}
	refusals := availability.New(time.Now)
	provider := instancetype.NewProvider(prices, refusals, nil)
	launch := provider.Launch(nodeClass, "tinav6.c4r8p2", nodeClass.Status.Subnets[0])
	b.Run("unchanged", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			provider.List(nodeClass)
		}
	})
	b.Run("reference-rebuilt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			refusals.Refuse(availability.Blame{Type: launch.Type, Subregion: launch.Subregion}, launch.Class, "10001")
			refusals.Launched(launch)
			provider.List(nodeClass)
		}
	})
}
