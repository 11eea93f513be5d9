package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// stages are when a machine reached what, in seconds after its NodeClaim was made; absent is not reached.
type stages struct {
	Claim       string         `json:"nodeClaim"`
	Phase       snapshot.Phase `json:"phase"`
	CreatedAt   time.Time      `json:"createdAt"`
	VM          *float64       `json:"vm,omitempty"`
	Launched    *float64       `json:"launched,omitempty"`
	Node        *float64       `json:"node,omitempty"`
	Registered  *float64       `json:"registered,omitempty"`
	Ready       *float64       `json:"ready,omitempty"`
	Initialized *float64       `json:"initialized,omitempty"`
	// Reboot is the last reboot by node repair.
	Reboot []snapshot.RebootStep `json:"reboot,omitempty"`
}

func newTimeline(a *app) *cobra.Command {
	var o *output
	cmd := &cobra.Command{
		Use: "timeline [TARGET...]", GroupID: groupInspect, Short: "Show how many seconds each node took to each stage",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.snapshot(cmd.Context(), snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourcePrices)
			if err != nil {
				return err
			}
			machines, err := machinesOf(s, args)
			if err != nil {
				return err
			}
			if err := a.printTimeline(o, s, machines); err != nil {
				return err
			}
			return a.warn(s, snapshot.SourceVMs, snapshot.SourceNodes)
		},
	}
	o = addTable(cmd, names(timelineColumns()))
	return cmd
}

func (a *app) printTimeline(o *output, s *snapshot.Snapshot, machines []snapshot.Machine) error {
	var all []stages
	for _, m := range machines {
		if m.Claim != nil {
			x := stagesOf(m)
			x.Reboot = s.RebootSteps(m)
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(x, y stages) int { return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.Claim, y.Claim)) })
	columns := timelineColumns()
	sorted(o, columns, all)
	if !o.forPeople() {
		return printAll(a, o, "Timeline", all, func(x stages) name { return name{resourceClaim, x.Claim} })
	}
	t := a.theme(s, o)
	table(a, t, columns, all)
	a.printReboots(t, all)
	return nil
}

// timelineColumns give way to the last stages: they include the earlier ones.
func timelineColumns() []column[stages] {
	stage := func(title string, drop int, of func(stages) *float64) column[stages] {
		return text(render.Column{Name: title, Right: true, Drop: drop}, func(x stages) string { return seconds(of(x)) }).
			by(func(x stages) float64 { return number(of(x)) })
	}
	return []column[stages]{
		text(render.Column{Name: "NODECLAIM"}, func(x stages) string { return x.Claim }),
		text(render.Column{Name: "PHASE"}, func(x stages) string { return string(x.Phase) }),
		text(render.Column{Name: "CREATED", Drop: 6}, func(x stages) string { return x.CreatedAt.Format(time.RFC3339) }),
		stage("LAUNCHED", 3, func(x stages) *float64 { return x.Launched }),
		stage("VM", 5, func(x stages) *float64 { return x.VM }),
		stage("NODE", 2, func(x stages) *float64 { return x.Node }),
		stage("REGISTERED", 1, func(x stages) *float64 { return x.Registered }),
		stage("READY", 4, func(x stages) *float64 { return x.Ready }),
		stage("INITIALIZED", 0, func(x stages) *float64 { return x.Initialized }),
	}
}

// rebootRow is one step of a reboot.
type rebootRow struct {
	claim string
	after time.Duration
	snapshot.RebootStep
}

// printReboots shows the steps of each machine's last reboot, and nothing where there was none.
func (a *app) printReboots(t *render.Theme, all []stages) {
	columns := []column[rebootRow]{
		text(render.Column{Name: "REBOOT OF"}, func(r rebootRow) string { return r.claim }),
		text(render.Column{Name: "STEP"}, func(r rebootRow) string { return r.Step }),
		text(render.Column{Name: "AT", Drop: 1}, func(r rebootRow) string { return r.At.Format(time.RFC3339) }),
		text(render.Column{Name: "AFTER", Right: true}, func(r rebootRow) string { return render.Duration(r.after) }),
		text(render.Column{Name: "DETAIL", Flow: true}, func(r rebootRow) string { return r.Detail }),
	}
	var rows []rebootRow
	for _, x := range all {
		for _, step := range x.Reboot {
			rows = append(rows, rebootRow{x.Claim, step.At.Sub(x.Reboot[0].At), step})
		}
	}
	if len(rows) == 0 {
		return
	}
	if !t.NoHeaders {
		fmt.Fprintln(a.streams.Out)
	}
	table(a, t, columns, rows)
}

func stagesOf(m snapshot.Machine) stages {
	zero := m.Claim.CreationTimestamp.Time
	out := stages{Claim: m.Claim.Name, Phase: m.Phase(), CreatedAt: zero.UTC()}
	since := func(at time.Time) *float64 {
		if at.IsZero() {
			return nil
		}
		return new(max(0, at.Sub(zero).Seconds()))
	}
	for kind, to := range map[string]**float64{"Launched": &out.Launched, "Registered": &out.Registered, "Initialized": &out.Initialized} {
		if condition := m.Condition(kind); snapshot.IsTrue(condition) {
			*to = since(condition.LastTransitionTime.Time)
		}
	}
	if m.VM != nil {
		out.VM = since(m.VM.CreatedAt)
	}
	if m.Node != nil {
		out.Node = since(m.Node.CreationTimestamp.Time)
		if ready := snapshot.Ready(m.Node); ready.Status == "True" {
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
