package gather

import (
	"context"
	"maps"
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// listing is every VM of the account, as of one moment.
type listing struct {
	all []snapshot.VM
	// gone are VMs that were looked for by ID and that the account does not have.
	gone map[string]bool
}

func (g *gathering) readAllVMs(ctx context.Context) (listing, int, error) {
	if g.Cloud == nil {
		return listing{}, 0, g.NoCloud
	}
	vms, err := readVMs(ctx, g.Cloud, osc.FiltersVm{})
	return listing{all: vms, gone: map[string]bool{}}, len(vms), err
}

// confirm looks again, by ID, for VMs that NodeClaims name and that the listing before them lacked, and leaves out what
// is no business of this cluster.
func (g *gathering) confirm(ctx context.Context, l listing) {
	if g.s.Why(snapshot.SourceVMs) != "" {
		return
	}
	named := g.s.NamedVMs()
	if again := g.doubtful(l, named); len(again) > 0 {
		found, err := readVMsByID(ctx, g.Cloud, again)
		if err != nil {
			g.note(snapshot.SourceVMs, len(l.all), err)
		} else {
			l = l.with(again, found)
			g.kept.vms.value = l
		}
	}
	g.kept.claimed = named
	for _, v := range l.all {
		if named[v.ID] || g.matters(v) {
			v.Tags = maps.Clone(v.Tags) // the Snapshot masks its own
			g.s.VMs = append(g.s.VMs, v)
		} else {
			g.s.OtherVMs++
		}
	}
}

// doubtful are the VMs about which the listing may be out of date: those that it lacks, and those whose NodeClaim went
// since the last pass, which a listing of that pass would make orphans.
func (g *gathering) doubtful(l listing, named map[string]bool) []string {
	known := map[string]bool{}
	for _, v := range l.all {
		known[v.ID] = true
	}
	again := map[string]bool{}
	for id := range named {
		if !known[id] && !l.gone[id] {
			again[id] = true
		}
	}
	if !g.s.Sources[snapshot.SourceVMs].ReadAt.IsZero() {
		for id := range g.kept.claimed {
			if known[id] && !named[id] {
				again[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(again))
}

// with is the listing after these VMs were read again.
func (l listing) with(ids []string, found []snapshot.VM) listing {
	out := listing{gone: maps.Clone(l.gone)}
	out.all = slices.DeleteFunc(slices.Clone(l.all), func(v snapshot.VM) bool { return slices.Contains(ids, v.ID) })
	out.all = append(out.all, found...)
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(v snapshot.VM) bool { return v.ID == id }) {
			out.gone[id] = true
		}
	}
	return out
}

// matters reports whether a VM has to do with this cluster: its mark, our kind of token, or a tag of any cluster's CCM.
func (g *gathering) matters(v snapshot.VM) bool {
	if g.s.Cluster.Name == "" && v.Tags[vm.TagManagedBy] != "" || g.s.Ours(v) {
		return true
	}
	for key := range v.Tags {
		if id, ok := strings.CutPrefix(key, snapshot.TagClusterID); ok && (g.s.Cluster.ID == "" || id == g.s.Cluster.ID || id == g.s.Cluster.CCMID) {
			return true
		}
	}
	return false
}
