package ledger

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "karpenter_outscale", Name: "decisions_total",
	Help: "Decisions of the controller, by the reason that its log and events give.",
}, []string{"reason"})

func init() {
	metrics.Registry.MustRegister(decisions)
}
