package garbagecollection

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	leakedVMs = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "karpenter_outscale", Subsystem: "gc", Name: "leaked_vms",
		Help: "VMs of the cluster without a NodeClaim in two sweeps. Above 0 for long: they cost money and are not deleted, see the refusals.",
	})
	deletions = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "gc", Name: "deleted_vms_total",
		Help: "Leaked VMs that were deleted.",
	})
	refusals = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "gc", Name: "refusals_total",
		Help: "Sweeps that deleted nothing because too many VMs looked leaked. Alert on it: somebody must look.",
	})
)

func init() {
	metrics.Registry.MustRegister(leakedVMs, deletions, refusals)
}
