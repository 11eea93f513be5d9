package main

import (
	"fmt"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// nothingCompared says why no tag was looked at. Nothing to compare is fine; what cannot be compared yet is not.
func (a *app) nothingCompared(o *output, s *snapshot.Snapshot, report tags.Report) error {
	if !o.forPeople() {
		if err := a.printTags(o, s, report); err != nil {
			return err
		}
	}
	t := a.theme(s, o)
	if o.forPeople() {
		a.scope(t, s)
		if report.Young+report.Unknown == 0 {
			fmt.Fprintf(a.streams.Out, "%s nothing to compare: no NodeClaim has a VM that stays\n", t.Symbol(render.MarkPending))
		}
		if report.Young > 0 {
			fmt.Fprintf(a.streams.Out, "%s nothing compared yet: skipped %s younger than %s (tags may still be propagating); run it again\n",
				t.Symbol(render.MarkUnknown), render.Count(report.Young, "VM"), render.Duration(tags.Patience))
		}
	}
	return a.tagVerdict(o, s, report)
}

// tagVerdict says what was left out, and returns how the command ends.
func (a *app) tagVerdict(o *output, s *snapshot.Snapshot, report tags.Report) error {
	t := a.theme(s, o)
	var left []string
	if report.Unknown > 0 {
		left = append(left, render.Count(report.Unknown, "VM")+" whose OutscaleNodeClass does not exist")
	}
	if s.Cluster.ID == "" && report.Compared > 0 {
		left = append(left, "the tag "+snapshot.TagClusterID+"<id>: the controller's cluster ID is not known, use --cluster-id")
	}
	for _, what := range left {
		to := a.streams.Out
		if !o.forPeople() {
			to = a.streams.ErrOut
		}
		fmt.Fprintf(to, "%s not compared: %s\n", t.Symbol(render.MarkUnknown), what)
	}
	switch {
	case len(report.Diffs) > 0:
		return errFindings
	case len(left) > 0 || report.Compared == 0 && report.Young > 0:
		return errBlind
	default:
		return nil
	}
}
