package garbagecollection

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	leakedVMs = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "karpenter_outscale", Subsystem: "gc", Name: "leaked_vms",
		Help: "VMs of the cluster without a NodeClaim in two sweeps. They cost money. Above 0 and not falling: see the refusals.",
	})
	deletions = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "gc", Name: "deleted_vms_total",
		Help: "Leaked VMs that were deleted.",
	})
	refusals = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "gc", Name: "refusals_total",
		Help: "Sweeps that deleted nothing because many VMs looked leaked and the Nodes did not prove it. Alert on it: somebody must look.",
	})
)

func init() {
	metrics.Registry.MustRegister(leakedVMs, deletions, refusals)
}
