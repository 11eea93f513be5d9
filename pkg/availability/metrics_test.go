package availability_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
)

func TestRefusalsInForceAreCountedByWhoIsAtFault(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	memory := availability.New(clock.Now)
	for _, at := range []availability.Blame{
		{},
		{Class: class()},
		{Subnet: "subnet-1"},
		{Subnet: "subnet-1", Class: class()},
		{Type: "tinav6.c2r4p2"},
		{Type: "tinav6.c2r4p2", Subregion: "eu-west-2a"},
		{Type: "tinav6.c4r8p2", Subregion: "eu-west-2a"},
	} {
		memory.Refuse(at, class(), "refused in a test")
	}
	wantInForce(t, memory, map[string]float64{"account": 1, "nodeclass": 1, "subnet": 2, "type": 1, "offering": 2})
	clock.Step(5 * time.Minute)
	wantInForce(t, memory, map[string]float64{"type": 1})
}

func wantInForce(t *testing.T, memory *availability.Memory, want map[string]float64) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(memory)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, metric := range families[0].GetMetric() {
		got[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
	}
	for _, party := range []string{"account", "nodeclass", "subnet", "type", "offering"} {
		if count, ok := got[party]; !ok || count != want[party] {
			t.Errorf("%s: %v refusals in force (reported: %v), want %v", party, count, ok, want[party])
		}
	}
}
