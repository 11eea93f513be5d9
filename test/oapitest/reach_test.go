package oapitest_test

import (
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestSecurityGroupsDecideWhatTheControlPlaneHears(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	resp, _, err := w.api.VmApi.CreateVms(w.ctx).CreateVmsRequest(w.request()).Execute()
	if err != nil {
		t.Fatal(err)
	}
	id := resp.GetVms()[0].GetVmId()
	want := func(when string, open map[int32]bool) {
		t.Helper()
		for port, reaches := range open {
			if got := w.ReachesControlPlane(id, port); got != reaches {
				t.Errorf("%s: port %d reached: %v, want %v", when, port, got, reaches)
			}
		}
	}
	want("as the account starts", map[int32]bool{6443: true, 50000: true, 50001: true, 22: false})
	w.LetIn(50001)
	want("closed", map[int32]bool{6443: true, 50000: true, 50001: false})
	w.LetIn(6443, resp.GetVms()[0].GetPrivateIp()+"/32")
	want("open to its address", map[int32]bool{6443: true})
	w.LetIn(6443, "10.0.250.0/24")
	want("open to others", map[int32]bool{6443: false})
	if w.ReachesControlPlane("i-00000000", 6443) {
		t.Error("a VM that does not exist reaches the control plane")
	}
}
