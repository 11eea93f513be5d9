package oapitest_test

import (
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestCreatedVMRunsAfterItsBootTime(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	m := w.mustCreate(w.request())
	if m.GetState() != "pending" || m.GetPrivateIp() == "" || m.GetPrivateDnsName() == "" {
		t.Errorf("answer of CreateVms: %+v", m)
	}
	w.clock.Step(w.Timings.Boot - 1)
	w.wantState(m.GetVmId(), "pending")
	w.clock.Step(1)
	w.wantState(m.GetVmId(), "running")
}
