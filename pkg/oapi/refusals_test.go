package oapi

import (
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// newProcess returns a client that knows what an earlier process learned, and what it reports itself.
func newProcess(t *testing.T, url, secret string, refused Refusals) (*Client, *[]Refusals) {
	t.Helper()
	heard := &[]Refusals{}
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: url}}
	options := DefaultOptions("karpenter-provider-outscale/test")
	options.RateLimit, options.RetryWait = 100_000, time.Millisecond
	options.Refused, options.OnRefused = refused, func(r Refusals) { *heard = append(*heard, r) }
	client, err := New(configuration, osc.AWSv4{AccessKey: "OAPITESTACCESSKEY000", SecretKey: secret}, options, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return client, heard
}

func TestRefusalsAreCountedAcrossProcesses(t *testing.T) {
	region := &oapitest.Region{}
	url := oapitest.NewTestServer(t, region)
	last := Refusals{}
	for n := 1; n <= 3; n++ {
		client, heard := newProcess(t, url, "wrong", last)
		for range 3 {
			_ = read(t.Context(), client)
		}
		if len(*heard) != 1 || (*heard)[0].Count != n || (*heard)[0].Left() != 4-n {
			t.Fatalf("process %d reports %+v, want one refusal that is number %d", n, *heard, n)
		}
		last = (*heard)[0]
		if pause := last.Until().Sub(last.Last); pause != time.Duration(n)*time.Minute {
			t.Errorf("refusal %d: a pause of %s", n, pause)
		}
	}
	client, heard := newProcess(t, url, region.Fixture().SecretKey, last)
	for range 2 {
		if err := read(t.Context(), client); err != nil {
			t.Fatal(err)
		}
	}
	if len(*heard) != 1 || (*heard)[0] != (Refusals{}) {
		t.Errorf("a key that works reports %+v, want the zero value once", *heard)
	}
}

func TestPolicyThatLacksCallsIsNoRefusedKey(t *testing.T) {
	region := &oapitest.Region{}
	url := oapitest.NewTestServer(t, region)
	client, heard := newProcess(t, url, region.Fixture().SecretKey, Refusals{})
	if err := read(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	client.breaker.leave(attempt{call: "ReadQuotas", proven: true}, &Error{Call: "ReadQuotas", Code: "4"})
	client.breaker.leave(attempt{call: "ReadConsoleOutput"}, &Error{Call: "ReadConsoleOutput", Code: "4"})
	if len(*heard) != 1 || (*heard)[0] != (Refusals{}) {
		t.Errorf("reported %+v, want the success and nothing else", *heard)
	}
}
