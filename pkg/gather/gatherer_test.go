package gather_test

import (
	"maps"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// passes is a Gatherer on a world whose time passes by hand.
type passes struct {
	*world
	kube client.Client
	now  time.Time
	// again is the Gatherer.
	again *gather.Gatherer
}

func newPasses(t *testing.T, objects ...client.Object) *passes {
	t.Helper()
	p := &passes{world: newWorld(t), kube: kube(append(objects, kubeSystem(), controller())...).Build(), now: time.Now()}
	reads := []snapshot.Source{
		snapshot.SourceVMs, snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourcePrices, snapshot.SourceUsage,
		snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceNodeClasses,
	}
	p.again = gather.New(gather.Inputs{Kube: p.kube, Cloud: p.api, Reads: reads, Now: func() time.Time { return p.now }})
	return p
}

// stuck launches a VM whose NodeClaim registers, so that its console is read.
func (p *passes) stuck(t *testing.T) vm.VM {
	t.Helper()
	v := p.launch(t, "default-7xk2p")
	if err := p.kube.Create(t.Context(), claim("default-7xk2p", "aws:///"+v.Subregion+"/"+v.ID)); err != nil {
		t.Fatal(err)
	}
	return v
}

// pass reads again after a while, and returns what that cost.
func (p *passes) pass(t *testing.T, later time.Duration) (*snapshot.Snapshot, map[string]int) {
	t.Helper()
	p.now = p.now.Add(later)
	before := p.region.Calls()
	s := p.again.Read(t.Context())
	cost := map[string]int{}
	for call, n := range p.region.Calls() {
		if n > before[call] {
			cost[call] = n - before[call]
		}
	}
	return s, cost
}

func TestSecondPassWithinThePaceCostsNoCall(t *testing.T) {
	p := newPasses(t)
	v := p.stuck(t)
	p.region.WriteConsole(v.ID, "[    1.0] [talos] one\n")
	first, cost := p.pass(t, 0)
	for _, call := range []string{"ReadVms", "ReadQuotas", "ReadCatalog", "ReadConsoleOutput"} {
		if cost[call] != 1 {
			t.Errorf("the first pass made %d calls %s, want 1", cost[call], call)
		}
	}
	if at := first.Sources[snapshot.SourceVMs].ReadAt; !at.IsZero() {
		t.Errorf("VMs of this pass are said to be of %s", at)
	}
	if err := p.kube.Create(t.Context(), claim("default-later", "")); err != nil {
		t.Fatal(err)
	}
	second, cost := p.pass(t, 4*time.Second)
	if len(cost) > 0 {
		t.Errorf("the second pass cost %v", cost)
	}
	if len(second.NodeClaims) != 2 {
		t.Errorf("%d NodeClaims: the API server was not asked again", len(second.NodeClaims))
	}
	if len(second.VMs) != len(first.VMs) || second.Consoles[v.ID] == "" || len(second.Quotas) == 0 || second.VMs[0].EURPerHour == 0 {
		t.Error("what was kept is not shown")
	}
	for _, source := range []snapshot.Source{snapshot.SourceVMs, snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourcePrices, snapshot.SourceUsage} {
		if status := second.Sources[source]; !status.ReadAt.Equal(first.TakenAt) || status.State != snapshot.StateOK {
			t.Errorf("%s: %+v, want it to be of the first pass at %s", source, status, first.TakenAt)
		}
	}
}

func TestSourceIsReadAgainAfterItsPace(t *testing.T) {
	p := newPasses(t)
	p.stuck(t)
	p.pass(t, 0)
	for _, c := range []struct {
		later time.Duration
		want  map[string]int
	}{
		{5 * time.Second, map[string]int{"ReadVms": 1}},
		{10 * time.Second, map[string]int{"ReadVms": 1, "ReadConsoleOutput": 1}},
		{45 * time.Second, map[string]int{"ReadVms": 1, "ReadConsoleOutput": 1, "ReadQuotas": 1}},
		{12 * time.Hour, map[string]int{"ReadVms": 1, "ReadConsoleOutput": 1, "ReadQuotas": 1, "ReadCatalog": 1}},
	} {
		if _, cost := p.pass(t, c.later); !maps.Equal(cost, c.want) {
			t.Errorf("after %s more: %v, want %v", c.later, cost, c.want)
		}
	}
}

func TestFailureIsSaidInEachPassAndShowsNothingOld(t *testing.T) {
	p := newPasses(t)
	p.stuck(t)
	if s, _ := p.pass(t, 0); len(s.VMs) == 0 {
		t.Fatal("no VMs before the failure")
	}
	for _, call := range []string{"ReadVms", "ReadCatalog", "ReadPublicCatalog"} {
		if err := p.region.AddFault(oapitest.Fault{Call: call, Kind: oapitest.FaultErrorBefore}); err != nil {
			t.Fatal(err)
		}
	}
	failed, _ := p.pass(t, 13*time.Hour)
	still, cost := p.pass(t, time.Second)
	if cost["ReadVms"]+cost["ReadCatalog"] > 0 {
		t.Errorf("asked again after a second: %v", cost)
	}
	for name, s := range map[string]*snapshot.Snapshot{"pass that failed": failed, "pass after it": still} {
		if s.Sources[snapshot.SourceVMs].State != snapshot.StateFailed || s.Why(snapshot.SourcePrices) == "" {
			t.Errorf("%s: sources %+v", name, s.Sources)
		}
		if len(s.VMs) > 0 {
			t.Errorf("%s: shows %d VMs of the pass before", name, len(s.VMs))
		}
	}
	p.region.ClearFaults()
	if s, _ := p.pass(t, 15*time.Second); s.Why(snapshot.SourceVMs) != "" || s.Why(snapshot.SourcePrices) != "" || len(s.VMs) == 0 {
		t.Errorf("sources after the failure: %+v", s.Sources)
	}
}

func TestVMWhoseNodeClaimWentIsNoOrphanOfAnOldListing(t *testing.T) {
	p := newPasses(t)
	v := p.stuck(t)
	p.pass(t, 0)
	if err := p.vms.Delete(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	if err := p.kube.Delete(t.Context(), claim("default-7xk2p", "")); err != nil {
		t.Fatal(err)
	}
	s, _ := p.pass(t, time.Second)
	for _, read := range s.VMs {
		if read.ID == v.ID && read.State == vm.StateRunning {
			t.Error("the VM is shown as running and without NodeClaim: that was never so")
		}
	}
}

func TestVMThatTheAccountDoesNotHaveIsLookedForOnceInAPace(t *testing.T) {
	p := newPasses(t, claim("default-lost", "aws:///eu-west-2a/i-0000dead"))
	if _, cost := p.pass(t, 0); cost["ReadVms"] != 2 {
		t.Errorf("the first pass made %d calls ReadVms, want a listing and a look", cost["ReadVms"])
	}
	if _, cost := p.pass(t, time.Second); cost["ReadVms"] != 0 {
		t.Errorf("the second pass made %d calls ReadVms", cost["ReadVms"])
	}
}

func TestMaskingOfOnePassTakesNothingFromTheNext(t *testing.T) {
	p := newPasses(t)
	v := p.stuck(t)
	tag := osc.CreateTagsRequest{ResourceIds: []string{v.ID}, Tags: []osc.ResourceTag{{Key: "team", Value: "shop"}}}
	if err := p.api.CreateTags(t.Context(), tag); err != nil {
		t.Fatal(err)
	}
	team := func(s *snapshot.Snapshot) string {
		for _, read := range s.VMs {
			if read.ID == v.ID {
				return read.Tags["team"]
			}
		}
		return "no VM"
	}
	if s, _ := p.pass(t, 0); team(s) != "" {
		t.Fatalf("tag %q of others is kept", team(s))
	}
	class := nodeClass()
	class.Spec.Tags = map[string]string{"team": "shop"}
	if err := p.kube.Create(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	if s, _ := p.pass(t, time.Second); team(s) != "shop" {
		t.Errorf("tag %q, want the one that a NodeClass sets now", team(s))
	}
}
