package interruption

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	interruptions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "interruption", Name: "seen_total",
		Help: "VMs that stopped, or for which a maintenance was announced, by cause.",
	}, []string{"cause"})
	replacements = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "interruption", Name: "replaced_total",
		Help: "NodeClaims that were replaced for it, by cause.",
	}, []string{"cause"})
	forcedStops = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "interruption", Name: "forced_stops_total",
		Help: "VMs that did not end after they were deleted, and were stopped by force.",
	})
)

func init() {
	metrics.Registry.MustRegister(interruptions, replacements, forcedStops)
}
