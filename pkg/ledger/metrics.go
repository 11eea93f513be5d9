package ledger

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Name: "decisions_total",
		Help: "Decisions of the controller, by the reason that its log and events give.",
	}, []string{"reason"})
	waitingEnds = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "karpenter_outscale", Subsystem: "ends", Name: "waiting",
		Help: "Ends of NodeClaims that are not in the ConfigMap of ends yet.",
	})
	writeFailures = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "karpenter_outscale", Subsystem: "ends", Name: "write_failures_total",
		Help: "Writes of the ConfigMap of ends that failed. They are repeated.",
	})
)

func init() {
	metrics.Registry.MustRegister(decisions, waitingEnds, writeFailures)
}
