package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// elsewhere says what is wrong or under way in the cluster, and not with what the user named: who reads that a node is
// fine must not take the cluster for fine. It is nil where there is nothing, and where the user named nothing.
func (w *World) elsewhere(checks []Check, all []*judged, names []string, r Report) *Note {
	if len(names) == 0 {
		return nil
	}
	var problems []Problem
	for _, check := range checks {
		var hidden []Finding
		for _, j := range all {
			if j.check == check.ID && !j.about && len(j.by) == 0 {
				hidden = append(hidden, j.Finding)
			}
		}
		problems = append(problems, group(check, hidden)...)
	}
	var parts []string
	var subjects []Ref
	switch len(problems) {
	case 0:
	case 1:
		parts = append(parts, "1 finding")
	default:
		parts = append(parts, fmt.Sprintf("%d findings", len(problems)))
	}
	for _, p := range problems {
		subjects = append(subjects, p.Subjects...)
	}
	for _, note := range notes(w.othersUnderWay(all, names)) {
		parts, subjects = append(parts, note.Text), append(subjects, note.Subjects...)
	}
	if len(parts) == 0 {
		return nil
	}
	text := "elsewhere in the cluster: " + strings.Join(parts, ", ") + " (kubectl kpo doctor)"
	if r.Healthy() && len(r.UnderWay) == 0 {
		text = "what you named is fine; " + text
	}
	return &Note{Text: text, Subjects: subjects}
}

// othersUnderWay is what is under way, and not with what the user named.
func (w *World) othersUnderWay(all []*judged, names []string) map[activity][]Ref {
	out := w.activitiesOf(all, nil)
	for what, mine := range w.activitiesOf(all, names) {
		out[what] = slices.DeleteFunc(out[what], func(r Ref) bool {
			return slices.ContainsFunc(mine, func(m Ref) bool { return m.key() == r.key() })
		})
	}
	return out
}

// Notes are all notes of the report.
func (r Report) Notes() []Note {
	if r.Elsewhere == nil {
		return r.UnderWay
	}
	return append(slices.Clone(r.UnderWay), *r.Elsewhere)
}
