package dryrun

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var active = prometheus.NewGauge(prometheus.GaugeOpts{
	Namespace: "karpenter_outscale", Name: "dry_run",
	Help: "1 while the controller runs with --dry-run and changes nothing at Outscale. Alert on it: pods stay pending.",
})

func init() { metrics.Registry.MustRegister(active) }
