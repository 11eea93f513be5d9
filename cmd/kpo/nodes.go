package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// row is one line of kpo nodes, for machines and for people.
type row struct {
	Claim      string      `json:"nodeClaim,omitempty"`
	Phase      fleet.Phase `json:"phase"`
	Node       string      `json:"node,omitempty"`
	VM         string      `json:"vm,omitempty"`
	State      string      `json:"state,omitempty"`
	Type       string      `json:"type,omitempty"`
	Subregion  string      `json:"subregion,omitempty"`
	NodePool   string      `json:"nodePool,omitempty"`
	IP         string      `json:"ip,omitempty"`
	CreatedAt  time.Time   `json:"createdAt,omitzero"`
	EURPerHour float64     `json:"eurPerHour,omitempty"`
	Notes      []string    `json:"notes,omitempty"`
}

func newNodes(a *app) *cobra.Command {
	var o *output
	cmd := &cobra.Command{
		Use: "nodes [TARGET...]", GroupID: groupInspect, Short: "Show NodeClaims, Nodes and VMs side by side",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.snapshot(cmd.Context(), fleet.SourceQuotas)
			if err != nil {
				return err
			}
			if err := need(s, fleet.SourceNodeClaims); err != nil {
				return err
			}
			machines := s.Machines()
			if len(args) > 0 {
				if machines, err = targets(s, args); err != nil {
					return err
				}
			}
			rows := machineRows(s, machines)
			if err := a.printNodes(o, s, rows); err != nil {
				return err
			}
			return a.warn(s, fleet.SourceVMs, fleet.SourceNodes, fleet.SourcePrices)
		},
	}
	o = addOutput(cmd, formatTable, formatWide)
	return cmd
}

func machineRows(s *fleet.Snapshot, machines []fleet.Machine) []row {
	notes := map[string][]string{}
	for _, p := range diagnose.Run(s, diagnose.Checks()).Problems {
		for _, subject := range p.Subjects {
			notes[subject.Kind+"/"+subject.Name] = append(notes[subject.Kind+"/"+subject.Name], p.Check+" "+p.Title)
		}
	}
	out := make([]row, 0, len(machines))
	for _, m := range machines {
		r := row{Phase: m.Phase(), CreatedAt: m.CreatedAt().UTC()}
		if m.Claim != nil {
			r.Claim, r.NodePool = m.Claim.Name, m.Claim.Labels["karpenter.sh/nodepool"]
			r.Type, r.Subregion = m.Claim.Labels["node.kubernetes.io/instance-type"], m.Claim.Labels["topology.kubernetes.io/zone"]
			r.Notes = append(r.Notes, notes["NodeClaim/"+m.Claim.Name]...)
		}
		if m.Node != nil {
			r.Node = m.Node.Name
			r.NodePool = cmp.Or(r.NodePool, m.Node.Labels["karpenter.sh/nodepool"])
			r.Notes = append(r.Notes, notes["Node/"+m.Node.Name]...)
		}
		if m.VM != nil {
			r.VM, r.State, r.IP, r.EURPerHour = m.VM.ID, m.VM.State, m.VM.PrivateIP, m.VM.EURPerHour
			r.Type, r.Subregion = cmp.Or(m.VM.Type, r.Type), cmp.Or(m.VM.Subregion, r.Subregion)
			r.Notes = append(r.Notes, notes["VM/"+m.VM.ID]...)
		}
		slices.Sort(r.Notes)
		r.Notes = slices.Compact(r.Notes)
		out = append(out, r)
	}
	return out
}

func (a *app) printNodes(o *output, s *fleet.Snapshot, rows []row) error {
	if !o.forPeople() {
		return printAll(a, o, "Machine", rows, func(r row) string { return cmp.Or(r.Claim, r.Node, r.VM) })
	}
	t := a.theme(s, o)
	a.scope(t, s)
	columns := []render.Column{
		{Name: "CLAIM"},
		{Name: "PHASE"},
		{Name: "NODE", Min: 12, Drop: 2},
		{Name: "VM"},
		{Name: "STATE", Drop: 3},
		{Name: "TYPE", Min: 8, Drop: 5},
		{Name: "ZONE", Drop: 6},
		{Name: "NODEPOOL", Wide: true},
		{Name: "IP", Wide: true},
		{Name: "AGE", Right: true},
		{Name: "EUR/H", Drop: 4, Right: true},
		{Name: "NOTE", Min: 6, Drop: 1},
	}
	cells := make([][]render.Cell, 0, len(rows))
	for _, r := range rows {
		line := render.Plain(r.Claim, "", r.Node, r.VM, r.State, r.Type, r.Subregion, r.NodePool, r.IP, t.Age(r.CreatedAt), euros(r.EURPerHour, 3), strings.Join(r.Notes, ", "))
		line[1] = phaseCell(r)
		cells = append(cells, line)
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.streams.Out, "Karpenter has no machines.")
		return nil
	}
	if err := a.table(t, o, columns, cells); err != nil {
		return err
	}
	fmt.Fprintln(a.streams.Out, footer(s, rows))
	return nil
}

func phaseCell(r row) render.Cell {
	switch {
	case len(r.Notes) > 0:
		return render.Marked(render.MarkError, string(r.Phase))
	case r.Phase == fleet.PhaseRunning:
		return render.Marked(render.MarkOK, string(r.Phase))
	default:
		return render.Marked(render.MarkWarning, string(r.Phase))
	}
}

// footer sums up. What was not read is a question mark, not a zero.
func footer(s *fleet.Snapshot, rows []row) string {
	phases, pools := map[string]int{}, map[string]int{}
	claims, vms, price := 0, 0, 0.0
	for _, r := range rows {
		if r.Claim != "" {
			claims++
			phases[string(r.Phase)]++
			pools[cmp.Or(r.NodePool, "without pool")]++
		}
		if r.VM != "" && r.State != vm.StateTerminated {
			vms++
			price += r.EURPerHour
		}
	}
	parts := []string{render.Count(claims, "claim") + list(phases)}
	if s.Why(fleet.SourceVMs) == "" && s.Why(fleet.SourceClusterNames) == "" {
		parts = append(parts, render.Count(vms, "VM"))
	} else {
		parts = append(parts, "? VMs")
	}
	if s.Why(fleet.SourcePrices) == "" {
		parts = append(parts, fmt.Sprintf("EUR %.2f/h without volumes", price))
	}
	if len(pools) > 0 {
		parts = append(parts, "pools"+strings.TrimPrefix(list(pools), ":"))
	}
	return strings.Join(parts, " | ")
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

// euros prints a price, and nothing for one that is not known: 0 would look cheap.
func euros(price float64, digits int) string {
	if price <= 0 {
		return ""
	}
	return fmt.Sprintf("%.*f", digits, price)
}

// printAll prints values as objects of one kind.
func printAll[T any](a *app, o *output, kind string, values []T, name func(T) string) error {
	list := make([]*unstructuredObject, 0, len(values))
	for _, value := range values {
		obj, err := object(kind, name(value), value)
		if err != nil {
			return err
		}
		list = append(list, obj)
	}
	return o.printList(a.streams.Out, list)
}
