package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// fair is the balance of a storm that the controller stood.
func fair() balance {
	return balance{
		struck: map[oapitest.FaultKind]int{oapitest.FaultThrottle: 4, oapitest.FaultLostReply: 6},
		nodes:  4, launches: 4, attempts: 11, adopted: 1, took: []time.Duration{time.Second, 12 * time.Second},
	}
}

func TestAStormThatWasStoodPassesAndSaysWhatStruck(t *testing.T) {
	b := fair()
	if err := b.verdict(); err != nil {
		t.Error(err)
	}
	var out bytes.Buffer
	b.print(&out, "storm")
	for _, want := range []string{
		"throttle         4", "lost-reply       6", "4, 1.00 per NodeClaim, with 11 CreateVms",
		"adoptions                     1", "p50  12.0s",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestAStormFailsOnWhatItLost(t *testing.T) {
	for want, spoil := range map[string]func(*balance){
		"1 VMs are left":                       func(b *balance) { b.left = 1 },
		"5 VMs were launched for 4 NodeClaims": func(b *balance) { b.launches = 5 },
		"not the controller's were touched":    func(b *balance) { b.foreign = []string{"DeleteVms of i-1"} },
		"no fault struck":                      func(b *balance) { b.struck = nil },
	} {
		b := fair()
		spoil(&b)
		if err := b.verdict(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestForeignVMsAreSeenWhenTheyAreTouched(t *testing.T) {
	vm := oapitest.VM{ID: "i-0000000a", State: "running", Boots: 1, Tags: map[string]string{"Name": "control-plane"}}
	untagged, rebooted := vm, vm
	untagged.Tags, rebooted.Boots = nil, 2
	for name, tt := range map[string]struct {
		after []oapitest.VM
		calls []oapitest.APICall
		want  string
	}{
		"untouched": {after: []oapitest.VM{vm}, calls: []oapitest.APICall{
			{Name: "ReadVms", Payload: `{"Filters":{"VmIds":["i-0000000a"]}}`}, {Name: "DeleteVms", Payload: `{"VmIds":["i-0000000b"]}`},
		}},
		"deleted":  {after: []oapitest.VM{vm}, calls: []oapitest.APICall{{Name: "DeleteVms", Payload: `{"VmIds":["i-0000000a"]}`}}, want: "DeleteVms of i-0000000a"},
		"untagged": {after: []oapitest.VM{untagged}, want: "i-0000000a is not what it was"},
		"rebooted": {after: []oapitest.VM{rebooted}, want: "i-0000000a is not what it was"},
		"gone":     {want: "i-0000000a is not what it was"},
	} {
		if got := strings.Join(touched([]oapitest.VM{vm}, tt.after, tt.calls), "; "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestAdoptionsAreReadFromTheMetrics(t *testing.T) {
	text := "karpenter_outscale_decisions_total{reason=\"Leaked\"} 3\nkarpenter_outscale_decisions_total{reason=\"Adopted\"} 2\n"
	if got := adoptions(text); got != 2 {
		t.Errorf("%d adoptions", got)
	}
	if got := adoptions(""); got != 0 {
		t.Errorf("%d adoptions of a controller that adopted nothing", got)
	}
}

func TestAnUnknownSetOfFaultsNamesTheKnownOnes(t *testing.T) {
	chosen, err := parse([]string{"demo", "--faults", "drizzle"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.Start(t.Context(), chosen.options); err == nil || !strings.Contains(err.Error(), `"drizzle"; there is storm`) {
		t.Errorf("got %v, want the names", err)
	}
	var usage bytes.Buffer
	_, _ = parse([]string{"dance"}, &usage)
	if !strings.Contains(usage.String(), "storm") {
		t.Errorf("the usage does not name the sets of faults:\n%s", usage.String())
	}
}
