package tags

import (
	"fmt"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// nothingCompared says why no tag was looked at. Nothing to compare is fine; what cannot be compared yet is not.
func (c *command) nothingCompared(s *snapshot.Snapshot, report tags.Report) error {
	if !c.out.ForPeople() {
		if err := c.print(s, report); err != nil {
			return err
		}
	}
	t := c.out.Theme(s)
	if c.out.ForPeople() {
		c.out.Scope(t, s)
		if report.Young+report.Unknown == 0 {
			fmt.Fprintf(c.Streams.Out, "%s nothing to compare: no NodeClaim has a VM that stays\n", t.Symbol(render.MarkPending))
		}
		if report.Young > 0 {
			fmt.Fprintf(c.Streams.Out, "%s nothing compared yet: skipped %s younger than %s (tags may still be propagating); run it again\n",
				t.Symbol(render.MarkUnknown), render.Count(report.Young, "VM"), render.Duration(tags.Patience))
		}
	}
	return c.verdict(s, report)
}

// verdict says what was left out, and returns how the command ends.
func (c *command) verdict(s *snapshot.Snapshot, report tags.Report) error {
	t := c.out.Theme(s)
	var left []string
	if report.Unknown > 0 {
		left = append(left, render.Count(report.Unknown, "VM")+" whose OutscaleNodeClass does not exist")
	}
	if s.Cluster.ID == "" && report.Compared > 0 {
		left = append(left, "the tag "+snapshot.TagClusterID+"<id>: the controller's cluster ID is not known, use --cluster-id")
	}
	for _, what := range left {
		to := c.Streams.Out
		if !c.out.ForPeople() {
			to = c.Streams.ErrOut
		}
		fmt.Fprintf(to, "%s not compared: %s\n", t.Symbol(render.MarkUnknown), what)
	}
	switch {
	case len(report.Diffs) > 0:
		return cli.ErrFindings
	case len(left) > 0 || report.Compared == 0 && report.Young > 0:
		return cli.ErrBlind
	default:
		return nil
	}
}
