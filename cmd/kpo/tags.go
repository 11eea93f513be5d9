package main

import (
	"fmt"

	"github.com/spf13/cobra"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func newTags(a *app) *cobra.Command {
	var o *output
	cmd := &cobra.Command{
		Use: "tags [TARGET...]", GroupID: groupInspect, Short: "Compare the tags of VMs with those that the parties rely on",
		Long:              "Compare the tags of VMs with those that the controller sets and Karpenter and the Outscale CCM rely on.\nExit codes: 0 all tags are correct, 1 some are missing or wrong, 2 something could not be read.",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.snapshot(cmd.Context(), snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourcePrices)
			if err != nil {
				return err
			}
			if err := need(s, snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodeClasses, snapshot.SourceClusterUID, snapshot.SourceClusterNames); err != nil {
				return err
			}
			machines, err := targets(s, args)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				s.NodeClaims = claimsOf(machines)
			}
			report := tags.Compare(s)
			if report.Compared == 0 {
				return a.nothingCompared(o, s, report)
			}
			if err := a.printTags(o, s, report); err != nil {
				return err
			}
			return a.tagVerdict(o, s, report)
		},
	}
	o = addTable(cmd, names(tagColumns()))
	return cmd
}

func claimsOf(machines []snapshot.Machine) []karpv1.NodeClaim {
	var out []karpv1.NodeClaim
	for _, m := range machines {
		if m.Claim != nil {
			out = append(out, *m.Claim)
		}
	}
	return out
}

func (a *app) printTags(o *output, s *snapshot.Snapshot, report tags.Report) error {
	columns := tagColumns()
	sorted(o, columns, report.Diffs)
	if !o.forPeople() {
		return printAll(a, o, "TagDifference", report.Diffs, func(d tags.Diff) name { return name{resourceVM, d.VM} })
	}
	t := a.theme(s, o)
	a.scope(t, s)
	switch {
	case len(report.Diffs) > 0:
		table(a, t, columns, report.Diffs)
		affected := map[string]bool{}
		for _, d := range report.Diffs {
			affected[d.VM] = true
		}
		a.remark(t, fmt.Sprintf("%s missing or wrong on %d of %s; the controller sets them again within a minute",
			render.Count(len(report.Diffs), "tag"), len(affected), render.Count(report.Compared, "VM")))
	case report.Compared > 0 || report.Young == 0:
		a.remark(t, t.Line(render.MarkOK, "all tags are correct on "+render.Count(report.Compared, "VM")))
	}
	if report.Young > 0 {
		a.remark(t, fmt.Sprintf("%s skipped %s younger than %s (tags may still be propagating)",
			t.Symbol(render.MarkPending), render.Count(report.Young, "VM"), render.Duration(tags.Patience)))
	}
	return nil
}

func tagColumns() []column[tags.Diff] {
	return []column[tags.Diff]{
		text(render.Column{Name: "VM"}, func(d tags.Diff) string { return d.VM }),
		text(render.Column{Name: "NODECLAIM", Drop: 1}, func(d tags.Diff) string { return d.NodeClaim }),
		text(render.Column{Name: "TAG"}, func(d tags.Diff) string { return d.Tag }),
		text(render.Column{Name: "WANT", Min: 12}, func(d tags.Diff) string { return d.Want }),
		text(render.Column{Name: "HAVE", Min: 12}, func(d tags.Diff) string { return d.Have }),
	}
}
