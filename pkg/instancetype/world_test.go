package instancetype_test

import (
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// world is a provider with the prices of an emulated region.
type world struct {
	t      *testing.T
	clock  *clocktesting.FakeClock
	prices *pricing.Provider
	types  *instancetype.Provider

	refusals *availability.Memory
}

func newWorld(t *testing.T, static ...vmtype.Type) *world {
	t.Helper()
	w := &world{t: t, clock: clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	region := &oapitest.Region{}
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: oapitest.NewTestServer(t, region)}}
	options := oapi.DefaultOptions("instancetype-test")
	options.RateLimit = 100_000
	fixture := region.Fixture()
	api, err := oapi.New(configuration, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey}, options, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w.prices = pricing.NewProvider(api, w.clock.Now)
	w.refusals = availability.New(w.clock.Now)
	w.types = instancetype.NewProvider(w.prices, w.refusals, static)
	w.load()
	return w
}

func (w *world) load() {
	w.t.Helper()
	if err := w.prices.Load(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) soldOut(name, subregion string) {
	w.refusals.Refuse(availability.Blame{Type: name, Subregion: subregion}, availability.Class{}, "10001")
}

func (w *world) launched(name, subregion string) {
	w.refusals.Launched(w.types.Launch(nodeClass(), name, v1alpha1.Subnet{ID: "subnet-of-" + subregion, Subregion: subregion}))
}

func nodeClass() *v1alpha1.OutscaleNodeClass {
	return &v1alpha1.OutscaleNodeClass{
		ObjectMeta: metav1.ObjectMeta{Name: "talos", UID: "uid", Generation: 1},
		Status: v1alpha1.OutscaleNodeClassStatus{Subnets: []v1alpha1.Subnet{
			{ID: "subnet-1", Subregion: "eu-west-2b"}, {ID: "subnet-2", Subregion: "eu-west-2a"}, {ID: "subnet-3", Subregion: "eu-west-2a"},
		}},
	}
}

// get returns one type of the list of the node class.
func (w *world) get(nodeClass *v1alpha1.OutscaleNodeClass, name string) *cloudprovider.InstanceType {
	w.t.Helper()
	for _, it := range w.types.List(nodeClass) {
		if it.Name == name {
			return it
		}
	}
	w.t.Fatalf("no type %s", name)
	return nil
}

// available returns the subregions in which a type of the default node class is available.
func (w *world) available(name string) string {
	w.t.Helper()
	out := ""
	for _, offering := range w.get(nodeClass(), name).Offerings {
		if offering.Available {
			zone := offering.Zone()
			out += zone[len(zone)-1:]
		}
	}
	return out
}
