package ledger

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var ended = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "karpenter_outscale", Subsystem: "nodeclaims", Name: "ended_total",
	Help: "NodeClaims that ended, by cause.",
}, []string{"cause"})

func init() {
	metrics.Registry.MustRegister(ended)
}
