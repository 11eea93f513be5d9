package oapitest_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestUnknownBodyKeyIsRefusedWith3001(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	wantCode(t, w.post("ReadVms", `{"Filter":{}}`), 400, "3001")
	wantCode(t, w.post("ReadVms", `{"Filters":{"VmStates":["running"]}}`), 400, "3001")
	wantCode(t, w.post("CreateVms", `{"ImageId":"`+w.fixture.ImageID+`","Tags":[]}`), 400, "3001")
}

func TestMissingAndIllTypedParametersAreRefused(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	wantCode(t, w.post("CreateVms", `{}`), 400, "7000")
	wantCode(t, w.post("DeleteVms", `{"VmIds":[]}`), 400, "7000")
	wantCode(t, w.post("DeleteVms", `{"VmIds":"i-12345678"}`), 400, "4110")
	wantCode(t, w.post("CreateVms", `{"ImageId":"`+w.fixture.ImageID+`","Performance":"best"}`), 400, "4047")
	wantCode(t, w.post("ReadVms", `{`), 400, "3010")
}

func TestUnknownActionIsRefusedWith12000(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	wantCode(t, w.post("DescribeInstances", `{}`), 400, "12000")
}

func TestActionThatOnlyTheEmulatorLacksIsReported(t *testing.T) {
	var reports []error
	w := newWorld(t, &oapitest.Region{ContractViolation: func(err error) { reports = append(reports, err) }})
	wantCode(t, w.post("CreateNet", `{}`), 500, "2000")
	if len(reports) != 1 {
		t.Errorf("reports %v, want one", reports)
	}
}

func TestMalformedVMIDsAreRefusedWith4104And4105(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	wantCode(t, w.post("ReadVms", `{"Filters":{"VmIds":["foo"]}}`), 400, "4104")
	wantCode(t, w.post("ReadVms", `{"Filters":{"VmIds":["i-xyz"]}}`), 400, "4105")
	wantCode(t, w.post("DeleteVms", `{"VmIds":["vol-12345678"]}`), 400, "4104")
	wantCode(t, w.post("StopVms", `{"VmIds":["i-1234567"]}`), 400, "4105")
}

func TestUnknownVMIDReadsAsAnEmptyList(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	if vms := w.readVMs(osc.ReadVmsRequest{Filters: &osc.FiltersVm{VmIds: &[]string{"i-00000000"}}}); len(vms) != 0 {
		t.Errorf("found %v", ids(vms))
	}
}

func TestFiltersAreAndBetweenAndOrWithin(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	build := func(token string, subnet int, tags ...osc.ResourceTag) string {
		req := w.request()
		req.ClientToken, req.SubnetId = new(token), new(w.fixture.Subnets[subnet].ID)
		id := w.mustCreate(req).GetVmId()
		w.tag(id, append(tags, osc.ResourceTag{Key: "fleet", Value: token})...)
		return id
	}
	a := build("a", 0, osc.ResourceTag{Key: "x", Value: "1"})
	b := build("b", 1, osc.ResourceTag{Key: "x", Value: "2"})
	c := build("c", 1)
	w.clock.Step(w.Timings.Boot)
	w.KillVM(c)
	for name, check := range map[string]struct {
		filters osc.FiltersVm
		want    []string
	}{
		"TagKeys":            {osc.FiltersVm{TagKeys: &[]string{"x"}}, []string{a, b}},
		"TagKeys+TagValues":  {osc.FiltersVm{TagKeys: &[]string{"x"}, TagValues: &[]string{"2"}}, []string{b}},
		"Tags":               {osc.FiltersVm{Tags: &[]string{"x=1", "x=2"}}, []string{a, b}},
		"Tags half":          {osc.FiltersVm{Tags: &[]string{"x=b", "fleet=1"}}, []string{}},
		"VmStateNames":       {osc.FiltersVm{VmStateNames: &[]string{"terminated"}}, []string{c}},
		"VmStateCodes":       {osc.FiltersVm{VmStateCodes: &[]int32{48}}, []string{c}},
		"ClientTokens":       {osc.FiltersVm{ClientTokens: &[]string{"a", "c"}}, []string{a, c}},
		"ClientTokens+State": {osc.FiltersVm{ClientTokens: &[]string{"a", "c"}, VmStateNames: &[]string{"running"}}, []string{a}},
		"SubnetIds":          {osc.FiltersVm{SubnetIds: &[]string{w.fixture.Subnets[1].ID}, TagKeys: &[]string{"fleet"}}, []string{b}},
		"SubregionNames":     {osc.FiltersVm{SubregionNames: &[]string{w.fixture.Subnets[1].Subregion}, TagKeys: &[]string{"fleet"}}, []string{b, c}},
		"wildcard in a tag":  {osc.FiltersVm{TagKeys: &[]string{"f*"}}, []string{}},
		"NicLinkNicStates":   {osc.FiltersVm{NicLinkNicStates: &[]string{"attached"}, TagKeys: &[]string{"x"}}, []string{a, b}},
	} {
		got := ids(w.readVMs(osc.ReadVmsRequest{Filters: &check.filters}))
		if diff := cmp.Diff(check.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTagsFilterMayRequireAllItsValues(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{TagsFilterAll: true}})
	both, one := w.running().GetVmId(), w.running().GetVmId()
	w.tag(both, osc.ResourceTag{Key: "a", Value: "1"}, osc.ResourceTag{Key: "b", Value: "2"})
	w.tag(one, osc.ResourceTag{Key: "a", Value: "1"})
	got := ids(w.readVMs(osc.ReadVmsRequest{Filters: &osc.FiltersVm{Tags: &[]string{"a=1", "b=2"}}}))
	if diff := cmp.Diff([]string{both}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDryRunAnswers200AndDoesNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.DryRun = new(true)
	resp, answer, err := w.api.VmApi.CreateVms(w.ctx).CreateVmsRequest(req).Execute()
	if err != nil || answer.StatusCode != http.StatusOK || len(resp.GetVms()) != 0 {
		t.Errorf("dry run: %v %+v", err, resp)
	}
	if vms := w.readVMs(osc.ReadVmsRequest{DryRun: new(true)}); len(vms) != 0 {
		t.Errorf("dry read gave %v", ids(vms))
	}
	id := w.running().GetVmId()
	wantCode(t, w.post("DeleteVms", `{"DryRun":true,"VmIds":["`+id+`"]}`), 200, "")
	w.wantState(id, "running")
	wantCode(t, w.post("DeleteVms", `{"DryRun":true,"VmIds":["i-00000000"]}`), 400, "5063")
	wantCode(t, w.postAs("WRONG", "WRONG", "ReadVms", `{"DryRun":true}`), 401, "1")
	if n := len(w.VMs()); n != 4 {
		t.Errorf("%d VMs after a dry run, want 4", n)
	}
}
