package main

import (
	"fmt"

	"github.com/spf13/cobra"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
)

func newTags(a *app) *cobra.Command {
	var o *output
	cmd := &cobra.Command{
		Use: "tags [TARGET...]", GroupID: groupInspect, Short: "Compare the tags of VMs with those that the parties rely on",
		Long:              "Compare the tags of VMs with those that the controller sets and Karpenter and the Outscale CCM rely on.\nExit codes: 0 all as wanted, 1 some differ, 2 could not look.",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.snapshot(cmd.Context(), fleet.SourceConsoles, fleet.SourceQuotas, fleet.SourcePrices)
			if err != nil {
				return err
			}
			if err := need(s, fleet.SourceVMs, fleet.SourceNodeClaims, fleet.SourceNodeClasses, fleet.SourceClusterUID, fleet.SourceClusterNames); err != nil {
				return err
			}
			machines, err := targets(s, args)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				s.NodeClaims = claimsOf(machines)
			}
			report := diagnose.Tags(s)
			if err := a.printTags(o, s, report); err != nil {
				return err
			}
			if len(report.Diffs) > 0 {
				return errFindings
			}
			return nil
		},
	}
	o = addOutput(cmd, formatTable, formatWide)
	return cmd
}

func claimsOf(machines []fleet.Machine) []karpv1.NodeClaim {
	var out []karpv1.NodeClaim
	for _, m := range machines {
		if m.Claim != nil {
			out = append(out, *m.Claim)
		}
	}
	return out
}

func (a *app) printTags(o *output, s *fleet.Snapshot, report diagnose.TagReport) error {
	if !o.forPeople() {
		return printAll(a, o, "TagDifference", report.Diffs, func(d diagnose.TagDiff) string { return d.VM })
	}
	t := a.theme(s, o)
	a.scope(t, s)
	compared := render.Count(report.Compared, "VM")
	switch {
	case len(report.Diffs) > 0:
		columns := []render.Column{
			{Name: "VM"}, {Name: "CLAIM", Drop: 1}, {Name: "TAG"}, {Name: "WANT", Min: 12}, {Name: "HAVE", Min: 12},
		}
		cells := make([][]render.Cell, 0, len(report.Diffs))
		for _, d := range report.Diffs {
			cells = append(cells, render.Plain(d.VM, d.NodeClaim, d.Tag, d.Want, d.Have))
		}
		if err := a.table(t, o, columns, cells); err != nil {
			return err
		}
		fmt.Fprintf(a.streams.Out, "%s of %s not as wanted; the controller puts them back within a minute\n", render.Count(len(report.Diffs), "tag"), compared)
	case report.Compared > 0 || report.Young == 0:
		fmt.Fprintf(a.streams.Out, "%s tags of %s are as %s wants them\n", t.Symbol(render.MarkOK), compared, s.Cluster.Name)
	}
	if report.Young > 0 {
		fmt.Fprintf(a.streams.Out, "%s not compared: %s younger than %s, whose tags may be on their way\n",
			t.Symbol(render.MarkPending), render.Count(report.Young, "VM"), render.Duration(diagnose.TagPatience))
	}
	return nil
}
