package oapi

import (
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestADryRunIsKeptBackByTheBreaker(t *testing.T) {
	region := &oapitest.Region{}
	url := oapitest.NewTestServer(t, region)
	client, heard := newProcess(t, url, "wrong", Refusals{})
	for range 5 {
		if err := client.TryDeleteVms(t.Context(), []string{"i-00000001"}); err == nil {
			t.Fatal("a wrong key deletes")
		}
	}
	if len(*heard) != 1 {
		t.Errorf("%d refusals reached Outscale, want one", len(*heard))
	}
	good, _ := newProcess(t, url, region.Fixture().SecretKey, Refusals{})
	vms := region.VMs()
	if len(vms) == 0 {
		t.Fatal("the region has no VM")
	}
	if err := good.TryDeleteVms(t.Context(), []string{vms[0].ID}); err != nil && !strings.Contains(err.Error(), "Dry") {
		t.Error(err)
	}
	if after := region.VMs(); after[0].State != vms[0].State {
		t.Errorf("VM %s is %s: a dry run deleted it", vms[0].ID, after[0].State)
	}
}
