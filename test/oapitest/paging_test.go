package oapitest_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

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
