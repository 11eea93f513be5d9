package vm_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// figures are the gauges of the snapshot, without their common prefix.
func (w *world) figures() map[string]float64 {
	w.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.vms)
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		if family.GetType() != dto.MetricType_GAUGE {
			continue
		}
		out[family.GetName()[len("karpenter_outscale_vm_"):]] = family.GetMetric()[0].GetGauge().GetValue()
	}
	return out
}

func TestFiguresOfTheSnapshotFollowIt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.flood(5)
	want := map[string]float64{"snapshot_timestamp_seconds": 0, "known": 0, "missing": 0, "snapshot_in_doubt": 0}
	if diff := cmp.Diff(want, w.figures()); diff != "" {
		t.Errorf("before the first read (-want +got):\n%s", diff)
	}
	w.list()
	w.wantCalls("ReadVms", 1)
	first := float64(w.clock.Now().Unix())
	want = map[string]float64{"snapshot_timestamp_seconds": first, "known": 5, "missing": 0, "snapshot_in_doubt": 0}
	if diff := cmp.Diff(want, w.figures()); diff != "" {
		t.Errorf("after it (-want +got):\n%s", diff)
	}
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 1000 * time.Hour})
	w.clock.Step(time.Minute)
	if _, err := w.vms.List(t.Context()); err == nil {
		t.Error("a read that shows none of 5 VMs is believed")
	}
	want = map[string]float64{"snapshot_timestamp_seconds": first + 60, "known": 5, "missing": 5, "snapshot_in_doubt": 1}
	if diff := cmp.Diff(want, w.figures()); diff != "" {
		t.Errorf("in doubt (-want +got):\n%s", diff)
	}
}

// starts are how many starts of VMs were measured, and the seconds of all together.
func (w *world) starts() (uint64, float64) {
	w.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.vms)
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "karpenter_outscale_vm_start_duration_seconds" {
			histogram := family.GetMetric()[0].GetHistogram()
			return histogram.GetSampleCount(), histogram.GetSampleSum()
		}
	}
	w.t.Fatal("no histogram of starts")
	return 0, 0
}

func TestTheStartOfAVMIsMeasuredOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{Boot: 35 * time.Second}})
	w.launch("measured")
	for _, want := range []struct {
		count uint64
		sum   float64
	}{{0, 0}, {1, 40}, {1, 40}} {
		w.clock.Step(20 * time.Second)
		w.list()
		if count, sum := w.starts(); count != want.count || sum != want.sum {
			t.Errorf("%d starts of %v s in all, want %d of %v s", count, sum, want.count, want.sum)
		}
	}
}
