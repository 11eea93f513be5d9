package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// report hands the figures to the benchmark.
func (r result) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(r.perNode(total(r.up)), "calls/node")
	for _, name := range slices.Sorted(maps.Keys(r.up)) {
		b.ReportMetric(r.perNode(r.up[name]), name+"/node")
	}
	for _, stage := range stages() {
		b.ReportMetric(p50(r.stages[stage]).Seconds(), strings.ToLower(stage)+"-p50-s")
		b.ReportMetric(most(r.stages[stage]).Seconds(), strings.ToLower(stage)+"-max-s")
	}
	b.ReportMetric(r.bound(), "nodes/rate-s")
	if r.rest != nil {
		b.ReportMetric(float64(total(r.rest)), "rest-calls/min")
	}
	b.ReportMetric(r.perNode(total(r.down)), "down-calls/node")
	b.ReportMetric(r.cpu.Seconds(), "controller-cpu-s")
	b.ReportMetric(r.rss, "controller-peak-MiB")
}

func (r result) perNode(n int) float64 { return float64(n) / float64(r.nodes) }

// bound is how long the rate limit alone makes one launch for each node take, but for the first calls, which go out
// at once.
func (r result) bound() float64 { return float64(r.nodes) / r.rate }

// writeTables prints Markdown.
func writeTables(out io.Writer, results []result) {
	fmt.Fprint(out, "\n| rate limit | nodes | calls/node | CreateVms/node (ideal 1) | launched p50 / max | nodes / rate | registered p50 / max | initialized p50 / max | all pods run | controller CPU | peak RSS |\n"+
		"|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range results {
		fmt.Fprintf(out, "| %v/s | %d | %.2f | %.2f | %s | %.1f s | %s | %s | %s | %s | %.0f MiB |\n", r.rate, r.nodes,
			r.perNode(total(r.up)), r.perNode(r.up["CreateVms"]), r.span(karpv1.ConditionTypeLaunched), r.bound(),
			r.span(karpv1.ConditionTypeRegistered), r.span(karpv1.ConditionTypeInitialized), seconds(r.all), seconds(r.cpu), r.rss)
	}
	fmt.Fprint(out, "\n| rate limit | nodes | calls while scaling up | calls in a minute of rest | calls while scaling down |\n|--:|--:|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(out, "| %v/s | %d | %s | %s | %s |\n", r.rate, r.nodes, list(r.up), list(r.rest), list(r.down))
	}
}

func (r result) span(stage string) string {
	return seconds(p50(r.stages[stage])) + " / " + seconds(most(r.stages[stage]))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func list(count map[string]int) string {
	if count == nil {
		return ""
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%d %s", count[name], name))
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
