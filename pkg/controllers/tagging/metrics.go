package tagging

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// When this grows while no new NodeClaims appear, something strips tags: look at ReadApiLogs for DeleteTags.
var repaired = prometheus.NewCounter(prometheus.CounterOpts{
	Namespace: "karpenter_outscale", Subsystem: "vm", Name: "tags_repaired_total",
	Help: "Tags that were missing on VMs and were put back.",
})

func init() {
	metrics.Registry.MustRegister(repaired)
}
