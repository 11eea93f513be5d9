package oapitest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestThrottlesAnswer429With24And25And503With6(t *testing.T) {
	for _, c := range []struct {
		limits oapitest.Limits
		status int
		code   string
	}{
		{oapitest.Limits{AccountRPS: 2}, 429, "24"},
		{oapitest.Limits{CallRPS: 2}, 429, "25"},
		{oapitest.Limits{Calls: map[string]float64{"ReadNets": 2}}, 429, "25"},
		{oapitest.Limits{PlatformRPS: 2, RetryAfter: 1500 * time.Millisecond}, 503, "6"},
	} {
		w := newWorld(t, &oapitest.Region{Limits: c.limits})
		for range 2 {
			wantCode(t, w.post("ReadNets", `{}`), 200, "")
		}
		refused := w.post("ReadNets", `{}`)
		wantCode(t, refused, c.status, c.code)
		if want := map[bool]string{true: "2", false: ""}[c.limits.RetryAfter > 0]; refused.header.Get("Retry-After") != want {
			t.Errorf("Retry-After %q, want %q", refused.header.Get("Retry-After"), want)
		}
		if refused.ResponseContext.RequestId == "" {
			t.Error("a throttle without request ID")
		}
		w.clock.Step(500 * time.Millisecond)
		wantCode(t, w.post("ReadNets", `{}`), 200, "")
		wantCode(t, w.post("ReadNets", `{}`), c.status, c.code)
	}
}

func TestCallThrottleLeavesOtherCallsAlone(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Limits: oapitest.Limits{CallRPS: 1}})
	wantCode(t, w.post("ReadNets", `{}`), 200, "")
	wantCode(t, w.post("ReadNets", `{}`), 429, "25")
	wantCode(t, w.post("ReadSubnets", `{}`), 200, "")
}

func TestFourBadSignaturesLockTheKeyOut(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	bad := func() answer { return w.postAs(w.fixture.AccessKey, "WRONG", "ReadVms", `{}`) }
	good := func() answer { return w.post("ReadVms", `{}`) }
	for range 3 {
		wantCode(t, bad(), 401, "1")
	}
	wantCode(t, good(), 200, "")
	for range 4 {
		wantCode(t, bad(), 401, "1")
	}
	wantCode(t, good(), 401, "1")
	w.clock.Step(time.Minute)
	for range 4 {
		wantCode(t, bad(), 401, "1")
	}
	w.clock.Step(time.Minute)
	wantCode(t, good(), 401, "1")
	w.clock.Step(time.Minute)
	wantCode(t, good(), 200, "")
}

func TestLockOutNeverExceedsTenMinutes(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for range 11 {
		for range 4 {
			w.postAs(w.fixture.AccessKey, "WRONG", "ReadVms", `{}`)
		}
		w.clock.Step(10 * time.Minute)
	}
	wantCode(t, w.post("ReadVms", `{}`), 200, "")
}

func TestSignatureCoversTheBody(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/ReadVms", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	wantCode(t, w.send(req), 401, "1")
	config := osc.NewConfiguration()
	config.Servers = osc.ServerConfigurations{{URL: w.url}}
	config.HTTPClient = &http.Client{Transport: swap{`{"DryRun":true}`}}
	_, _, err = osc.NewAPIClient(config).VmApi.ReadVms(w.ctx).ReadVmsRequest(osc.ReadVmsRequest{DryRun: new(false)}).Execute()
	wantRefused(t, err, "1")
}

// swap replaces the body after it was signed.
type swap struct{ body string }

func (s swap) RoundTrip(req *http.Request) (*http.Response, error) {
	other := req.Clone(req.Context())
	other.Body = http.NoBody
	if s.body != "" {
		fresh, err := http.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), strings.NewReader(s.body))
		if err != nil {
			return nil, err
		}
		other.Body, other.ContentLength = fresh.Body, fresh.ContentLength
	}
	return http.DefaultTransport.RoundTrip(other)
}

func TestBothGenerationsOfTheSDKAreUnderstood(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Name: "us-east-2"})
	if vms := w.readVMs(osc.ReadVmsRequest{}); len(vms) != 3 {
		t.Errorf("second generation: %d VMs", len(vms))
	}
	wantCode(t, w.post("ReadVms", `{}`), 200, "")
}

func TestPublicCallsNeedNoSignature(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for _, call := range []string{"ReadVmTypes", "ReadRegions", "ReadPublicCatalog", "ReadFlexibleGpuCatalog"} {
		wantCode(t, w.postAs("", "", call, `{}`), 200, "")
	}
	wantCode(t, w.postAs("", "", "ReadCatalog", `{}`), 401, "1")
}

func TestContentTypeMustBeJSON(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/ReadRegions", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	wantCode(t, w.send(req), 400, "3010")
}
