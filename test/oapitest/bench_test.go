package oapitest_test

import (
	"encoding/base64"
	"testing"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// BenchmarkReadThousandVMs is the cost of the one call that grows with the fleet.
func BenchmarkReadThousandVMs(b *testing.B) {
	r := &oapitest.Region{Subregions: 3}
	w := newWorld(b, r)
	var data [10_000]byte
	for i := range 700 {
		req := w.request()
		req.SubnetId = new(w.fixture.Subnets[i%3].ID)
		req.UserData = new(base64.StdEncoding.EncodeToString(data[:]))
		w.mustCreate(req)
	}
	b.ResetTimer()
	for b.Loop() {
		w.readVMs(osc.ReadVmsRequest{})
	}
}
