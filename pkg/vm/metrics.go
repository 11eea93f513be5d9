package vm

import "github.com/prometheus/client_golang/prometheus"

var (
	snapshotAt = prometheus.NewDesc("karpenter_outscale_vm_snapshot_timestamp_seconds",
		"Unix time of the last complete read of the cluster's VMs, 0 before the first.", nil, nil)
	knownVMs = prometheus.NewDesc("karpenter_outscale_vm_known",
		"VMs of the cluster that the last read showed or that NodeClaims name.", nil, nil)
	missingVMs = prometheus.NewDesc("karpenter_outscale_vm_missing",
		"VMs that NodeClaims name and that the last read did not show. They count as existing until that is certain.", nil, nil)
	inDoubt = prometheus.NewDesc("karpenter_outscale_vm_snapshot_in_doubt",
		"1 while the last read is not believed, because it lacks much of the fleet. No NodeClaim is deleted meanwhile. Else 0.",
		nil, nil)
)

// startOptions are those of the time that Outscale takes. What comes after it, until the node registers, is Talos' and the
// kubelet's. Young VMs are read every 5 s, so that finer buckets would say nothing.
func startOptions() prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Namespace: "karpenter_outscale", Subsystem: "vm", Name: "start_duration_seconds",
		Help:    "Time from the launch of a VM until a read shows that it runs.",
		Buckets: []float64{5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600},
	}
}

// Describe makes a Provider a prometheus.Collector.
func (p *Provider) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{snapshotAt, knownVMs, missingVMs, inDoubt} {
		out <- desc
	}
	p.fleet.starts.Describe(out)
}

// Collect reports the snapshot as it is. It never reads from Outscale.
func (p *Provider) Collect(out chan<- prometheus.Metric) {
	for desc, value := range p.fleet.figures() {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	p.fleet.starts.Collect(out)
}

func (f *fleet) figures() map[*prometheus.Desc]float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[*prometheus.Desc]float64{snapshotAt: 0, knownVMs: float64(len(f.vms)), missingVMs: 0, inDoubt: 0}
	if !f.readAt.IsZero() {
		out[snapshotAt] = float64(f.readAt.UnixMilli()) / 1000
	}
	for _, r := range f.vms {
		if !r.absentSince.IsZero() {
			out[missingVMs]++
		}
	}
	if f.doubt != nil {
		out[inDoubt] = 1
	}
	return out
}
