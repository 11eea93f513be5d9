package oapitest_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestSoldOutTypeIsRefusedWith10001PerTypeAndSubregion(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	soldOut := w.fixture.Subnets[0]
	w.SetCapacity("tinav6.c2r4p2", soldOut.Subregion, 1)
	first := w.mustCreate(w.request())
	_, err := w.create(w.request())
	wantRefused(t, err, "10001")
	elsewhere, bigger := w.request(), w.request()
	elsewhere.SubnetId, bigger.VmType = new(w.fixture.Subnets[1].ID), new("tinav6.c4r8p2")
	w.mustCreate(elsewhere)
	w.mustCreate(bigger)
	w.KillVM(first.GetVmId())
	w.mustCreate(w.request())
	w.SetCapacity("*", "*", 0)
	_, err = w.create(elsewhere)
	wantRefused(t, err, "10001")
	w.SetCapacity("*", "*", -1)
	w.mustCreate(elsewhere)
}

func TestVMsThatMustBeApartNeedServers(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	section := func(tag string) *string {
		text := "-----BEGIN OUTSCALE SECTION-----\ntags." + tag + "\n-----END OUTSCALE SECTION-----\n"
		return new(base64.StdEncoding.EncodeToString([]byte(text)))
	}
	apart, other, lax := w.request(), w.request(), w.request()
	apart.UserData = section("osc.fcu.repulse_server_strict=web")
	other.UserData = section("osc.fcu.repulse_server_strict=db")
	lax.UserData = section("osc.fcu.repulse_server=web")
	w.SetServers(w.fixture.Subnets[0].Subregion, 2)
	first := w.mustCreate(apart)
	w.mustCreate(lax)
	_, err := w.create(apart)
	wantRefused(t, err, "10001")
	w.mustCreate(lax)
	w.mustCreate(other)
	w.mustCreate(w.request())
	elsewhere := apart
	elsewhere.SubnetId = new(w.fixture.Subnets[1].ID)
	w.mustCreate(elsewhere)
	w.KillVM(first.GetVmId())
	_, err = w.create(apart)
	wantRefused(t, err, "10001") // two VMs that may share a server are on the others
}

func TestStatusOfACodeIsASwitch(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{Status: map[string]int{"10001": 409}}})
	w.SetCapacity("*", "*", 0)
	payload := `{"ImageId":"` + w.fixture.ImageID + `","SubnetId":"` + w.fixture.Subnets[0].ID + `"}`
	wantCode(t, w.post("CreateVms", payload), 409, "10001")
}

func TestExceededQuotaIsRefusedWith10042(t *testing.T) {
	for name, room := range map[string]int{"vm_limit": 3 + 1, "core_limit": 3*4 + 2, "memory_limit": 3*8 + 4} {
		w := newWorld(t, &oapitest.Region{})
		w.SetQuota(name, room)
		id := w.mustCreate(w.request()).GetVmId()
		_, err := w.create(w.request())
		wantRefused(t, err, "10042")
		w.KillVM(id)
		w.mustCreate(w.request())
	}
}

func TestExceededGPUQuotaIsRefusedWith10046(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Quotas: oapitest.Quotas{GPUs: 1}})
	req := w.request()
	req.VmType = new("inference7-l40.medium")
	w.mustCreate(req)
	_, err := w.create(req)
	wantRefused(t, err, "10046")
}

func TestReadQuotasShowsLimitAndUse(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Quotas: oapitest.Quotas{VMs: 10, Cores: 20}})
	w.mustCreate(w.request())
	resp, _, err := w.api.QuotaApi.ReadQuotas(w.ctx).ReadQuotasRequest(osc.ReadQuotasRequest{}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][2]int32{}
	for _, kind := range resp.GetQuotaTypes() {
		for _, q := range kind.GetQuotas() {
			got[kind.GetQuotaType()+" "+q.GetName()] = [2]int32{q.GetMaxValue(), q.GetUsedValue()}
		}
	}
	want := map[string][2]int32{"global vm_limit": {10, 4}, "global core_limit": {20, 14}, "global memory_limit": {0, 28}, "global gpu_limit": {0, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
