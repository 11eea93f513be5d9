// Package doctor is kpo doctor and kpo explain: what is wrong, and what each rule means.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/targets"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// command says what is wrong with the cluster, or with what the user named.
type command struct {
	*session.Session

	out    *output.Output
	failOn string
}

// New returns the command doctor.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "doctor [TARGET...]", Short: "Say what is wrong, why, and what to do next",
		Long: "Say what is wrong, why, and what to do next.\n\nA TARGET is a NodeClaim, a Node, a VM ID, a provider ID, an IP address,\n" +
			"a NodePool, an OutscaleNodeClass, or a pod as NAMESPACE/NAME, also as kubectl get -o name prints them.\n" +
			"Exit codes: 0 no errors (warnings are shown, and count with --fail-on warning), 1 findings, 2 something needed could not be read.",
		Example: "  kubectl kpo doctor\n  kubectl kpo doctor default-7xk2p\n  kubectl kpo doctor -o short\n" +
			"  kubectl get nodeclaims -o name | xargs kubectl kpo doctor",
		ValidArgsFunction: targets.Complete(a),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.out = output.Add(a, cmd, output.FormatText, output.FormatShort, output.FormatWide)
	cmd.Flags().StringVar(&c.failOn, "fail-on", string(rule.Error), "Exit with 1 from this severity on: error or warning.")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"error", "warning"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
}

// run reads all that a rule can need.
func (c *command) run(ctx context.Context, args []string) error {
	if c.failOn != string(rule.Error) && c.failOn != string(rule.Warning) {
		return cli.Usage(fmt.Errorf("--fail-on %q: want error or warning", c.failOn))
	}
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	machines, names, err := targets.Resolve(ctx, c.Session, s, args)
	if err != nil {
		return err
	}
	report := diagnose.Run(s, diagnose.Rules(), names...)
	report.UnderWay = append(report.UnderWay, goneNotes(machines)...)
	if err := c.print(s, report, machines); err != nil {
		return err
	}
	return verdictOf(report, rule.Severity(c.failOn))
}

// JSON is a report for machines.
type JSON struct {
	diagnose.Report

	Cluster snapshot.Cluster                          `json:"cluster"`
	TakenAt time.Time                                 `json:"takenAt"`
	Sources map[snapshot.Source]snapshot.SourceStatus `json:"sources"`
}

func (c *command) print(s *snapshot.Snapshot, report diagnose.Report, machines []snapshot.Machine) error {
	if c.out.Format == output.FormatName {
		c.out.Names(subjectsOf(report))
		return nil
	}
	if !c.out.ForPeople() {
		content := JSON{report, s.Cluster, s.TakenAt, s.Sources}
		obj, err := output.Object("Report", s.Cluster.Name, content)
		if err != nil {
			return err
		}
		return c.out.Print(obj)
	}
	t := c.out.Theme(s)
	var missing []unread.Group
	report.NotChecked, missing = unread.Fold(s, report.NotChecked)
	defer unread.Advise(c.Session, s, missing)
	if c.out.Format == output.FormatShort {
		t.Short(c.Streams.Out, s, report)
		return nil
	}
	t.Report(c.Streams.Out, s, report)
	for _, m := range machines {
		line := stageLine(t, m)
		if m.VM != nil && m.VM.Gone() && m.Claim == nil {
			line = goneText(t, s, *m.VM)
		}
		fmt.Fprintf(c.Streams.Out, "\n%s\n", render.Wrap(t.Bold(t.Text(m.Name()))+"  "+line, t.Width, 4))
	}
	return nil
}

// goneNotes says which targets have ended: nothing is wrong with them, and they are no machines that are well.
func goneNotes(machines []snapshot.Machine) []diagnose.Note {
	var out []diagnose.Note
	for _, m := range machines {
		if m.VM != nil && m.VM.Gone() && m.Claim == nil {
			out = append(out, diagnose.Note{Text: "1 VM has ended", Subjects: []rule.Ref{{Kind: "VM", Name: m.VM.ID}}})
		}
	}
	return out
}

// stageLine shows how far a machine has come.
func stageLine(t *render.Theme, m snapshot.Machine) string {
	if m.Claim == nil {
		return "no NodeClaim"
	}
	var parts []string
	for _, stage := range []string{"Launched", "Registered", "Initialized"} {
		condition := m.Condition(stage)
		switch {
		case snapshot.IsTrue(condition):
			after := condition.LastTransitionTime.Sub(m.Claim.CreationTimestamp.Time)
			parts = append(parts, stage+" "+t.Symbol(render.MarkOK)+" "+render.Duration(after))
		case condition.Status == "False":
			parts = append(parts, stage+" "+t.Symbol(render.MarkError)+" "+t.Text(condition.Reason))
		default:
			parts = append(parts, strings.TrimSpace(stage+" "+t.Symbol(render.MarkPending)+" "+t.Text(condition.Reason)))
		}
	}
	if rebooting := m.Condition(karpv1.ConditionTypeRebooting); m.Phase() == snapshot.PhaseRebooting {
		parts = append(parts, "rebooting for "+t.Age(rebooting.LastTransitionTime.Time)+" ("+t.Text(rebooting.Reason)+")")
	}
	if disrupted := m.Condition(karpv1.ConditionTypeDisruptionReason); snapshot.IsTrue(disrupted) {
		parts = append(parts, "disrupted as "+t.Text(disruptionText(disrupted.Reason)))
	}
	if !m.Claim.DeletionTimestamp.IsZero() {
		parts = append(parts, "deleting for "+t.Age(m.Claim.DeletionTimestamp.Time))
	}
	return strings.Join(parts, ", ")
}

// disruptionText explains a reason for which Karpenter disrupts a node.
func disruptionText(reason string) string {
	explained := map[karpv1.DisruptionReason]string{
		karpv1.DisruptionReasonUnderutilized: "its pods fit elsewhere for less",
		karpv1.DisruptionReasonEmpty:         "it has no pods",
		karpv1.DisruptionReasonDrifted:       "it differs from its NodeClass or NodePool",
		karpv1.DisruptionReasonUnhealthy:     "node repair reboots or replaces it",
	}
	if text := explained[karpv1.DisruptionReason(reason)]; text != "" {
		return reason + ": " + text
	}
	return reason
}

// verdictOf turns a report into the exit code.
func verdictOf(report diagnose.Report, failOn rule.Severity) error {
	bad := slices.ContainsFunc(report.Problems, func(p diagnose.Problem) bool {
		return p.Severity == rule.Error || failOn == rule.Warning
	})
	switch {
	case report.Has(clusterwide.WrongAccount):
		return cli.ErrBlind // whatever else is found, half of the sources are another cluster's
	case bad:
		return cli.ErrFindings
	case report.Blind():
		return cli.ErrBlind
	default:
		return nil
	}
}
