package pricing_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

type world struct {
	*oapitest.Region

	clock  *clocktesting.FakeClock
	prices *pricing.Provider
}

func newWorld(t *testing.T) *world {
	t.Helper()
	region, clock := &oapitest.Region{}, clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	prices := newProvider(t, oapitest.NewTestServer(t, region), region.Fixture(), clock)
	return &world{Region: region, clock: clock, prices: prices}
}

func newProvider(t *testing.T, url string, fixture oapitest.Fixture, clock *clocktesting.FakeClock) *pricing.Provider {
	t.Helper()
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: url}}
	options := oapi.DefaultOptions("pricing-test")
	options.RateLimit, options.RetryWait, options.Retries = 100_000, time.Millisecond, 1
	api, err := oapi.New(configuration, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey}, options, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return pricing.NewProvider(api, clock.Now)
}

func (w *world) load(t *testing.T) {
	t.Helper()
	if err := w.prices.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) fault(t *testing.T, fault oapitest.Fault) {
	t.Helper()
	if err := w.AddFault(fault); err != nil {
		t.Fatal(err)
	}
}

// near allows for the 32 bits that the SDK gives a price.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(1, b) }

func TestPriceOfAVMIsItsVCoresAndItsMemory(t *testing.T) {
	w := newWorld(t)
	w.load(t)
	for _, c := range []struct {
		generation, performance, vcores, memory int
		want                                    float64
	}{
		{6, 2, 4, 8, 4*0.034 + 8*0.005}, {6, 1, 4, 8, 4*0.042 + 8*0.005}, {5, 3, 64, 512, 64*0.025 + 512*0.005}, {7, 1, 1, 1, 0.046 + 0.005},
	} {
		if got, ok := w.prices.VM(tina(c.generation, c.performance, c.vcores, c.memory)); !ok || !near(got, c.want) {
			t.Errorf("tinav%d.c%dr%dp%d: %v, %t, want %v", c.generation, c.vcores, c.memory, c.performance, got, ok, c.want)
		}
	}
}

func TestPriceOfAVolumeIsPerHour(t *testing.T) {
	w := newWorld(t)
	w.load(t)
	for _, c := range []struct {
		kind       string
		size, iops int
		want       float64
	}{
		{"gp2", 50, 0, 50 * 0.11 / 730}, {"standard", 730, 0, 0.06}, {"io1", 100, 1500, (100*0.13 + 1500*0.01) / 730},
	} {
		if got, ok := w.prices.Volume(c.kind, c.size, c.iops); !ok || !near(got, c.want) {
			t.Errorf("%s of %d GiB: %v, %t, want %v", c.kind, c.size, got, ok, c.want)
		}
	}
	if got, ok := w.prices.Volume("gp9", 10, 0); ok {
		t.Errorf("unknown volume type costs %v", got)
	}
}

func TestUnknownPriceIsUnknown(t *testing.T) {
	w := newWorld(t)
	if price, ok := w.prices.VM(tina(6, 2, 4, 8)); ok {
		t.Errorf("before the first reading: %v", price)
	}
	if !w.prices.LoadedAt().IsZero() {
		t.Errorf("read at %s, before the first reading", w.prices.LoadedAt())
	}
	w.load(t)
	for _, c := range [][2]int{{99, 2}, {6, 4}, {0, 0}} {
		if price, ok := w.prices.VM(tina(c[0], c[1], 4, 8)); ok {
			t.Errorf("generation %d, performance %d costs %v", c[0], c[1], price)
		}
	}
}

func TestPublicCatalogueServesWhenTheAccountsCannotBeRead(t *testing.T) {
	for name, fault := range map[string]oapitest.Fault{
		"fault":         {Call: "ReadCatalog", Kind: oapitest.FaultErrorBefore},
		"not permitted": {Call: "ReadCatalog", Kind: oapitest.FaultError, Code: "4", Status: 401},
	} {
		w := newWorld(t)
		w.fault(t, fault)
		w.load(t)
		if price, ok := w.prices.VM(tina(6, 2, 4, 8)); !ok || price <= 0 {
			t.Errorf("%s: price %v, %t", name, price, ok)
		}
	}
}

func TestPublicCatalogueServesWhenTheAccountsHasNoPrices(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body := `{"Catalog":{"Entries":[]}}`
		if r.URL.Path == "/ReadPublicCatalog" {
			body = `{"Catalog":{"Entries":[{"Type":"CustomRam","Operation":"RunInstances-OD","UnitPrice":0.005},{"Type":"CustomCore:v6-p2","Operation":"RunInstances-OD","UnitPrice":0.03}]}}`
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	prices := newProvider(t, server.URL, oapitest.Fixture{AccessKey: "a", SecretKey: "s"}, clock)
	if err := prices.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if price, ok := prices.VM(tina(6, 2, 4, 8)); !ok || !near(price, 0.16) {
		t.Errorf("price %v, %t", price, ok)
	}
	if price, ok := prices.Volume("gp2", 50, 0); ok {
		t.Errorf("a volume without a price costs %v", price)
	}
}

func TestFailedReadingKeepsTheLastPricesWithTheirAge(t *testing.T) {
	w := newWorld(t)
	w.load(t)
	before, _ := w.prices.VM(tina(6, 2, 4, 8))
	at, epoch := w.prices.LoadedAt(), w.prices.Epoch()
	w.clock.Step(time.Hour)
	w.fault(t, oapitest.Fault{Call: "*", Kind: oapitest.FaultErrorBefore})
	if err := w.prices.Load(t.Context()); err == nil {
		t.Error("no error")
	}
	if after, ok := w.prices.VM(tina(6, 2, 4, 8)); !ok || after != before {
		t.Errorf("price %v, %t, want %v", after, ok, before)
	}
	if w.prices.LoadedAt() != at || w.prices.Epoch() != epoch {
		t.Errorf("read at %s, epoch %d, want %s, %d", w.prices.LoadedAt(), w.prices.Epoch(), at, epoch)
	}
	w.ClearFaults()
	w.load(t)
	if !w.prices.LoadedAt().Equal(at.Add(time.Hour)) || w.prices.Epoch() == epoch {
		t.Errorf("read at %s, epoch %d", w.prices.LoadedAt(), w.prices.Epoch())
	}
}

func tina(generation, performance, vcores, memoryGiB int) vmtype.Type {
	return vmtype.Type{Generation: generation, Performance: performance, VCores: vcores, MemoryGiB: memoryGiB}
}
