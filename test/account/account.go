// Package account opens the product's API client on an emulated region, with limits that do not slow a test.
package account

import (
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// Client serves the region for the length of a test and returns a client of its account.
func Client(t testing.TB, region *oapitest.Region) *oapi.Client {
	t.Helper()
	return ClientAt(t, region, oapitest.NewTestServer(t, region))
}

// ClientAt is Client for a region that is served at the endpoint already.
func ClientAt(t testing.TB, region *oapitest.Region, endpoint string) *oapi.Client {
	t.Helper()
	return open(t, region, endpoint, func(*oapi.Options) {})
}

// DryRunAt is ClientAt for a client that changes nothing.
func DryRunAt(t testing.TB, region *oapitest.Region, endpoint string) *oapi.Client {
	t.Helper()
	return open(t, region, endpoint, func(o *oapi.Options) { o.DryRun = true })
}

func open(t testing.TB, region *oapitest.Region, endpoint string, edit func(*oapi.Options)) *oapi.Client {
	t.Helper()
	fixture := region.Fixture()
	sdk := osc.NewConfiguration()
	sdk.Servers = osc.ServerConfigurations{{URL: endpoint}}
	limits := oapi.DefaultOptions("karpenter-provider-outscale/test")
	limits.RateLimit, limits.Retries, limits.RetryWait = 1000, 2, time.Millisecond
	limits.Now = region.Clock.Now // Fixture has set it
	edit(&limits)
	api, err := oapi.New(sdk, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey}, limits, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return api
}
