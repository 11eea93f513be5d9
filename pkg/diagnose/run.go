package diagnose

import (
	"cmp"
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// evidenceAtMost keeps a problem of a hundred machines readable: they share their cause, and mostly their evidence.
const evidenceAtMost = 4

// Run judges a Snapshot by the checks. With names, only findings about one of them are reported.
func Run(s *snapshot.Snapshot, checks []Check, names ...string) Report {
	world := newWorld(s)
	report := Report{Problems: []Problem{}, NotChecked: []NotChecked{}, Passed: []string{}, UnderWay: []Note{}}
	found := map[string][]Finding{}
	for _, check := range checks {
		missing := missingSources(s, check)
		if len(missing) > 0 && (check.ID != wrongAccount || s.WrongAccount == "") { // what it finds is why they are missing
			report.NotChecked = append(report.NotChecked, missing...)
			continue
		}
		verdict := check.Find(world)
		for _, reason := range unique(verdict.Unknown) {
			report.NotChecked = append(report.NotChecked, NotChecked{Check: check.ID, Title: check.Title, Reason: reason})
		}
		found[check.ID] = verdict.Findings
		if len(verdict.Findings) == 0 && len(verdict.Unknown) == 0 {
			report.Passed = append(report.Passed, check.ID)
		}
	}
	all := world.explain(checks, found)
	markAbout(all, names)
	for _, check := range checks {
		report.Problems = append(report.Problems, group(check, shown(check, all))...)
	}
	report.UnderWay = world.underWay(all, names)
	report.Elsewhere = world.elsewhere(checks, all, names, report)
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

func weight(s Severity) int {
	if s == Error {
		return 1
	}
	return 0
}

func missingSources(s *snapshot.Snapshot, check Check) []NotChecked {
	var out []NotChecked
	for _, source := range check.Needs {
		if why := s.Why(source); why != "" {
			asked := s.Sources[source].State == snapshot.StateSkipped
			out = append(out, NotChecked{Check: check.ID, Title: check.Title, Reason: why, Asked: asked})
		}
	}
	return out
}

// group makes one problem of all findings with one cause.
func group(check Check, findings []Finding) []Problem {
	byCause := map[string]*Problem{}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(a.Subject.Since.Compare(b.Subject.Since), cmp.Compare(a.Subject.Name, b.Subject.Name))
	})
	var order []string
	for _, f := range findings {
		p := byCause[f.Cause]
		if p == nil {
			p = &Problem{
				Check: check.ID, Title: check.Title, Severity: check.Severity, Confidence: f.Confidence, Cause: f.Cause,
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

func (p *Problem) addEvidence(evidence []Evidence) {
	for _, e := range evidence {
		e.Text = readable(e)
		same := func(had Evidence) bool { return had.Source == e.Source && had.Text == e.Text }
		if len(p.Evidence) < evidenceAtMost && !slices.ContainsFunc(p.Evidence, same) {
			p.Evidence = append(p.Evidence, e)
		}
	}
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

// WrongAccount reports whether Outscale was looked at in another account than the cluster's.
func (r Report) WrongAccount() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Check == wrongAccount })
}

func unique(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

// short makes one line of a message. Of a long one the end stays: errors are wrapped from the outside.
func short(text string) string {
	const most, head = 280, 90
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:head]) + " … " + string(runes[len(runes)-most+head+3:])
}
