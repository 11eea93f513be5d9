package diagnose

import (
	"slices"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

// judged is a finding with what explains it.
type judged struct {
	Finding
	check string
	// by are deeper findings about the same thing: they are shown instead.
	by []*judged
	// about says that the user asked about it.
	about bool
}

// explain links each finding to those that explain it.
func (w *World) explain(checks []Check, found map[string][]Finding) []*judged {
	var all []*judged
	of := map[string]map[string][]*judged{}
	for _, check := range checks {
		of[check.ID] = map[string][]*judged{}
		for _, f := range found[check.ID] {
			j := &judged{Finding: f, check: check.ID}
			all = append(all, j)
			of[check.ID][f.Subject.key()] = append(of[check.ID][f.Subject.key()], j)
		}
	}
	explainedBy := map[string][]string{}
	for _, check := range checks {
		explainedBy[check.ID] = check.ExplainedBy
	}
	for _, j := range all {
		for _, name := range w.related(j.Subject) {
			for _, id := range explainedBy[j.check] {
				j.by = append(j.by, of[id][name]...)
			}
		}
	}
	return all
}

// key tells things of different kinds with one name apart.
func (r Ref) key() string { return r.Kind + "/" + r.Name }

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
		if j.Subject.concerns(names) {
			mark(j)
		}
	}
}

// concerns reports whether one of the names is that of the subject. The cluster and the account concern every machine.
func (r Ref) concerns(names []string) bool {
	return len(names) == 0 || r.Kind == "Cluster" || r.Kind == "Account" ||
		slices.Contains(names, r.Name) || r.VM != "" && slices.Contains(names, r.VM)
}

// shown are the findings of a check that nothing explains and that the user asked about.
func shown(check Check, all []*judged) []Finding {
	var out []Finding
	for _, j := range all {
		if j.check == check.ID && j.about && len(j.by) == 0 {
			out = append(out, j.Finding)
		}
	}
	return out
}

// NamesOf are all names whose findings are about the machines.
func NamesOf(machines ...fleet.Machine) []string {
	var out []string
	for _, m := range machines {
		for _, ref := range partsOf(m) {
			out = append(out, ref.Name)
		}
	}
	return out
}

// partsOf are a machine, and what it is made from.
func partsOf(m fleet.Machine) []Ref {
	var out []Ref
	if m.Claim != nil {
		pool := m.Claim.Labels[karpv1.NodePoolLabelKey]
		out = append(out, Ref{Kind: "NodeClaim", Name: m.Claim.Name}, Ref{Kind: "NodePool", Name: pool})
		if ref := m.Claim.Spec.NodeClassRef; ref != nil {
			out = append(out, Ref{Kind: "OutscaleNodeClass", Name: ref.Name})
		}
	}
	if m.Node != nil {
		out = append(out, Ref{Kind: "Node", Name: m.Node.Name})
	}
	if m.VM != nil {
		out = append(out, Ref{Kind: "VM", Name: m.VM.ID})
	}
	return out
}

// related are the things whose trouble is the trouble of the subject: its machine, and what that is made from.
func (w *World) related(subject Ref) []string {
	out := []string{subject.key(), w.clusterRef().key()}
	var parts []Ref
	switch m, ok := w.machineOf[subject.key()]; {
	case ok:
		parts = partsOf(m)
	case subject.Kind == "Pod":
		parts = w.relatedToPod(subject.Name)
	case subject.Kind == "NodePool":
		parts = w.partsOfPool(subject.Name)
	}
	for _, ref := range parts {
		out = append(out, ref.key())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Knows reports whether a name that is no machine's can have findings: a NodePool, a NodeClass, a pending pod, or what
// events tell of although it is gone.
func Knows(s *fleet.Snapshot, name string) bool {
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
