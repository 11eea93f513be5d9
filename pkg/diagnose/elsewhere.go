package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
)

// elsewhere says what is wrong or under way in the cluster, and not with what the user named: who reads that a node is
// fine must not take the cluster for fine. It is nil where there is nothing, and where the user named nothing.
func elsewhere(w *rule.World, rules []rule.Rule, all []*judged, names []string, r Report) *Note {
	if len(names) == 0 {
		return nil
	}
	var problems []Problem
	for _, row := range rules {
		var hidden []rule.Finding
		for _, j := range all {
			if j.rule == row.ID && !j.about && len(j.by) == 0 {
				hidden = append(hidden, j.Finding)
			}
		}
		problems = append(problems, group(row, hidden)...)
	}
	var parts []string
	var subjects []rule.Ref
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
	for _, note := range notes(othersUnderWay(w, all, names)) {
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
func othersUnderWay(w *rule.World, all []*judged, names []string) map[activity][]rule.Ref {
	out := activitiesOf(w, all, nil)
	for what, mine := range activitiesOf(w, all, names) {
		out[what] = slices.DeleteFunc(out[what], func(r rule.Ref) bool {
			return slices.ContainsFunc(mine, func(m rule.Ref) bool { return m.Key() == r.Key() })
		})
	}
	return out
}
