package diagnose

import (
	"cmp"
	"slices"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// evidenceAtMost keeps a problem of a hundred machines readable: they share their cause, and mostly their evidence.
const evidenceAtMost = 4

// Run judges a Snapshot by the rules. With names, only findings about one of them are reported.
func Run(s *snapshot.Snapshot, rules []rule.Rule, names ...string) Report {
	w := rule.NewWorld(s)
	report := Report{Problems: []Problem{}, NotChecked: []NotChecked{}, Passed: []rule.ID{}, UnderWay: []Note{}}
	found := map[rule.ID][]rule.Finding{}
	for _, row := range rules {
		verdict, missing := apply(w, row)
		report.NotChecked = append(report.NotChecked, missing...)
		for _, reason := range unique(verdict.Unknown) {
			report.NotChecked = append(report.NotChecked, NotChecked{Check: row.ID, Title: row.Title, Reason: reason})
		}
		found[row.ID] = verdict.Findings
		if len(verdict.Findings) == 0 && len(verdict.Unknown) == 0 && len(missing) == 0 {
			report.Passed = append(report.Passed, row.ID)
		}
	}
	all := explain(w, rules, found)
	markAbout(all, names)
	for _, row := range rules {
		report.Problems = append(report.Problems, group(row, shown(row, all))...)
	}
	report.UnderWay = underWay(w, all, names)
	report.Elsewhere = elsewhere(w, rules, all, names, report)
	slices.SortStableFunc(report.Problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(weight(b.Severity), weight(a.Severity)),
			cmp.Compare(len(b.Subjects), len(a.Subjects)),
			cmp.Compare(a.Check, b.Check),
			cmp.Compare(a.Cause, b.Cause),
		)
	})
	return report
}

func weight(s rule.Severity) int {
	if s == rule.Error {
		return 1
	}
	return 0
}

// apply returns what a rule says, or why it says nothing.
func apply(w *rule.World, row rule.Rule) (rule.Verdict, []NotChecked) {
	missing := missingSources(w.Snapshot, row)
	if len(missing) > 0 && !row.FindsUnread {
		return rule.Verdict{}, missing
	}
	verdict := row.Judge(w)
	if len(missing) > 0 && len(verdict.Findings) == 0 {
		return rule.Verdict{}, missing
	}
	return verdict, nil
}

func missingSources(s *snapshot.Snapshot, row rule.Rule) []NotChecked {
	var out []NotChecked
	for _, source := range row.Needs {
		if why := s.Why(source); why != "" {
			asked := s.Sources[source].State == snapshot.StateSkipped
			out = append(out, NotChecked{Check: row.ID, Title: row.Title, Reason: why, Asked: asked})
		}
	}
	return out
}

// group makes one problem of all findings with one cause.
func group(row rule.Rule, findings []rule.Finding) []Problem {
	byCause := map[string]*Problem{}
	slices.SortStableFunc(findings, func(a, b rule.Finding) int {
		return cmp.Or(a.Subject.Since.Compare(b.Subject.Since), cmp.Compare(a.Subject.Name, b.Subject.Name))
	})
	var order []string
	for _, f := range findings {
		p := byCause[f.Cause]
		if p == nil {
			p = &Problem{
				Check: row.ID, Title: row.Title, Severity: row.Severity, Confidence: f.Confidence, Cause: f.Cause,
				Deadline: f.Deadline, Consequence: f.Consequence, Next: f.Next, Writes: writes(f.Next), Fix: f.Fix,
			}
			byCause[f.Cause] = p
			order = append(order, f.Cause)
		}
		p.Subjects = append(p.Subjects, f.Subject)
		p.addEvidence(f.Evidence)
		if !f.Deadline.IsZero() && (p.Deadline.IsZero() || f.Deadline.Before(p.Deadline)) {
			p.Deadline = f.Deadline
		}
	}
	out := make([]Problem, len(order))
	for i, cause := range order {
		out[i] = *byCause[cause]
	}
	return out
}

func (p *Problem) addEvidence(evidence []rule.Evidence) {
	for _, e := range evidence {
		e.Text = readable(e)
		same := func(had rule.Evidence) bool { return had.Source == e.Source && had.Text == e.Text }
		if len(p.Evidence) < evidenceAtMost && !slices.ContainsFunc(p.Evidence, same) {
			p.Evidence = append(p.Evidence, e)
		}
	}
}

func unique(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}
