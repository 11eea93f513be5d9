package cloudprovider

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Alert on any increase: either much of the fleet was deleted behind our back, or the account or region is the wrong one.
var refusedLists = prometheus.NewCounter(prometheus.CounterOpts{
	Namespace: "karpenter_outscale", Subsystem: "vm", Name: "lists_refused_total",
	Help: "Listings of VMs that were not believed, because they lacked more than a fifth of the fleet or all of it. No NodeClaim is deleted on them.",
})

func init() {
	metrics.Registry.MustRegister(refusedLists)
}
