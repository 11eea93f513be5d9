package diagnose

import (
	"slices"
	"strings"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

// eventRule is a check that one kind of event decides.
type eventRule struct {
	reasons          []string
	unless           []string
	cause, next, fix string
}

// eventFindings makes a finding of each NodePool (or NodeClaim, where the pool is not known) with such an event lately.
func eventFindings(w *World, rule eventRule) Verdict {
	bySubject := map[Ref]*Finding{}
	var order []Ref
	for _, event := range w.recent("NodeClaim", lookBack, rule.reasons...) {
		if slices.ContainsFunc(rule.unless, func(word string) bool { return strings.Contains(event.Message, word) }) {
			continue
		}
		subject := w.poolOf(event.InvolvedObject.Name)
		if w.launchedSince(subject.Name, fleet.Seen(event)) {
			continue
		}
		f := bySubject[subject]
		if f == nil {
			f = &Finding{Confidence: Certain, Cause: rule.cause, Next: rule.next, Fix: rule.fix}
			f.Subject = subject
			f.Subject.Since = fleet.Seen(event).UTC()
			bySubject[subject] = f
			order = append(order, subject)
		}
		f.Evidence = []Evidence{evidenceOf(event)} // the latest is the one that counts
	}
	var out Verdict
	for _, subject := range order {
		out.Findings = append(out.Findings, *bySubject[subject])
	}
	return out
}

// poolOf returns the NodePool of a NodeClaim, which may be gone: its name is the pool's and a suffix.
func (w *World) poolOf(claim string) Ref {
	for i := range w.NodeClaims {
		if w.NodeClaims[i].Name == claim && w.NodeClaims[i].Labels[karpv1.NodePoolLabelKey] != "" {
			return Ref{Kind: "NodePool", Name: w.NodeClaims[i].Labels[karpv1.NodePoolLabelKey]}
		}
	}
	if i := strings.LastIndexByte(claim, '-'); i > 0 {
		name := claim[:i]
		if slices.ContainsFunc(w.NodePools, func(p karpv1.NodePool) bool { return p.Name == name }) {
			return Ref{Kind: "NodePool", Name: name}
		}
	}
	return Ref{Kind: "NodeClaim", Name: claim}
}

// launchedSince reports whether the pool got a VM after a refusal: then the refusal is over.
func (w *World) launchedSince(pool string, refused time.Time) bool {
	return slices.ContainsFunc(w.machines, func(m fleet.Machine) bool {
		launched := m.Condition(karpv1.ConditionTypeLaunched)
		return m.Claim != nil && m.Claim.Labels[karpv1.NodePoolLabelKey] == pool && fleet.IsTrue(launched) && launched.LastTransitionTime.After(refused)
	})
}
