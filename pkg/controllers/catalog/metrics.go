package catalog

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// When this stands still for more than a day, the prices that Karpenter compares may be wrong.
var loadedAt = prometheus.NewGauge(prometheus.GaugeOpts{
	Namespace: "karpenter_outscale", Subsystem: "pricing", Name: "last_successful_read_timestamp_seconds",
	Help: "Unix time at which the price catalogue was read last. When it stands still, check api:ReadCatalog in the EIM policy.",
})

func init() {
	metrics.Registry.MustRegister(loadedAt)
}
