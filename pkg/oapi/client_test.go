package oapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// newRegion serves a region, and returns a client for it whose pauses are short.
func newRegion(t *testing.T) (*oapitest.Region, *Client) {
	t.Helper()
	region := &oapitest.Region{}
	url := oapitest.NewTestServer(t, region)
	return region, newClient(t, url, region.Fixture().SecretKey)
}

func newClient(t *testing.T, url, secret string) *Client {
	t.Helper()
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: url}}
	options := DefaultOptions("karpenter-provider-outscale/test (cluster)")
	options.RateLimit, options.RetryWait, options.MaxRetryWait = 100_000, time.Millisecond, 2*time.Millisecond
	client, err := New(configuration, osc.AWSv4{AccessKey: "OAPITESTACCESSKEY000", SecretKey: secret}, options, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func launch(region *oapitest.Region, token string) osc.CreateVmsRequest {
	fixture := region.Fixture()
	return osc.CreateVmsRequest{
		ClientToken: new(token), ImageId: fixture.ImageID, VmType: new("tinav6.c2r4p2"), SubnetId: new(fixture.Subnets[0].ID),
		SecurityGroupIds: &[]string{fixture.WorkerSecurityGroupID},
	}
}

func addFault(t *testing.T, region *oapitest.Region, fault oapitest.Fault) {
	t.Helper()
	if err := region.AddFault(fault); err != nil {
		t.Fatal(err)
	}
}

func wantCalls(t *testing.T, region *oapitest.Region, call string, want int) {
	t.Helper()
	if got := region.Calls()[call]; got != want {
		t.Errorf("%s was sent %d times, want %d", call, got, want)
	}
}

func TestThrottledCallIsRepeated(t *testing.T) {
	for _, code := range []string{"6", "24", "25"} {
		t.Run(code, func(t *testing.T) {
			region, client := newRegion(t)
			addFault(t, region, oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultThrottle, Code: code, Times: 3})
			if _, err := client.ReadVms(t.Context(), osc.ReadVmsRequest{}); err != nil {
				t.Error(err)
			}
			wantCalls(t, region, "ReadVms", 4)
		})
	}
}

func TestRetriesAreBounded(t *testing.T) {
	region, client := newRegion(t)
	addFault(t, region, oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultThrottle})
	if _, err := client.ReadVms(t.Context(), osc.ReadVmsRequest{}); !IsThrottled(err) {
		t.Errorf("error %v, want the throttle", err)
	}
	wantCalls(t, region, "ReadVms", 1+DefaultOptions("").Retries)
}

// The pause of an hour cannot end by itself: only a client that honours it still waits when the caller gives up.
func TestRetryAfterIsHonoured(t *testing.T) {
	region, client := newRegion(t)
	addFault(t, region, oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultThrottle, RetryAfter: time.Hour, Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := client.ReadVms(ctx, osc.ReadVmsRequest{}); !IsThrottled(err) {
		t.Errorf("error %v, want the throttle", err)
	}
	wantCalls(t, region, "ReadVms", 1)
}

func TestRepeatedLaunchMakesOneVM(t *testing.T) {
	for _, kind := range []oapitest.FaultKind{oapitest.FaultErrorBefore, oapitest.FaultErrorAfter, oapitest.FaultLostReply} {
		t.Run(string(kind), func(t *testing.T) {
			region, client := newRegion(t)
			before := len(region.VMs())
			addFault(t, region, oapitest.Fault{Call: "CreateVms", Kind: kind, Times: 2})
			response, err := client.CreateVms(t.Context(), launch(region, "token"))
			if err != nil || len(response.GetVms()) != 1 {
				t.Fatalf("answer %+v, %v", response, err)
			}
			wantCalls(t, region, "CreateVms", 3)
			if made := len(region.VMs()) - before; made != 1 {
				t.Errorf("%d VMs were made, want 1", made)
			}
		})
	}
}

// What keeps the retry back says nothing of the attempt before it, which may have made a VM: its error is the answer.
func TestALostAnswerIsNotForgottenWhenTheRetryIsKeptBack(t *testing.T) {
	for _, kind := range []oapitest.FaultKind{oapitest.FaultErrorAfter, oapitest.FaultLostReply} {
		region, client := newRegion(t)
		addFault(t, region, oapitest.Fault{Call: "CreateVms", Kind: kind, Times: 1})
		attempts := 0
		ctx := BeforeSend(t.Context(), func() error {
			if attempts++; attempts > 1 {
				return errors.New("this type was sold out meanwhile")
			}
			return nil
		})
		_, err := client.CreateVms(ctx, launch(region, "token"))
		if !IsOutcomeUnknown(err) || IsNotSent(err) {
			t.Errorf("%s: %v, want the error of the call that was sent", kind, err)
		}
		wantCalls(t, region, "CreateVms", 1)
	}
}

func TestRefusedCallIsNotRepeated(t *testing.T) {
	for _, fault := range []oapitest.Fault{
		{Code: "3001", Status: 400}, {Code: "5063", Status: 400}, {Code: "10001", Status: 409}, {Code: "10042", Status: 400}, {Code: "8018", Status: 400}, {Code: "5023", Status: 404},
	} {
		t.Run(fault.Code, func(t *testing.T) {
			region, client := newRegion(t)
			fault.Call, fault.Kind = "CreateVms", oapitest.FaultError
			addFault(t, region, fault)
			if _, err := client.CreateVms(t.Context(), launch(region, "token")); Code(err) != fault.Code {
				t.Errorf("error %v, want code %s", err, fault.Code)
			}
			wantCalls(t, region, "CreateVms", 1)
		})
	}
}

func TestEachAttemptIsBounded(t *testing.T) {
	started := make(chan struct{}, 10)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		started <- struct{}{}
		<-release
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	client := newClient(t, server.URL, "secret")
	client.options.Timeout, client.options.Retries = time.Millisecond, 1
	if _, err := client.ReadVms(t.Context(), osc.ReadVmsRequest{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the timeout of an attempt", err)
	}
}

func TestEndOfTheContextEndsTheBackOff(t *testing.T) {
	region, client := newRegion(t)
	client.options.RetryWait = time.Hour
	addFault(t, region, oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := client.ReadVms(ctx, osc.ReadVmsRequest{})
		done <- err
	}()
	cancel()
	if err := <-done; err == nil {
		t.Error("the call succeeded")
	}
	if got := region.Calls()["ReadVms"]; got > 1 {
		t.Errorf("sent %d times", got)
	}
}

func TestEndOfTheContextEndsTheWaitForTheRateLimit(t *testing.T) {
	region, client := newRegion(t)
	client.queue.limiter.SetLimit(0.0001)
	client.queue.limiter.SetBurst(1)
	if _, err := client.ReadVms(t.Context(), osc.ReadVmsRequest{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.ReadVms(ctx, osc.ReadVmsRequest{})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, errNotSent) {
		t.Errorf("error %v", err)
	}
	wantCalls(t, region, "ReadVms", 1)
}

func TestErrorSaysWhatTheAPISaid(t *testing.T) {
	region, client := newRegion(t)
	_, err := client.DeleteVms(t.Context(), []string{"i-00000000"})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Call != "DeleteVms" || e.Status != http.StatusBadRequest || e.Code != "5063" || e.Type != "InvalidResource" || e.Details == "" || e.RequestID == "" {
		t.Fatalf("error %+v", err)
	}
	for _, part := range []string{e.Call, e.Code, e.Details, e.RequestID} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err, part)
		}
	}
	if logged := region.APILog(); logged[len(logged)-1].RequestID != e.RequestID {
		t.Errorf("request ID %q is not the one of the API's log", e.RequestID)
	}
}

func TestErrorHoldsNeitherTheSecretKeyNorUserData(t *testing.T) {
	region, client := newRegion(t)
	data := base64.StdEncoding.EncodeToString([]byte("machine: {token: very-secret}"))
	for _, fault := range []oapitest.Fault{
		{Kind: oapitest.FaultError, Code: "10001", Status: 400}, {Kind: oapitest.FaultErrorBefore}, {Kind: oapitest.FaultLostReply}, {Kind: oapitest.FaultThrottle},
	} {
		region.ClearFaults()
		fault.Call = "CreateVms"
		addFault(t, region, fault)
		request := launch(region, "token-"+string(fault.Kind))
		request.UserData = &data
		_, err := client.CreateVms(t.Context(), request)
		if err == nil {
			t.Fatalf("%s: no error", fault.Kind)
		}
		for _, secret := range []string{region.Fixture().SecretKey, data, "very-secret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v holds %q", fault.Kind, err, secret)
			}
		}
	}
}

func TestAnswerThatIsNoJSONIsAnErrorWithItsStatus(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		calls++
		http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
	}))
	t.Cleanup(server.Close)
	_, err := newClient(t, server.URL, "secret").ReadVms(t.Context(), osc.ReadVmsRequest{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusBadGateway || e.Code != "" || !strings.Contains(err.Error(), "502") {
		t.Errorf("error %v", err)
	}
	if want := 1 + DefaultOptions("").Retries; calls != want {
		t.Errorf("sent %d times, want %d", calls, want)
	}
}

func TestClientNamesItselfInTheAPILog(t *testing.T) {
	region, client := newRegion(t)
	if _, err := client.ReadSubnets(t.Context(), osc.FiltersSubnet{}); err != nil {
		t.Fatal(err)
	}
	if logged := region.APILog(); logged[0].UserAgent != "karpenter-provider-outscale/test (cluster)" {
		t.Errorf("user agent %q", logged[0].UserAgent)
	}
}

func TestUselessOptionsAreRefused(t *testing.T) {
	good := osc.AWSv4{AccessKey: "a", SecretKey: "s"}
	for name, c := range map[string]struct {
		credentials osc.AWSv4
		options     Options
		want        string
	}{
		"no access key": {osc.AWSv4{SecretKey: "s"}, DefaultOptions("x"), "OSC_ACCESS_KEY"},
		"no secret key": {osc.AWSv4{AccessKey: "a"}, DefaultOptions("x"), "OSC_SECRET_KEY"},
		"no rate":       {good, Options{}, "rate limit"},
	} {
		if _, err := New(osc.NewConfiguration(), c.credentials, c.options, prometheus.NewRegistry()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %s", name, err, c.want)
		}
	}
	registry := prometheus.NewRegistry()
	for i := range 2 {
		if _, err := New(osc.NewConfiguration(), good, DefaultOptions("x"), registry); (err != nil) != (i == 1) {
			t.Errorf("client %d on one registry: %v", i, err)
		}
	}
}
