package diagnose

import (
	"slices"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// judged is a finding with what explains it.
type judged struct {
	rule.Finding

	rule rule.ID
	// by are deeper findings about the same thing: they are shown instead.
	by []*judged
	// about says that the user asked about it.
	about bool
}

// explain links each finding to those that explain it.
func explain(w *rule.World, rules []rule.Rule, found map[rule.ID][]rule.Finding) []*judged {
	var all []*judged
	of := map[rule.ID]map[string][]*judged{}
	explainedBy := map[rule.ID][]rule.ID{}
	for _, row := range rules {
		explainedBy[row.ID] = row.ExplainedBy
		of[row.ID] = map[string][]*judged{}
		for _, f := range found[row.ID] {
			j := &judged{Finding: f, rule: row.ID}
			all = append(all, j)
			of[row.ID][f.Subject.Key()] = append(of[row.ID][f.Subject.Key()], j)
		}
	}
	for _, j := range all {
		for _, name := range w.Related(j.Subject) {
			for _, id := range explainedBy[j.rule] {
				j.by = append(j.by, of[id][name]...)
			}
		}
	}
	return all
}

// markAbout marks the findings that concern one of the names, all of them without any name. Whatever explains a finding
// is about what that is about: else the cause of the trouble would be hidden from who asks about the trouble.
func markAbout(all []*judged, names []string) {
	var mark func(*judged)
	mark = func(j *judged) {
		if j.about {
			return
		}
		j.about = true
		for _, deeper := range j.by {
			mark(deeper)
		}
	}
	for _, j := range all {
		if j.Subject.Concerns(names) {
			mark(j)
		}
	}
}

// shown are the findings of a rule that nothing explains and that the user asked about.
func shown(row rule.Rule, all []*judged) []rule.Finding {
	var out []rule.Finding
	for _, j := range all {
		if j.rule == row.ID && j.about && len(j.by) == 0 {
			out = append(out, j.Finding)
		}
	}
	return out
}

// NamesOf are all names whose findings are about the machines.
func NamesOf(machines ...snapshot.Machine) []string {
	var out []string
	for _, m := range machines {
		for _, ref := range rule.PartsOf(m) {
			out = append(out, ref.Name)
		}
	}
	return out
}

// Knows reports whether a name that is no machine's can have findings: a NodePool, a NodeClass, a pending pod, or what
// events tell of although it is gone.
func Knows(s *snapshot.Snapshot, name string) bool {
	names := []string{s.Cluster.Name, "quotas"}
	for i := range s.NodePools {
		names = append(names, s.NodePools[i].Name)
	}
	for i := range s.NodeClasses {
		names = append(names, s.NodeClasses[i].Name)
	}
	for i := range s.Pods {
		names = append(names, s.Pods[i].Namespace+"/"+s.Pods[i].Name)
	}
	for i := range s.Events {
		names = append(names, s.Events[i].InvolvedObject.Name)
	}
	return name != "" && slices.Contains(names, name)
}
