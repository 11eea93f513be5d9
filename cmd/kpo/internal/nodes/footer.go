package nodes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/euro"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// footer sums up, in parts. What was not read is a question mark, not a zero.
func footer(s *snapshot.Snapshot, rows []Row) []string {
	phases, pools := map[string]int{}, map[string]int{}
	claims, vms := 0, 0
	var price euro.Sum
	for _, r := range rows {
		if r.Claim != "" {
			claims++
			phases[string(r.Phase)]++
			pools[cmp.Or(r.NodePool, "(no NodePool)")]++
		}
		if r.billed() {
			vms++
			price.Add(r.EURPerHour)
		}
	}
	parts := []string{render.Count(claims, "NodeClaim") + list(phases)}
	if s.Why(snapshot.SourceVMs) == "" && s.Why(snapshot.SourceClusterNames) == "" {
		parts = append(parts, render.Count(vms, "VM"))
	} else {
		parts = append(parts, "? VMs")
	}
	if s.Why(snapshot.SourcePrices) == "" && vms > 0 {
		parts = append(parts, price.Text("/h", vms))
	}
	if len(pools) > 0 {
		parts = append(parts, "NodePools"+list(pools))
	}
	return parts
}

func list(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func count(n *int) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

// percent prints a share. More than 100 is possible: a Node can be overcommitted while its allocatable shrinks.
func percent(share *float64) string {
	if share == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", 100**share)
}
