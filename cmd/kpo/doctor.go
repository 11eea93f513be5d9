package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func newDoctor(a *app) *cobra.Command {
	var o *output
	failOn := ""
	cmd := &cobra.Command{
		Use: "doctor [TARGET...]", GroupID: groupDiagnose, Short: "Say what is wrong, why, and what to do next",
		Long: "Say what is wrong, why, and what to do next.\n\nA TARGET is a NodeClaim, a Node, a VM ID, a provider ID, an IP address,\n" +
			"a NodePool, an OutscaleNodeClass, or a pod as NAMESPACE/NAME, also as kubectl get -o name prints them.\n" +
			"Exit codes: 0 no errors (warnings are shown, and count with --fail-on warning), 1 findings, 2 something needed could not be read.",
		Example: "  kubectl kpo doctor\n  kubectl kpo doctor default-7xk2p\n  kubectl kpo doctor -o short\n" +
			"  kubectl get nodeclaims -o name | xargs kubectl kpo doctor",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if failOn != string(rule.Error) && failOn != string(rule.Warning) {
				return usage(fmt.Errorf("--fail-on %q: want error or warning", failOn))
			}
			s, err := a.snapshot(cmd.Context())
			if err != nil {
				return err
			}
			machines, names, err := a.doctorTargets(cmd.Context(), s, args)
			if err != nil {
				return err
			}
			report := diagnose.Run(s, diagnose.Rules(), names...)
			report.UnderWay = append(report.UnderWay, goneNotes(machines)...)
			if err := a.printReport(o, s, report, machines); err != nil {
				return err
			}
			return verdictOf(report, rule.Severity(failOn))
		},
	}
	o = addOutput(cmd, formatText, formatShort, formatWide)
	cmd.Flags().StringVar(&failOn, "fail-on", string(rule.Error), "Exit with 1 from this severity on: error or warning.")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"error", "warning"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
}

// reportJSON is a report for machines.
type reportJSON struct {
	diagnose.Report

	Cluster snapshot.Cluster                          `json:"cluster"`
	TakenAt time.Time                                 `json:"takenAt"`
	Sources map[snapshot.Source]snapshot.SourceStatus `json:"sources"`
}

func (a *app) printReport(o *output, s *snapshot.Snapshot, report diagnose.Report, machines []snapshot.Machine) error {
	if o.format == formatName {
		printNames(a.streams.Out, subjectsOf(report))
		return nil
	}
	if !o.forPeople() {
		content := reportJSON{report, s.Cluster, s.TakenAt, s.Sources}
		obj, err := object("Report", s.Cluster.Name, content)
		if err != nil {
			return err
		}
		return o.print(a.streams.Out, obj)
	}
	t := a.theme(s, o)
	var missing []unread
	report.NotChecked, missing = folded(s, report.NotChecked)
	defer a.adviseAccess(s, missing)
	if o.format == formatShort {
		t.Short(a.streams.Out, s, report)
		return nil
	}
	t.Report(a.streams.Out, s, report)
	for _, m := range machines {
		line := stageLine(t, m)
		if m.VM != nil && m.VM.Gone() && m.Claim == nil {
			line = goneText(t, s, *m.VM)
		}
		fmt.Fprintf(a.streams.Out, "\n%s\n", render.Wrap(t.Bold(t.Text(m.Name()))+"  "+line, t.Width, 4))
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
		return errBlind // whatever else is found, half of the sources are another cluster's
	case bad:
		return errFindings
	case report.Blind():
		return errBlind
	default:
		return nil
	}
}
