package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// summarize prints how long each stage took and what the provider asked of the API.
func summarize(out io.Writer, t *timeline, calls []oapitest.APICall, vmsLeft int) {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "\nstage\tNodeClaims\tp50\tmax")
	for _, step := range [][2]stage{
		{created, launched},
		{launched, vmRunning},
		{vmRunning, registered},
		{registered, initialized},
		{created, initialized},
		{created, podsRunning},
		{deleting, gone},
	} {
		took := t.durations(step[0], step[1])
		if len(took) == 0 {
			continue
		}
		fmt.Fprintf(table, "%s -> %s\t%d\t%.1fs\t%.1fs\n", step[0], step[1], len(took), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	}
	byName := map[string]int{}
	refused := 0
	for i := range calls {
		byName[calls[i].Name]++
		if calls[i].Status >= 400 {
			refused++
		}
	}
	fmt.Fprintln(table, "\ncall of the provider\tnumber\tper node")
	nodes := max(1, len(t.claims))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		fmt.Fprintf(table, "%s\t%d\t%.1f\n", name, byName[name], float64(byName[name])/float64(nodes))
	}
	fmt.Fprintf(table, "all (%d refused)\t%d\t%.1f\n", refused, len(calls), float64(len(calls))/float64(nodes))
	fmt.Fprintf(table, "\nNodeClaims\t%d, at most %d at once\nVMs left\t%d\n", len(t.claims), t.most, vmsLeft)
	_ = table.Flush()
}

// durations between two stages, shortest first, of the NodeClaims that reached both.
func (t *timeline) durations(from, to stage) []time.Duration {
	var out []time.Duration
	for _, c := range t.claims {
		if !c.entered[from].IsZero() && !c.entered[to].IsZero() {
			out = append(out, max(0, c.entered[to].Sub(c.entered[from])))
		}
	}
	slices.Sort(out)
	return out
}
