// Package nodes is kpo nodes: NodeClaims, Nodes and VMs next to each other.
package nodes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/euro"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/targets"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Row is one line of kpo nodes, for machines and for people.
type Row struct {
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

// command shows machines.
type command struct {
	*session.Session

	out      *output.Output
	selector string
}

// New returns the command nodes.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "nodes [TARGET...]", Short: "Show NodeClaims, Nodes and VMs side by side",
		Long: "Show NodeClaims, Nodes and VMs side by side, also those that lack one of the three.\n\n" +
			"-o wide adds what pods request of each Node, and what Karpenter says about disrupting it.",
		Example: "  kubectl kpo nodes\n" +
			"  kubectl kpo nodes -l karpenter.sh/nodepool=default --sort-by eur/h\n" +
			"  kubectl kpo nodes -o wide --sort-by cpu%",
		ValidArgsFunction: targets.Complete(a),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.out = output.AddTable(a, cmd, output.Names(nodeColumns(nil)))
	cmd.Flags().StringVarP(&c.selector, "selector", "l", "",
		"Show machines whose NodeClaim or Node has these labels, as with kubectl.")
	return cmd
}

// reads are what the rules need, whose findings are the notes, prices, and what pods request where that is shown. Quotas
// are no business of one machine.
func (c *command) reads() []snapshot.Source {
	reads := []snapshot.Source{
		snapshot.SourceVMs, snapshot.SourceConsoles, snapshot.SourcePrices, snapshot.SourceNodeClaims, snapshot.SourceNodes,
		snapshot.SourceNodePools, snapshot.SourceNodeClasses, snapshot.SourceEvents, snapshot.SourcePods, snapshot.SourceBudgets,
		snapshot.SourceAttachments, snapshot.SourceCSRs,
	}
	byUsage := slices.Contains([]string{"pods", "cpu%", "mem%"}, strings.ToLower(c.out.SortBy))
	if byUsage || c.out.Format != output.FormatTable && c.out.Format != output.FormatName {
		reads = append(reads, snapshot.SourceUsage)
	}
	return reads
}

func (c *command) run(ctx context.Context, args []string) error {
	wanted, err := labels.Parse(c.selector)
	if err != nil {
		return cli.Hint(fmt.Errorf("-l %q: %w", c.selector, err), "-l karpenter.sh/nodepool=default")
	}
	s, err := c.Snapshot(ctx, c.reads()...)
	if err != nil {
		return err
	}
	machines, err := targets.Machines(s, args)
	if err != nil {
		return err
	}
	machines = slices.DeleteFunc(machines, func(m snapshot.Machine) bool {
		return !wanted.Empty() && !wanted.Matches(labelsOf(m))
	})
	if err := c.print(s, machineRows(s, machines)); err != nil {
		return err
	}
	sources := []snapshot.Source{snapshot.SourceVMs, snapshot.SourceNodes, snapshot.SourcePrices}
	if _, asked := s.Sources[snapshot.SourceUsage]; asked {
		sources = append(sources, snapshot.SourceUsage)
	}
	return unread.Warn(c.Session, s, sources...)
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

func machineRows(s *snapshot.Snapshot, machines []snapshot.Machine) []Row {
	notes := map[string][]string{}
	for _, p := range diagnose.Run(s, diagnose.Rules()).Problems {
		for _, subject := range p.Subjects {
			notes[subject.Kind+"/"+subject.Name] = append(notes[subject.Kind+"/"+subject.Name], string(p.Check)+" "+p.Title)
		}
	}
	why := disruptionsOf(s)
	out := make([]Row, 0, len(machines))
	for _, m := range machines {
		r := Row{Phase: m.Phase(), CreatedAt: m.CreatedAt().UTC(), Disruption: why.text(m)}
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
			r.VM, r.State, r.IP, r.EURPerHour = m.VM.ID, m.VM.State, m.VM.PrivateIP, euro.Of(*m.VM)
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

func addNode(r *Row, s *snapshot.Snapshot, m snapshot.Machine) {
	r.Node = m.Node.Name
	r.NodePool = cmp.Or(r.NodePool, m.Node.Labels["karpenter.sh/nodepool"])
	r.Ready = new(snapshot.Ready(m.Node).Status == "True")
	if s.Usage == nil {
		return
	}
	usage := s.Usage[m.Node.Name]
	r.Pods, r.MilliCPU, r.MemoryBytes = &usage.Pods, &usage.MilliCPU, &usage.Memory
	if cpu, memory, known := usage.Share(m.Node); known {
		r.CPUShare, r.MemoryShare = new(euro.Decimal(cpu)), new(euro.Decimal(memory))
	}
}

// named is what to call a machine: what kpo and kubectl take.
func (r Row) named() output.Name {
	switch {
	case r.Claim != "":
		return output.NameOf(output.NodeClaim, r.Claim)
	case r.Node != "":
		return output.NameOf(output.Node, r.Node)
	default:
		return output.NameOf(output.VM, r.VM)
	}
}

func (c *command) print(s *snapshot.Snapshot, rows []Row) error {
	t := c.out.Theme(s)
	columns := nodeColumns(t)
	output.Sort(c.out, columns, rows)
	if !c.out.ForPeople() {
		return output.PrintAll(c.out, "Machine", rows, Row.named)
	}
	c.out.Scope(t, s)
	if len(rows) == 0 {
		c.out.Remark(t, "No NodeClaims, Nodes or VMs of Karpenter.")
		return nil
	}
	output.Table(c.out, t, columns, rows)
	parts := footer(s, rows)
	for i := range parts {
		parts[i] = t.Text(parts[i])
	}
	c.out.Remark(t, parts...)
	return nil
}

// nodeColumns go in the order of what a reader can do without: the name of a Node is mostly that of its NodeClaim, and
// the note is what the row is looked at for.
func nodeColumns(t *render.Theme) []output.Column[Row] {
	return []output.Column[Row]{
		output.Text(render.Column{Name: "NODECLAIM"}, func(r Row) string { return r.Claim }),
		{Column: render.Column{Name: "PHASE"}, Cell: phaseCell},
		output.Text(render.Column{Name: "NODE", Drop: 2}, func(r Row) string { return r.Node }),
		{Column: render.Column{Name: "READY", Drop: 3}, Cell: readyCell},
		output.Text(render.Column{Name: "VM"}, func(r Row) string { return r.VM }),
		output.Text(render.Column{Name: "STATE", Drop: 4}, func(r Row) string { return r.State }),
		output.Text(render.Column{Name: "TYPE", Drop: 5}, func(r Row) string { return r.Type }),
		output.Text(render.Column{Name: "SUBREGION", Drop: 7}, func(r Row) string { return r.Subregion }),
		output.Text(render.Column{Name: "NODEPOOL", Wide: true}, func(r Row) string { return r.NodePool }),
		output.Text(render.Column{Name: "IP", Wide: true}, func(r Row) string { return r.IP }),
		output.Text(render.Column{Name: "AGE", Right: true}, func(r Row) string { return t.Age(r.CreatedAt) }).
			By(func(r Row) float64 { return output.YoungestFirst(r.CreatedAt) }),
		output.Text(render.Column{Name: "EUR/H", Right: true, Drop: 6}, func(r Row) string { return r.euros() }).
			By(func(r Row) float64 { return output.Number(r.EURPerHour) }),
		output.Text(render.Column{Name: "PODS", Right: true, Wide: true}, func(r Row) string { return count(r.Pods) }).
			By(func(r Row) float64 { return output.Number(r.Pods) }),
		output.Text(render.Column{Name: "CPU%", Right: true, Wide: true}, func(r Row) string { return percent(r.CPUShare) }).
			By(func(r Row) float64 { return output.Number(r.CPUShare) }),
		output.Text(render.Column{Name: "MEM%", Right: true, Wide: true}, func(r Row) string { return percent(r.MemoryShare) }).
			By(func(r Row) float64 { return output.Number(r.MemoryShare) }),
		output.Text(render.Column{Name: "DISRUPT", Wide: true}, func(r Row) string { return r.Disruption }),
		output.Text(render.Column{Name: "NOTE", Flow: true}, func(r Row) string { return strings.Join(r.Notes, ", ") }),
	}
}

func phaseCell(r Row) render.Cell {
	switch {
	case r.problemAbout:
		return render.Marked(render.MarkError, string(r.Phase))
	case r.Phase == snapshot.PhaseRunning:
		return render.Marked(render.MarkOK, string(r.Phase))
	default:
		return render.Marked(render.MarkWarning, string(r.Phase))
	}
}

func readyCell(r Row) render.Cell {
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
func (r Row) euros() string {
	if r.VM == "" {
		return ""
	}
	return euro.Print(r.EURPerHour, 3)
}

// billed reports whether the row has a VM that Outscale still has.
func (r Row) billed() bool { return r.VM != "" && r.State != vm.StateTerminated }
