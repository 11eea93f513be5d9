package oapitest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestErrorAfterTheVMWasCreatedLeavesTheVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorAfter, Nth: 1})
	_, err := w.create(w.withToken("claim"))
	wantRefused(t, err, "2000")
	orphans := w.readVMs(osc.ReadVmsRequest{Filters: &osc.FiltersVm{ClientTokens: &[]string{"claim"}}})
	if len(orphans) != 1 {
		t.Fatalf("%d VMs after the error, want 1", len(orphans))
	}
	if m := w.mustCreate(w.withToken("claim")); m.GetVmId() != orphans[0].GetVmId() {
		t.Errorf("retry made %s", m.GetVmId())
	}
}

func TestErrorBeforeTheEffectLeavesNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorBefore, Times: 2})
	for range 2 {
		_, err := w.create(w.request())
		wantRefused(t, err, "2000")
	}
	if n := len(w.VMs()); n != 3 {
		t.Errorf("%d VMs, want 3", n)
	}
	w.mustCreate(w.request())
}

func TestLostReplyCutsTheConnectionAfterTheEffect(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultLostReply, Times: 1})
	if _, err := w.create(w.request()); err == nil || body(err) != "" {
		t.Errorf("error %v with body %q, want a cut connection", err, body(err))
	}
	if n := len(w.VMs()); n != 4 {
		t.Errorf("%d VMs, want 4", n)
	}
	if n := w.Calls()["CreateVms"]; n != 1 {
		t.Errorf("%d calls counted, want 1", n)
	}
}

func TestThrottleAndErrorFaultsCarryTheirCodes(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "*", Kind: oapitest.FaultThrottle, Times: 1, Code: "24", RetryAfter: 3 * time.Second})
	throttled := w.post("ReadNets", `{}`)
	wantCode(t, throttled, 429, "24")
	if throttled.header.Get("Retry-After") != "3" {
		t.Errorf("Retry-After %q", throttled.header.Get("Retry-After"))
	}
	w.fault(oapitest.Fault{Call: "ReadNets", Kind: oapitest.FaultError, Code: "10042", Status: 409, ErrorType: "QuotaExceded", Times: 1})
	refused := w.post("ReadNets", `{}`)
	wantCode(t, refused, 409, "10042")
	if refused.Errors[0].Type != "QuotaExceded" {
		t.Errorf("type %q", refused.Errors[0].Type)
	}
	wantCode(t, w.post("ReadNets", `{}`), 200, "")
}

func TestFaultEndsAfterItsTime(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "ReadNets", Kind: oapitest.FaultErrorBefore, For: time.Minute})
	wantCode(t, w.post("ReadNets", `{}`), 500, "2000")
	wantCode(t, w.post("ReadSubnets", `{}`), 200, "")
	w.clock.Step(time.Minute)
	wantCode(t, w.post("ReadNets", `{}`), 200, "")
	if left := w.Faults(); len(left) != 0 {
		t.Errorf("faults left: %v", left)
	}
}

func TestStaleTagsHideChangesForAWhile(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	w.tag(id, osc.ResourceTag{Key: "k", Value: "old"})
	w.clock.Step(time.Minute)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleTags, Delay: 10 * time.Second})
	w.tag(id, osc.ResourceTag{Key: "k", Value: "new"})
	if got := tagsOf(w.read(id))["k"]; got != "old" {
		t.Errorf("value %q at once, want the old one", got)
	}
	if vms := w.readVMs(osc.ReadVmsRequest{Filters: &osc.FiltersVm{Tags: &[]string{"k=new"}}}); len(vms) != 0 {
		t.Errorf("found by a tag that is not visible yet: %v", ids(vms))
	}
	w.clock.Step(10 * time.Second)
	if got := tagsOf(w.read(id))["k"]; got != "new" {
		t.Errorf("value %q later, want the new one", got)
	}
}

func TestStaleVMsHideNewOnesForAWhile(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.clock.Step(time.Hour)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 10 * time.Second})
	w.mustCreate(w.request())
	if n := len(w.readVMs(osc.ReadVmsRequest{})); n != 3 {
		t.Errorf("%d VMs at once, want 3", n)
	}
	w.clock.Step(10 * time.Second)
	if n := len(w.readVMs(osc.ReadVmsRequest{})); n != 4 {
		t.Errorf("%d VMs later, want 4", n)
	}
}

func TestPartialPagesGiveLessThanAsked(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultPartialPages, PageSize: 2})
	resp, _, err := w.api.VmApi.ReadVms(w.ctx).ReadVmsRequest(osc.ReadVmsRequest{ResultsPerPage: new(int32(1000))}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.GetVms()) != 2 || resp.NextPageToken == nil {
		t.Errorf("%d VMs and token %v", len(resp.GetVms()), resp.NextPageToken)
	}
	if n := len(w.readVMs(osc.ReadVmsRequest{})); n != 3 {
		t.Errorf("%d VMs where no page was asked for, want all 3", n)
	}
}

func TestStrippedTagsAreLostWithoutAnError(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "*", Kind: oapitest.FaultTagsStripped})
	req := w.request()
	req.UserData = encoded(section)
	id := w.mustCreate(req).GetVmId()
	w.tag(id, osc.ResourceTag{Key: "k", Value: "v"})
	if got := tagsOf(w.read(id)); len(got) != 0 {
		t.Errorf("tags %v", got)
	}
}

func TestSlowDeleteTakesItsTime(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultSlowDelete, Delay: time.Hour})
	id := w.running().GetVmId()
	if err := w.delete(id); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(time.Hour - 1)
	w.wantState(id, "shutting-down")
	w.clock.Step(1)
	w.wantState(id, "terminated")
}

func TestDelayHoldsTheAnswerBack(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "ReadNets", Kind: oapitest.FaultDelay, Delay: time.Minute})
	done := make(chan answer, 1)
	go func() { done <- w.post("ReadNets", `{}`) }()
	for !w.clock.HasWaiters() {
		select {
		case early := <-done:
			t.Fatalf("answered at once: %s", early.body)
		default:
		}
	}
	w.clock.Step(time.Minute)
	wantCode(t, <-done, 200, "")
}

func TestSameSeedRepeatsIDsAndRandomFaults(t *testing.T) {
	run := func(seed int64) string {
		w := newWorld(t, &oapitest.Region{Seed: seed})
		w.fault(oapitest.Fault{Call: "ReadNets", Kind: oapitest.FaultErrorBefore, Probability: 0.5})
		out := w.fixture.ImageID
		for range 20 {
			out += w.post("ReadNets", `{}`).code() + "."
		}
		return out
	}
	first := run(7)
	if again := run(7); again != first {
		t.Errorf("the same seed gave\n%s\n%s", first, again)
	}
	if other := run(8); other == first {
		t.Error("another seed gave the same")
	}
	if !strings.Contains(first, "2000") || !strings.Contains(first, "..") {
		t.Errorf("a fault of probability one half struck always or never: %s", first)
	}
}

func TestFaultsAreReadStrictly(t *testing.T) {
	r := &oapitest.Region{}
	for _, text := range []string{
		`{"call":"ReadVm","kind":"throttle"}`, `{"call":"*","kind":"gremlin"}`, `{"call":"*","kind":"error"}`,
		`{"call":"*","kind":"error","code":"1","status":200}`, `{"call":"*","kind":"delay"}`,
		`{"call":"*","kind":"partial-pages"}`, `{"call":"*","kind":"throttle","code":"26"}`,
		`{"call":"*","kind":"throttle","probability":2}`, `{"call":"*","kind":"delay","delay":"soon"}`,
		`{"call":"*","kind":"throttle","sometimes":true}`,
	} {
		var f oapitest.Fault
		if err := json.Unmarshal([]byte(text), &f); err == nil && r.AddFault(f) == nil {
			t.Errorf("accepted %s", text)
		}
	}
	want := oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultDelay, Delay: 90 * time.Second, For: time.Hour, Nth: 2}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got oapitest.Fault
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", text, diff)
	}
}

func TestStrikesAreCountedByKindAlsoOfFaultsThatAreOver(t *testing.T) {
	region := &oapitest.Region{}
	w := newWorld(t, region)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultPartialPages, PageSize: 2, Times: 2})
	w.fault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultThrottle})
	for range 3 {
		w.readVMs(osc.ReadVmsRequest{})
	}
	region.ClearFaults()
	struck := region.Struck()
	if len(struck) != 1 || struck[oapitest.FaultPartialPages] != 2 {
		t.Errorf("struck %v, want the two pages", struck)
	}
}
