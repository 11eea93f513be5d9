package oapi

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// newRefused returns a region that refuses the key of the client, with the clock of the client's breaker.
func newRefused(t *testing.T) (*oapitest.Region, *Client, *clocktesting.FakeClock) {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	region := &oapitest.Region{Clock: clock}
	client := newClient(t, oapitest.NewTestServer(t, region), "wrong")
	client.breaker.now = clock.Now
	return region, client, clock
}

func read(ctx context.Context, client *Client) error {
	_, err := client.ReadVms(ctx, osc.ReadVmsRequest{})
	return err
}

func TestBadCredentialsCostOneCall(t *testing.T) {
	region, client, clock := newRefused(t)
	for range 10 {
		if err := read(t.Context(), client); !IsUnauthorized(err) {
			t.Errorf("error %v, want the refusal of the credentials", err)
		}
	}
	wantCalls(t, region, "ReadVms", 1)
	clock.Step(time.Minute - 1)
	if err := read(t.Context(), client); !errors.Is(err, errNotSent) || !strings.Contains(err.Error(), "next try in") {
		t.Errorf("error %v, want one that says when it goes on", err)
	}
	wantCalls(t, region, "ReadVms", 1)
}

func TestBadCredentialsOfManyCallersCostOneCall(t *testing.T) {
	region, client, _ := newRefused(t)
	atOnce(20, func() {
		if err := read(t.Context(), client); !IsUnauthorized(err) {
			t.Errorf("error %v, want the refusal of the credentials", err)
		}
	})
	wantCalls(t, region, "ReadVms", 1)
}

// noTurn is for calls that wait for no rate limit.
func noTurn() error { return nil }

func atOnce(n int, do func()) {
	var group sync.WaitGroup
	for range n {
		group.Go(do)
	}
	group.Wait()
}

func TestRepairedCredentialsWorkAgainAfterThePause(t *testing.T) {
	region, client, clock := newRefused(t)
	if err := read(t.Context(), client); err == nil {
		t.Fatal("the wrong key was taken")
	}
	client.credentials = osc.AWSv4{AccessKey: region.Fixture().AccessKey, SecretKey: region.Fixture().SecretKey}
	if err := read(t.Context(), client); err == nil {
		t.Error("sent during the pause")
	}
	clock.Step(time.Minute)
	atOnce(5, func() {
		if err := read(t.Context(), client); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
	wantCalls(t, region, "ReadVms", 6)
}

func TestPauseGrowsWithEachRefusalSoThatTheAccountIsNeverLocked(t *testing.T) {
	region, client, clock := newRefused(t)
	for n := 1; n <= 12; n++ {
		if err := read(t.Context(), client); !IsUnauthorized(err) {
			t.Fatalf("error %v", err)
		}
		wantCalls(t, region, "ReadVms", n)
		clock.Step(time.Duration(min(n, 10))*time.Minute - 1)
		if err := read(t.Context(), client); !errors.Is(err, errNotSent) {
			t.Fatalf("refusal %d: sent before the pause was over: %v", n, err)
		}
		clock.Step(1)
	}
}

// A call that was never sent says nothing about the credentials.
func TestCallThatGaveUpWaitingProvesNothing(t *testing.T) {
	region, client, _ := newRefused(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := read(ended, client); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	atOnce(20, func() {
		if err := read(t.Context(), client); !IsUnauthorized(err) {
			t.Errorf("error %v", err)
		}
	})
	wantCalls(t, region, "ReadVms", 1)
}

// The callers wait for the rate limit when the first of them is refused: none of the others may be sent then.
func TestRevokedKeyStopsCallersThatWaitForTheRateLimit(t *testing.T) {
	region, client, _ := newRefused(t)
	client.breaker.leave(attempt{call: "ReadQuotas", proven: true}, nil) // the key has worked so far
	client.queue.limiter.SetLimit(100)
	client.queue.limiter.SetBurst(1)
	atOnce(20, func() {
		if err := read(t.Context(), client); !IsUnauthorized(err) {
			t.Errorf("error %v", err)
		}
	})
	if got := region.Calls()["ReadVms"]; got > 2 {
		t.Errorf("sent %d times with a revoked key", got)
	}
}

// An EIM policy without one call is answered like a bad key: it must cost that call, and not the others.
func TestCallThatThePolicyLacksStopsNoOther(t *testing.T) {
	region, client := newRegion(t)
	if err := region.AddFault(oapitest.Fault{Call: "ReadQuotas", Kind: oapitest.FaultError, Code: "4", Status: 401}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := read(t.Context(), client); err != nil {
			t.Fatalf("ReadVms: %v", err)
		}
		if _, err := client.ReadQuotas(t.Context(), "vm_limit"); !IsUnauthorized(err) {
			t.Fatalf("ReadQuotas: %v", err)
		}
	}
	wantCalls(t, region, "ReadVms", 3)
	wantCalls(t, region, "ReadQuotas", 1)
}

// refusedTogether sends calls that are all on their way before the first of them is refused.
func refusedTogether(t *testing.T, client *Client, calls int) {
	t.Helper()
	var leave []func(error)
	for range calls {
		done, err := client.breaker.enter(t.Context(), "CreateTags", noTurn)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, done)
	}
	for _, done := range leave {
		done(&Error{Call: "CreateTags", Status: 401, Code: "4"})
	}
}

// Two VMs are tagged at once, and the policy lacks CreateTags.
func TestTwoCallsAtOnceThatThePolicyLacksStopNoOther(t *testing.T) {
	_, client := newRegion(t)
	if err := read(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	refusedTogether(t, client, 2)
	if err := read(t.Context(), client); err != nil {
		t.Errorf("ReadVms: %v", err)
	}
}

// A key that is revoked while three calls are on their way: the fourth refusal would lock the account.
func TestThreeRefusalsAtOnceStopEverything(t *testing.T) {
	region, client, _ := newRefused(t)
	client.breaker.leave(attempt{call: "ReadQuotas", proven: true}, nil)
	refusedTogether(t, client, 3)
	if err := read(t.Context(), client); !errors.Is(err, errNotSent) {
		t.Errorf("got %v, want nothing sent", err)
	}
	wantCalls(t, region, "ReadVms", 0)
}

// lacking lets the policy lack two reads.
func lacking(t *testing.T, region *oapitest.Region) {
	t.Helper()
	for _, call := range []string{"ReadQuotas", "ReadCatalog"} {
		addFault(t, region, oapitest.Fault{Call: call, Kind: oapitest.FaultError, Code: "4", Status: 401})
	}
}

// Whatever comes first after a start: the call that every policy has shows that the key is good.
func TestAPolicyThatLacksTheFirstCallsOfAProcessStopsNoOther(t *testing.T) {
	region, client := newRegion(t)
	lacking(t, region)
	if _, err := client.ReadQuotas(t.Context(), "vm_limit"); !IsUnauthorized(err) {
		t.Fatalf("ReadQuotas: %v", err)
	}
	if _, err := client.ReadCatalog(t.Context()); !errors.Is(err, errNotSent) {
		t.Errorf("ReadCatalog: %v, want it kept back while the key may be wrong", err)
	}
	if err := read(t.Context(), client); err != nil {
		t.Fatalf("ReadVms: %v", err)
	}
	if _, err := client.ReadCatalog(t.Context()); !IsUnauthorized(err) || errors.Is(err, errNotSent) {
		t.Errorf("ReadCatalog: %v, want the refusal", err)
	}
	if _, err := client.ReadSubnets(t.Context(), osc.FiltersSubnet{}); err != nil {
		t.Errorf("ReadSubnets: %v", err)
	}
}

// Their pauses end, and both are refused again before any other call.
func TestTwoCallsInARowThatThePolicyLacksStopNoOther(t *testing.T) {
	region, client := newRegion(t)
	lacking(t, region)
	if err := read(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{second(client.ReadQuotas(t.Context(), "vm_limit")), second(client.ReadCatalog(t.Context()))} {
		if !IsUnauthorized(err) || errors.Is(err, errNotSent) {
			t.Fatalf("got %v, want the refusal of each", err)
		}
	}
	if client.breaker.paused() != 0 {
		t.Error("nothing at all is sent")
	}
	if _, err := client.ReadSubnets(t.Context(), osc.FiltersSubnet{}); err != nil {
		t.Errorf("ReadSubnets: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// The wrong key costs two refusals at a start where ReadVms is not the first call, and one after each pause.
func TestAWrongKeyIsTriedOnceMoreByTheWitnessOnly(t *testing.T) {
	region, client, clock := newRefused(t)
	refused := func() int {
		return region.Calls()["ReadQuotas"] + region.Calls()["ReadVms"] + region.Calls()["ReadSubnets"]
	}
	for _, want := range []int{2, 3, 4} {
		for range 3 {
			_, _ = client.ReadQuotas(t.Context(), "vm_limit")
			_ = read(t.Context(), client)
			_, _ = client.ReadSubnets(t.Context(), osc.FiltersSubnet{})
		}
		if got := refused(); got != want {
			t.Fatalf("%d calls with a wrong key, want %d", got, want)
		}
		clock.Step(time.Duration(want) * time.Minute)
	}
}

func TestEndOfTheContextEndsTheWaitForTheProbe(t *testing.T) {
	region, client, _ := newRefused(t)
	leave, err := client.breaker.enter(t.Context(), "ReadVms", noTurn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- read(ctx, client) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, errNotSent) {
		t.Errorf("error %v", err)
	}
	leave(nil)
	wantCalls(t, region, "ReadVms", 0)
}

func TestFaultOfThePlatformOpensNoBreaker(t *testing.T) {
	region, client := newRegion(t)
	client.options.Retries = 0
	for _, kind := range []oapitest.FaultKind{oapitest.FaultErrorBefore, oapitest.FaultThrottle, oapitest.FaultLostReply} {
		region.ClearFaults()
		addFault(t, region, oapitest.Fault{Call: "ReadVms", Kind: kind, Times: 1})
		if err := read(t.Context(), client); err == nil {
			t.Errorf("%s: no error", kind)
		}
		if err := read(t.Context(), client); err != nil {
			t.Errorf("after %s: %v", kind, err)
		}
	}
}

// The list prices need no credentials, so that a policy without ReadCatalog costs the account's discounts and no more.
func TestPublicCatalogNeedsNoCredentials(t *testing.T) {
	region, client, _ := newRefused(t)
	if _, err := client.ReadCatalog(t.Context()); !IsUnauthorized(err) {
		t.Fatalf("error %v", err)
	}
	entries, err := client.ReadPublicCatalog(t.Context())
	if err != nil || len(entries) == 0 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	wantCalls(t, region, "ReadPublicCatalog", 1)
	if _, err := client.ReadSubnets(t.Context(), osc.FiltersSubnet{}); !errors.Is(err, errNotSent) {
		t.Errorf("an unsigned call proved the credentials: %v", err)
	}
}

// The first call of a process hangs, and others come meanwhile: once it is answered, they must not all leave together.
func TestCallsThatWaitedForTheFirstOneKeepTheRateLimit(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		api, client := newPaced(t)
		leave, err := client.breaker.enter(ctx, "ReadImages", noTurn)
		if err != nil {
			t.Fatal(err)
		}
		launchMany(ctx, client, 100)
		time.Sleep(30 * time.Second)
		leave(nil)
		time.Sleep(time.Second)
		if n := api.count("CreateVms"); n < 4 || n > 7 {
			t.Errorf("%d launches in the second after the first answer, want 5 of 5/s", n)
		}
	})
}
