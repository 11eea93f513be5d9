package oapitest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

func TestNextPageTokenOnlyIfResultsPerPageWasSent(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for range 4 {
		w.mustCreate(w.request())
	}
	all, _, err := w.api.VmApi.ReadVms(w.ctx).ReadVmsRequest(osc.ReadVmsRequest{}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if all.NextPageToken != nil || len(all.GetVms()) != 7 {
		t.Errorf("without ResultsPerPage: %d VMs and token %v", len(all.GetVms()), all.NextPageToken)
	}
	var paged []string
	req := osc.ReadVmsRequest{ResultsPerPage: new(int32(3))}
	for pages := 1; ; pages++ {
		resp, _, err := w.api.VmApi.ReadVms(w.ctx).ReadVmsRequest(req).Execute()
		if err != nil {
			t.Fatal(err)
		}
		paged = append(paged, ids(resp.GetVms())...)
		if req.NextPageToken = resp.NextPageToken; req.NextPageToken == nil {
			if pages != 3 {
				t.Errorf("%d pages of three for seven VMs", pages)
			}
			break
		}
	}
	if diff := cmp.Diff(ids(all.GetVms()), paged); diff != "" {
		t.Errorf("pages differ from the whole (-want +got):\n%s", diff)
	}
}

func TestVMsThatChangeBetweenPagesAreNotSkipped(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	first, second := w.running().GetVmId(), w.running().GetVmId()
	filter := &osc.FiltersVm{VmStateNames: &[]string{"running"}, VmIds: &[]string{first, second}}
	page := osc.ReadVmsRequest{Filters: filter, ResultsPerPage: new(int32(1))}
	resp, _, err := w.api.VmApi.ReadVms(w.ctx).ReadVmsRequest(page).Execute()
	if err != nil {
		t.Fatal(err)
	}
	w.KillVM(first)
	page.NextPageToken = resp.NextPageToken
	if diff := cmp.Diff([]string{second}, ids(w.readVMs(page))); diff != "" {
		t.Errorf("second page (-want +got):\n%s", diff)
	}
}

func TestResultsPerPageOutOfRangeIsRefusedWith4113(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for _, call := range []string{"ReadVms", "ReadImages", "ReadVmTypes", "ReadApiLogs", "ReadQuotas"} {
		for _, n := range []int{-1, 0, 1001} {
			wantCode(t, w.post(call, fmt.Sprintf(`{"ResultsPerPage":%d}`, n)), 400, "4113")
		}
		if a := w.post(call, `{"ResultsPerPage":1000}`); a.status != 200 {
			t.Errorf("%s with 1000: %s", call, a.body)
		}
	}
}

func TestBadPageTokensAreRefused(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	wantCode(t, w.post("ReadVms", `{"NextPageToken":"?","ResultsPerPage":1}`), 400, "4117")
	wantCode(t, w.post("ReadVms", `{"NextPageToken":"YmFuYW5h","ResultsPerPage":1}`), 400, "4117")
	id := w.running().GetVmId()
	resp, _, err := w.api.VmApi.ReadVms(w.ctx).ReadVmsRequest(osc.ReadVmsRequest{ResultsPerPage: new(int32(3))}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	token := resp.GetNextPageToken()
	wantCode(t, w.post("ReadImages", `{"NextPageToken":"`+token+`","ResultsPerPage":1}`), 400, "4117")
	w.mustCreate(w.request())
	resp, _, err = w.api.VmApi.ReadVms(w.ctx).ReadVmsRequest(osc.ReadVmsRequest{ResultsPerPage: new(int32(4))}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	w.KillVM(id)
	w.clock.Step(w.Timings.Linger)
	wantCode(t, w.post("ReadVms", `{"NextPageToken":"`+resp.GetNextPageToken()+`","ResultsPerPage":1}`), 400, "4116")
}

func TestDryRunAnswers200AndDoesNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.DryRun = new(true)
	resp, http, err := w.api.VmApi.CreateVms(w.ctx).CreateVmsRequest(req).Execute()
	if err != nil || http.StatusCode != 200 || len(resp.GetVms()) != 0 {
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

func TestImageNamesAcceptWildcards(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	read := func(f osc.FiltersImage) []string {
		resp, _, err := w.api.ImageApi.ReadImages(w.ctx).ReadImagesRequest(osc.ReadImagesRequest{Filters: &f}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, i := range resp.GetImages() {
			got = append(got, i.GetImageId())
		}
		return got
	}
	talos := []string{w.fixture.OldImageID, w.fixture.ImageID}
	if diff := cmp.Diff(talos, read(osc.FiltersImage{ImageNames: &[]string{"talos-v1.*"}})); diff != "" {
		t.Errorf("by name (-want +got):\n%s", diff)
	}
	newest := osc.FiltersImage{Tags: &[]string{"talos.dev/version=v1.13.0"}, AccountIds: &[]string{w.fixture.AccountID}}
	if diff := cmp.Diff([]string{w.fixture.ImageID}, read(newest)); diff != "" {
		t.Errorf("by tag (-want +got):\n%s", diff)
	}
}

func TestSubnetsCountTheirFreeAddressesAndRunOut(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	available := func() int32 {
		resp, _, err := w.api.SubnetApi.ReadSubnets(w.ctx).ReadSubnetsRequest(osc.ReadSubnetsRequest{
			Filters: &osc.FiltersSubnet{SubnetIds: &[]string{w.fixture.Subnets[0].ID}},
		}).Execute()
		if err != nil || len(resp.GetSubnets()) != 1 {
			t.Fatalf("ReadSubnets: %v", err)
		}
		return resp.GetSubnets()[0].GetAvailableIpsCount()
	}
	free := available()
	if free != 251-2 {
		t.Errorf("%d free addresses beside two control plane VMs, want 249", free)
	}
	req := w.request()
	req.MinVmsCount = &free
	resp, _, err := w.api.VmApi.CreateVms(w.ctx).CreateVmsRequest(req).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if got := available(); got != 0 {
		t.Errorf("%d free addresses in a full subnet", got)
	}
	_, err = w.create(w.request())
	wantRefused(t, err, "10021")
	w.KillVM(resp.GetVms()[7].GetVmId())
	if got, want := w.mustCreate(w.request()).GetPrivateIp(), resp.GetVms()[7].GetPrivateIp(); got != want {
		t.Errorf("address %s, want the one that became free, %s", got, want)
	}
}

func TestSecurityGroupsNetsNicsAndKeypairsAreThere(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Subregions: 3})
	for call, want := range map[string]string{
		`ReadSecurityGroups {"Filters":{"InboundRuleFromPortRanges":[6443]}}`:         w.fixture.ControlPlaneSecurityGroupID,
		`ReadSecurityGroups {"Filters":{"TagKeys":["karpenter.sh/discovery"]}}`:       w.fixture.WorkerSecurityGroupID,
		`ReadNets {"Filters":{"IpRanges":["10.0.0.0/16"]}}`:                           w.fixture.NetID,
		`ReadNics {"Filters":{"LinkNicVmIds":["` + w.fixture.ControlPlane[0] + `"]}}`: w.fixture.ControlPlane[0],
		`ReadKeypairs {"Filters":{"KeypairNames":["` + w.fixture.KeypairName + `"]}}`: w.fixture.KeypairName,
		`ReadSubregions {"Filters":{"SubregionNames":["eu-west-2c"]}}`:                "PAR7",
		`ReadAccounts {}`: w.fixture.AccountID,
		`ReadTags {"Filters":{"Keys":["OscK8sNodeName"],"ResourceTypes":["instance"]}}`: w.fixture.ControlPlane[2],
	} {
		name, payload, _ := strings.Cut(call, " ")
		if a := w.post(name, payload); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want %s in it", call, a.status, a.body, want)
		}
	}
}

func TestReadAPILogsTellsWhoDeletedAVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	if err := w.delete(id); err != nil {
		t.Fatal(err)
	}
	resp, _, err := w.api.ApiLogApi.ReadApiLogs(w.ctx).ReadApiLogsRequest(osc.ReadApiLogsRequest{
		Filters: &osc.FiltersApiLog{QueryCallNames: &[]string{"DeleteVms"}}, With: &osc.With{AccountId: new(false)},
	}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	logs := resp.GetLogs()
	if len(logs) != 1 || !strings.Contains(logs[0].GetQueryPayloadRaw(), id) || logs[0].GetQueryAccessKey() != w.fixture.AccessKey ||
		logs[0].GetQueryUserAgent() != "osc-sdk-go/2.35.0" || logs[0].GetResponseStatusCode() != 200 || logs[0].GetRequestId() == "" {
		t.Errorf("logs: %+v", logs)
	}
	if logs[0].AccountId != nil {
		t.Error("a field that was not asked for is there")
	}
}

func TestReadAPILogsTruncatesAtAHundred(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for range 101 {
		w.post("ReadAccounts", `{}`)
	}
	resp, _, err := w.api.ApiLogApi.ReadApiLogs(w.ctx).ReadApiLogsRequest(osc.ReadApiLogsRequest{}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(resp.GetLogs()); n != 100 || resp.NextPageToken == nil {
		t.Errorf("%d logs and token %v", n, resp.NextPageToken)
	}
}

func TestConsoleKeepsItsLast64KiB(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	w.WriteConsole(id, "first line\n")
	w.WriteConsole(id, string(make([]byte, 64<<10-5))+"last\n")
	if got := w.console(id); len(got) != 64<<10 || strings.Contains(got, "first") || got[len(got)-5:] != "last\n" {
		t.Errorf("console of %d bytes", len(got))
	}
}

func TestVMsAreListedOldestFirst(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	want := slices.Clone(w.fixture.ControlPlane)
	for range 3 {
		w.clock.Step(time.Second)
		want = append(want, w.mustCreate(w.request()).GetVmId())
	}
	if diff := cmp.Diff(want, ids(w.readVMs(osc.ReadVmsRequest{}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
