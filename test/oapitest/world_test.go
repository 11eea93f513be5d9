package oapitest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

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
		t.Errorf("%d free addresses with two control plane VMs, want 249", free)
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
