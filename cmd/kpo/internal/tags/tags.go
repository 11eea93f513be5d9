// Package tags is kpo tags: the tags of VMs next to those that Karpenter, the controller and the CCM rely on.
package tags

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/targets"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// command compares tags.
type command struct {
	*session.Session

	out *output.Output
}

// New returns the command tags.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "tags [TARGET...]", Short: "Compare the tags of VMs with those that the parties rely on",
		Long:              "Compare the tags of VMs with those that the controller sets and Karpenter and the Outscale CCM rely on.\nExit codes: 0 all tags are correct, 1 some are missing or wrong, 2 something could not be read.",
		ValidArgsFunction: targets.Complete(a),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.out = output.AddTable(a, cmd, output.Names(tagColumns()))
	return cmd
}

func (c *command) reads() []snapshot.Source {
	return append(targets.Sources(), snapshot.SourceNodeClasses)
}

func (c *command) run(ctx context.Context, args []string) error {
	s, err := c.Snapshot(ctx, c.reads()...)
	if err != nil {
		return err
	}
	needed := []snapshot.Source{
		snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodeClasses, snapshot.SourceClusterUID, snapshot.SourceClusterNames,
	}
	if err := unread.Need(s, needed...); err != nil {
		return err
	}
	machines, err := targets.Named(s, args)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		s.NodeClaims = claimsOf(machines)
	}
	report := tags.Compare(s)
	if report.Compared == 0 {
		return c.nothingCompared(s, report)
	}
	if err := c.print(s, report); err != nil {
		return err
	}
	return c.verdict(s, report)
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

func (c *command) print(s *snapshot.Snapshot, report tags.Report) error {
	columns := tagColumns()
	output.Sort(c.out, columns, report.Diffs)
	if !c.out.ForPeople() {
		return output.PrintAll(c.out, "TagDifference", report.Diffs, func(d tags.Diff) output.Name { return output.NameOf(output.VM, d.VM) })
	}
	t := c.out.Theme(s)
	c.out.Scope(t, s)
	switch {
	case len(report.Diffs) > 0:
		output.Table(c.out, t, columns, report.Diffs)
		affected := map[string]bool{}
		for _, d := range report.Diffs {
			affected[d.VM] = true
		}
		c.out.Remark(t, fmt.Sprintf("%s missing or wrong on %d of %s; the controller sets them again within a minute",
			render.Count(len(report.Diffs), "tag"), len(affected), render.Count(report.Compared, "VM")))
	case report.Compared > 0 || report.Young == 0:
		c.out.Remark(t, t.Line(render.MarkOK, "all tags are correct on "+render.Count(report.Compared, "VM")))
	}
	if report.Young > 0 {
		c.out.Remark(t, fmt.Sprintf("%s skipped %s younger than %s (tags may still be propagating)",
			t.Symbol(render.MarkPending), render.Count(report.Young, "VM"), render.Duration(tags.Patience)))
	}
	return nil
}

func tagColumns() []output.Column[tags.Diff] {
	return []output.Column[tags.Diff]{
		output.Text(render.Column{Name: "VM"}, func(d tags.Diff) string { return d.VM }),
		output.Text(render.Column{Name: "NODECLAIM", Drop: 1}, func(d tags.Diff) string { return d.NodeClaim }),
		output.Text(render.Column{Name: "TAG"}, func(d tags.Diff) string { return d.Tag }),
		output.Text(render.Column{Name: "WANT", Min: 12}, func(d tags.Diff) string { return d.Want }),
		output.Text(render.Column{Name: "HAVE", Min: 12}, func(d tags.Diff) string { return d.Have }),
	}
}
