package availability

import "github.com/prometheus/client_golang/prometheus"

var refusalsInForce = prometheus.NewDesc("karpenter_outscale_availability_refusals",
	"Refusals of launches that are in force, by who is at fault: account, nodeclass, subnet, type or offering "+
		"(a type in one subregion). No launch that they concern is sent.", []string{"at"}, nil)

// parties are the values of the label at.
var parties = [...]string{"account", "nodeclass", "subnet", "type", "offering"}

// Describe makes a Memory a prometheus.Collector: the number of refusals in force depends on the time, so it is counted
// when Prometheus asks.
func (m *Memory) Describe(out chan<- *prometheus.Desc) { out <- refusalsInForce }

// Collect counts the refusals that are in force.
func (m *Memory) Collect(out chan<- prometheus.Metric) {
	counts := m.inForce()
	for _, party := range parties {
		out <- prometheus.MustNewConstMetric(refusalsInForce, prometheus.GaugeValue, float64(counts[party]), party)
	}
}

func (m *Memory) inForce() map[string]int {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int{}
	for at, r := range m.records {
		if now.Before(r.until) {
			out[at.party()]++
		}
	}
	return out
}

// party is the kind of the one at fault, for a label of few values.
func (b Blame) party() string {
	switch {
	case b.Type != "" && b.Subregion != "":
		return "offering"
	case b.Type != "":
		return "type"
	case b.Subnet != "":
		return "subnet"
	case b.Class != Class{}:
		return "nodeclass"
	default:
		return "account"
	}
}
