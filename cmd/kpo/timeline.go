package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
)

// stages are when a machine reached what, in seconds after its NodeClaim was made; absent is not reached.
type stages struct {
	Claim       string      `json:"nodeClaim"`
	Phase       fleet.Phase `json:"phase"`
	CreatedAt   time.Time   `json:"createdAt"`
	VM          *float64    `json:"vm,omitempty"`
	Launched    *float64    `json:"launched,omitempty"`
	Node        *float64    `json:"node,omitempty"`
	Registered  *float64    `json:"registered,omitempty"`
	Ready       *float64    `json:"ready,omitempty"`
	Initialized *float64    `json:"initialized,omitempty"`
	// Reboot is the last reboot by node repair.
	Reboot []fleet.RebootStep `json:"reboot,omitempty"`
}

func newTimeline(a *app) *cobra.Command {
	var o *output
	cmd := &cobra.Command{
		Use: "timeline [TARGET...]", GroupID: groupInspect, Short: "Show how many seconds each node took to each stage",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.snapshot(cmd.Context(), fleet.SourceConsoles, fleet.SourceQuotas, fleet.SourcePrices)
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
			if err := a.printTimeline(o, s, machines); err != nil {
				return err
			}
			return a.warn(s, fleet.SourceVMs, fleet.SourceNodes)
		},
	}
	o = addOutput(cmd, formatTable, formatWide)
	return cmd
}

func (a *app) printTimeline(o *output, s *fleet.Snapshot, machines []fleet.Machine) error {
	var all []stages
	for _, m := range machines {
		if m.Claim != nil {
			x := stagesOf(m)
			x.Reboot = s.RebootSteps(m)
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(x, y stages) int { return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.Claim, y.Claim)) })
	if !o.forPeople() {
		return printAll(a, o, "Timeline", all, func(x stages) string { return x.Claim })
	}
	columns := []render.Column{
		{Name: "CLAIM"},
		{Name: "PHASE"},
		{Name: "CREATED", Drop: 2},
		{Name: "LAUNCHED", Right: true},
		{Name: "VM", Right: true, Drop: 3},
		{Name: "NODE", Right: true},
		{Name: "REGISTERED", Right: true},
		{Name: "READY", Right: true, Drop: 1},
		{Name: "INITIALIZED", Right: true},
	}
	cells := make([][]render.Cell, 0, len(all))
	for _, x := range all {
		cells = append(cells, render.Plain(x.Claim, string(x.Phase), x.CreatedAt.Format(time.RFC3339),
			seconds(x.Launched), seconds(x.VM), seconds(x.Node), seconds(x.Registered), seconds(x.Ready), seconds(x.Initialized)))
	}
	t := a.theme(s, o)
	if err := a.table(t, o, columns, cells); err != nil {
		return err
	}
	return a.printReboots(t, all)
}

// printReboots shows the steps of each machine's last reboot, and nothing where there was none.
func (a *app) printReboots(t *render.Theme, all []stages) error {
	columns := []render.Column{{Name: "REBOOT OF"}, {Name: "STEP"}, {Name: "AT"}, {Name: "AFTER", Right: true}, {Name: "DETAIL", Min: 12, Drop: 1}}
	var cells [][]render.Cell
	for _, x := range all {
		for _, step := range x.Reboot {
			after := render.Duration(step.At.Sub(x.Reboot[0].At))
			cells = append(cells, render.Plain(x.Claim, step.Step, step.At.Format(time.RFC3339), after, step.Detail))
		}
	}
	if len(cells) == 0 {
		return nil
	}
	fmt.Fprintln(a.streams.Out)
	return a.table(t, &output{}, columns, cells)
}

func stagesOf(m fleet.Machine) stages {
	zero := m.Claim.CreationTimestamp.Time
	out := stages{Claim: m.Claim.Name, Phase: m.Phase(), CreatedAt: zero.UTC()}
	since := func(at time.Time) *float64 {
		if at.IsZero() {
			return nil
		}
		return new(max(0, at.Sub(zero).Seconds()))
	}
	for kind, to := range map[string]**float64{"Launched": &out.Launched, "Registered": &out.Registered, "Initialized": &out.Initialized} {
		if condition := m.Condition(kind); fleet.IsTrue(condition) {
			*to = since(condition.LastTransitionTime.Time)
		}
	}
	if m.VM != nil {
		out.VM = since(m.VM.CreatedAt)
	}
	if m.Node != nil {
		out.Node = since(m.Node.CreationTimestamp.Time)
		if ready := fleet.Ready(m.Node); ready.Status == "True" {
			out.Ready = since(ready.LastTransitionTime.Time)
		}
	}
	return out
}

func seconds(value *float64) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf("T+%.0fs", *value)
}
