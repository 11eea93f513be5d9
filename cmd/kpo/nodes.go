package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// row is one line of kpo nodes, for machines and for people.
type row struct {
	Claim     string         `json:"nodeClaim,omitempty"`
	Phase     snapshot.Phase `json:"phase"`
	Node      string         `json:"node,omitempty"`
	Ready     *bool          `json:"ready,omitempty"`
	VM        string         `json:"vm,omitempty"`
	State     string         `json:"state,omitempty"`
	Type      string         `json:"type,omitempty"`
	Subregion string         `json:"subregion,omitempty"`
	NodePool  string         `json:"nodePool,omitempty"`
	IP        string         `json:"ip,omitempty"`
	CreatedAt time.Time      `json:"createdAt,omitzero"`

	Pods         *int     `json:"pods,omitempty"`
	CPUShare     *float64 `json:"cpuShare,omitempty"`
	MemoryShare  *float64 `json:"memoryShare,omitempty"`
	MilliCPU     *int64   `json:"milliCPU,omitempty"`
	MemoryBytes  *int64   `json:"memoryBytes,omitempty"`
	EURPerHour   *float64 `json:"eurPerHour,omitempty"`
	Disruption   string   `json:"disruption,omitempty"`
	Notes        []string `json:"notes,omitempty"`
	problemAbout bool
}

func newNodes(a *app) *cobra.Command {
	var o *output
	selector := ""
	cmd := &cobra.Command{
		Use: "nodes [TARGET...]", GroupID: groupInspect, Short: "Show NodeClaims, Nodes and VMs side by side",
		Long: "Show NodeClaims, Nodes and VMs side by side, also those that lack one of the three.\n\n" +
			"-o wide adds what pods request of each Node, and what Karpenter says about disrupting it.",
		Example: "  kubectl kpo nodes\n" +
			"  kubectl kpo nodes -l karpenter.sh/nodepool=default --sort-by eur/h\n" +
			"  kubectl kpo nodes -o wide --sort-by cpu%",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := labels.Parse(selector)
			if err != nil {
				return hint(fmt.Errorf("-l %q: %w", selector, err), "-l karpenter.sh/nodepool=default")
			}
			return a.nodes(cmd.Context(), o, wanted, args)
		},
	}
	o = addTable(cmd, names(nodeColumns(nil)))
	cmd.Flags().StringVarP(&selector, "selector", "l", "",
		"Show machines whose NodeClaim or Node has these labels, as with kubectl.")
	return cmd
}

func (a *app) nodes(ctx context.Context, o *output, wanted labels.Selector, args []string) error {
	byUsage := slices.Contains([]string{"pods", "cpu%", "mem%"}, strings.ToLower(o.sortBy))
	a.usage = byUsage || o.format != formatTable && o.format != formatName
	s, err := a.snapshot(ctx, snapshot.SourceQuotas)
	if err != nil {
		return err
	}
	machines, err := machinesOf(s, args)
	if err != nil {
		return err
	}
	machines = slices.DeleteFunc(machines, func(m snapshot.Machine) bool {
		return !wanted.Empty() && !wanted.Matches(labelsOf(m))
	})
	if err := a.printNodes(o, s, machineRows(s, machines)); err != nil {
		return err
	}
	sources := []snapshot.Source{snapshot.SourceVMs, snapshot.SourceNodes, snapshot.SourcePrices}
	if _, asked := s.Sources[snapshot.SourceUsage]; asked {
		sources = append(sources, snapshot.SourceUsage)
	}
	return a.warn(s, sources...)
}

// labelsOf are those of the Node, and of the NodeClaim that it will get them from.
func labelsOf(m snapshot.Machine) labels.Set {
	out := labels.Set{}
	if m.Claim != nil {
		out = labels.Merge(out, m.Claim.Labels)
	}
	if m.Node != nil {
		out = labels.Merge(out, m.Node.Labels)
	}
	return out
}

func machineRows(s *snapshot.Snapshot, machines []snapshot.Machine) []row {
	notes := map[string][]string{}
	for _, p := range diagnose.Run(s, diagnose.Rules()).Problems {
		for _, subject := range p.Subjects {
			notes[subject.Kind+"/"+subject.Name] = append(notes[subject.Kind+"/"+subject.Name], string(p.Check)+" "+p.Title)
		}
	}
	why := disruptionsOf(s)
	out := make([]row, 0, len(machines))
	for _, m := range machines {
		r := row{Phase: m.Phase(), CreatedAt: m.CreatedAt().UTC(), Disruption: why.text(m)}
		if m.Claim != nil {
			r.Claim, r.NodePool = m.Claim.Name, m.Claim.Labels["karpenter.sh/nodepool"]
			r.Type = m.Claim.Labels["node.kubernetes.io/instance-type"]
			r.Subregion = m.Claim.Labels["topology.kubernetes.io/zone"]
			r.Notes = append(r.Notes, notes["NodeClaim/"+m.Claim.Name]...)
		}
		if m.Node != nil {
			addNode(&r, s, m)
			r.Notes = append(r.Notes, notes["Node/"+m.Node.Name]...)
		}
		if m.VM != nil {
			r.VM, r.State, r.IP, r.EURPerHour = m.VM.ID, m.VM.State, m.VM.PrivateIP, priceOf(*m.VM)
			r.Type, r.Subregion = cmp.Or(m.VM.Type, r.Type), cmp.Or(m.VM.Subregion, r.Subregion)
			r.Notes = append(r.Notes, notes["VM/"+m.VM.ID]...)
		}
		slices.Sort(r.Notes)
		r.Notes = slices.Compact(r.Notes)
		r.problemAbout = len(r.Notes) > 0
		out = append(out, r)
	}
	return out
}

func addNode(r *row, s *snapshot.Snapshot, m snapshot.Machine) {
	r.Node = m.Node.Name
	r.NodePool = cmp.Or(r.NodePool, m.Node.Labels["karpenter.sh/nodepool"])
	r.Ready = new(snapshot.Ready(m.Node).Status == "True")
	if s.Usage == nil {
		return
	}
	usage := s.Usage[m.Node.Name]
	r.Pods, r.MilliCPU, r.MemoryBytes = &usage.Pods, &usage.MilliCPU, &usage.Memory
	if cpu, memory, known := usage.Share(m.Node); known {
		r.CPUShare, r.MemoryShare = new(decimal(cpu)), new(decimal(memory))
	}
}

// named is what to call a machine: what kpo and kubectl take.
func (r row) named() name {
	switch {
	case r.Claim != "":
		return name{resourceClaim, r.Claim}
	case r.Node != "":
		return name{resourceNode, r.Node}
	default:
		return name{resourceVM, r.VM}
	}
}

func (a *app) printNodes(o *output, s *snapshot.Snapshot, rows []row) error {
	t := a.theme(s, o)
	columns := nodeColumns(t)
	sorted(o, columns, rows)
	if !o.forPeople() {
		return printAll(a, o, "Machine", rows, row.named)
	}
	a.scope(t, s)
	if len(rows) == 0 {
		a.remark(t, "No NodeClaims, Nodes or VMs of Karpenter.")
		return nil
	}
	table(a, t, columns, rows)
	parts := footer(s, rows)
	for i := range parts {
		parts[i] = t.Text(parts[i])
	}
	a.remark(t, parts...)
	return nil
}

// nodeColumns go in the order of what a reader can do without: the name of a Node is mostly that of its NodeClaim, and
// the note is what the row is looked at for.
func nodeColumns(t *render.Theme) []column[row] {
	return []column[row]{
		text(render.Column{Name: "NODECLAIM"}, func(r row) string { return r.Claim }),
		{Column: render.Column{Name: "PHASE"}, cell: phaseCell},
		text(render.Column{Name: "NODE", Drop: 2}, func(r row) string { return r.Node }),
		{Column: render.Column{Name: "READY", Drop: 3}, cell: readyCell},
		text(render.Column{Name: "VM"}, func(r row) string { return r.VM }),
		text(render.Column{Name: "STATE", Drop: 4}, func(r row) string { return r.State }),
		text(render.Column{Name: "TYPE", Drop: 5}, func(r row) string { return r.Type }),
		text(render.Column{Name: "SUBREGION", Drop: 7}, func(r row) string { return r.Subregion }),
		text(render.Column{Name: "NODEPOOL", Wide: true}, func(r row) string { return r.NodePool }),
		text(render.Column{Name: "IP", Wide: true}, func(r row) string { return r.IP }),
		text(render.Column{Name: "AGE", Right: true}, func(r row) string { return t.Age(r.CreatedAt) }).
			by(func(r row) float64 { return youngestFirst(r.CreatedAt) }),
		text(render.Column{Name: "EUR/H", Right: true, Drop: 6}, func(r row) string { return r.euros() }).
			by(func(r row) float64 { return number(r.EURPerHour) }),
		text(render.Column{Name: "PODS", Right: true, Wide: true}, func(r row) string { return count(r.Pods) }).
			by(func(r row) float64 { return number(r.Pods) }),
		text(render.Column{Name: "CPU%", Right: true, Wide: true}, func(r row) string { return percent(r.CPUShare) }).
			by(func(r row) float64 { return number(r.CPUShare) }),
		text(render.Column{Name: "MEM%", Right: true, Wide: true}, func(r row) string { return percent(r.MemoryShare) }).
			by(func(r row) float64 { return number(r.MemoryShare) }),
		text(render.Column{Name: "DISRUPT", Wide: true}, func(r row) string { return r.Disruption }),
		text(render.Column{Name: "NOTE", Flow: true}, func(r row) string { return strings.Join(r.Notes, ", ") }),
	}
}

func phaseCell(r row) render.Cell {
	switch {
	case r.problemAbout:
		return render.Marked(render.MarkError, string(r.Phase))
	case r.Phase == snapshot.PhaseRunning:
		return render.Marked(render.MarkOK, string(r.Phase))
	default:
		return render.Marked(render.MarkWarning, string(r.Phase))
	}
}

func readyCell(r row) render.Cell {
	switch {
	case r.Ready == nil:
		return render.Cell{}
	case *r.Ready:
		return render.Marked(render.MarkOK, "yes")
	default:
		return render.Marked(render.MarkError, "no")
	}
}

// euros is the price of the row, empty where there is no VM to pay for.
func (r row) euros() string {
	if r.VM == "" {
		return ""
	}
	return euros(r.EURPerHour, 3)
}

// billed reports whether the row has a VM that Outscale still has.
func (r row) billed() bool { return r.VM != "" && r.State != vm.StateTerminated }
