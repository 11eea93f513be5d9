package rule

import (
	"slices"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Concerns reports whether one of the names is that of the subject. The cluster and the account concern every machine.
func (r Ref) Concerns(names []string) bool {
	return len(names) == 0 || r.Kind == "Cluster" || r.Kind == "Account" ||
		slices.Contains(names, r.Name) || r.VM != "" && slices.Contains(names, r.VM)
}

// PartsOf returns what a machine consists of, and what it is made from.
func PartsOf(m snapshot.Machine) []Ref {
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

// Related returns the keys of the things whose trouble is the trouble of the subject: its machine, and what that is made from.
func (w *World) Related(subject Ref) []string {
	out := []string{subject.Key(), w.ClusterRef().Key()}
	var parts []Ref
	switch m, ok := w.machineOf[subject.Key()]; {
	case ok:
		parts = PartsOf(m)
	case subject.Kind == "Pod":
		parts = w.relatedToPod(subject.Name)
	case subject.Kind == "NodePool":
		parts = w.partsOfPool(subject.Name)
	}
	for _, ref := range parts {
		out = append(out, ref.Key())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
