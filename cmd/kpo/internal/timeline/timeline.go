// Package timeline is kpo timeline: when each machine reached what, and how its last reboot went.
package timeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/targets"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Stages are when a machine reached what, in seconds after its NodeClaim was made; absent is not reached.
type Stages struct {
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

// command shows when each machine reached what.
type command struct {
	*session.Session

	out *output.Output
}

// New returns the command timeline.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "timeline [TARGET...]", Short: "Show how many seconds each node took to each stage",
		ValidArgsFunction: targets.Complete(a),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.out = output.AddTable(a, cmd, output.Names(timelineColumns()))
	return cmd
}

// reads are the machines, and the events of their reboots.
func (c *command) reads() []snapshot.Source { return append(targets.Sources(), snapshot.SourceEvents) }

func (c *command) run(ctx context.Context, args []string) error {
	s, err := c.Snapshot(ctx, c.reads()...)
	if err != nil {
		return err
	}
	machines, err := targets.Machines(s, args)
	if err != nil {
		return err
	}
	if err := c.print(s, machines); err != nil {
		return err
	}
	return unread.Warn(c.Session, s, snapshot.SourceVMs, snapshot.SourceNodes)
}

func (c *command) print(s *snapshot.Snapshot, machines []snapshot.Machine) error {
	var all []Stages
	for _, m := range machines {
		if m.Claim != nil {
			x := stagesOf(m)
			x.Reboot = s.RebootSteps(m)
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(x, y Stages) int { return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.Claim, y.Claim)) })
	columns := timelineColumns()
	output.Sort(c.out, columns, all)
	if !c.out.ForPeople() {
		return output.PrintAll(c.out, "Timeline", all, func(x Stages) output.Name { return output.NameOf(output.NodeClaim, x.Claim) })
	}
	t := c.out.Theme(s)
	output.Table(c.out, t, columns, all)
	c.printReboots(t, all)
	return nil
}

// timelineColumns give way to the last stages: they include the earlier ones.
func timelineColumns() []output.Column[Stages] {
	stage := func(title string, drop int, of func(Stages) *float64) output.Column[Stages] {
		return output.Text(render.Column{Name: title, Right: true, Drop: drop}, func(x Stages) string { return seconds(of(x)) }).
			By(func(x Stages) float64 { return output.Number(of(x)) })
	}
	return []output.Column[Stages]{
		output.Text(render.Column{Name: "NODECLAIM"}, func(x Stages) string { return x.Claim }),
		output.Text(render.Column{Name: "PHASE"}, func(x Stages) string { return string(x.Phase) }),
		output.Text(render.Column{Name: "CREATED", Drop: 6}, func(x Stages) string { return x.CreatedAt.Format(time.RFC3339) }),
		stage("LAUNCHED", 3, func(x Stages) *float64 { return x.Launched }),
		stage("VM", 5, func(x Stages) *float64 { return x.VM }),
		stage("NODE", 2, func(x Stages) *float64 { return x.Node }),
		stage("REGISTERED", 1, func(x Stages) *float64 { return x.Registered }),
		stage("READY", 4, func(x Stages) *float64 { return x.Ready }),
		stage("INITIALIZED", 0, func(x Stages) *float64 { return x.Initialized }),
	}
}

// rebootRow is one step of a reboot.
type rebootRow struct {
	claim string
	after time.Duration
	snapshot.RebootStep
}

// printReboots shows the steps of each machine's last reboot, and nothing where there was none.
func (c *command) printReboots(t *render.Theme, all []Stages) {
	columns := []output.Column[rebootRow]{
		output.Text(render.Column{Name: "REBOOT OF"}, func(r rebootRow) string { return r.claim }),
		output.Text(render.Column{Name: "STEP"}, func(r rebootRow) string { return r.Step }),
		output.Text(render.Column{Name: "AT", Drop: 1}, func(r rebootRow) string { return r.At.Format(time.RFC3339) }),
		output.Text(render.Column{Name: "AFTER", Right: true}, func(r rebootRow) string { return render.Duration(r.after) }),
		output.Text(render.Column{Name: "DETAIL", Flow: true}, func(r rebootRow) string { return r.Detail }),
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
		fmt.Fprintln(c.Streams.Out)
	}
	output.Table(c.out, t, columns, rows)
}

func stagesOf(m snapshot.Machine) Stages {
	zero := m.Claim.CreationTimestamp.Time
	out := Stages{Claim: m.Claim.Name, Phase: m.Phase(), CreatedAt: zero.UTC()}
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
