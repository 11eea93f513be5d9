package diagnose

import (
	"slices"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
)

// Problem is the findings of one rule with one cause.
type Problem struct {
	Check       rule.ID         `json:"check"`
	Title       string          `json:"title"`
	Severity    rule.Severity   `json:"severity"`
	Confidence  rule.Confidence `json:"confidence"`
	Cause       string          `json:"cause"`
	Subjects    []rule.Ref      `json:"subjects"`
	Evidence    []rule.Evidence `json:"evidence,omitempty"`
	Deadline    time.Time       `json:"deadline,omitzero"`
	Consequence string          `json:"consequence,omitempty"`
	Next        string          `json:"next"`
	// Writes says that Next changes the cluster.
	Writes bool   `json:"nextWrites,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// NotChecked is a rule, or a part of one, that could not be applied.
type NotChecked struct {
	Check  rule.ID `json:"check"`
	Title  string  `json:"title"`
	Reason string  `json:"reason"`
	// Asked says that the user asked not to look.
	Asked bool `json:"asked,omitempty"`
}

// Report is the judgement of a Snapshot.
type Report struct {
	Problems   []Problem    `json:"problems"`
	NotChecked []NotChecked `json:"notChecked"`
	Passed     []rule.ID    `json:"passed"`
	// UnderWay is what is neither wrong nor done.
	UnderWay []Note `json:"underWay"`
	// Elsewhere is what is wrong or under way in the rest of the cluster, where the user named a part of it.
	Elsewhere *Note `json:"elsewhere,omitempty"`
}

// Note is something that takes its time: machines that start, pods that wait for them.
type Note struct {
	Text     string     `json:"text"`
	Subjects []rule.Ref `json:"subjects"`
	// Since is when the first of the subjects began, as far as is known.
	Since time.Time `json:"since,omitzero"`
}

// Healthy reports whether everything was looked at, but for what the user asked to leave out, and nothing is wrong.
func (r Report) Healthy() bool { return len(r.Problems) == 0 && !r.Blind() }

// Settled reports whether the report is healthy, nothing is under way, and the rest of the cluster is no different: then
// there is nothing to do, and nothing to wait for.
func (r Report) Settled() bool { return r.Healthy() && len(r.Notes()) == 0 }

// Blind reports whether something that the user did not ask to leave out could not be looked at.
func (r Report) Blind() bool {
	return slices.ContainsFunc(r.NotChecked, func(n NotChecked) bool { return !n.Asked })
}

// Has reports whether a rule found something that is shown.
func (r Report) Has(id rule.ID) bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Check == id })
}

// Notes are all notes of the report.
func (r Report) Notes() []Note {
	if r.Elsewhere == nil {
		return r.UnderWay
	}
	return append(slices.Clone(r.UnderWay), *r.Elsewhere)
}
