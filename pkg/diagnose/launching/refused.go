package launching

import (
	"slices"
	"strings"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// eventRule is a check that one kind of event decides.
type eventRule struct {
	reasons          []string
	unless           []string
	cause, next, fix string
}

// lastEvent makes a rule of one kind of event.
func lastEvent(of eventRule) func(*rule.World) rule.Verdict {
	return func(w *rule.World) rule.Verdict { return eventFindings(w, of) }
}

func noCapacity(w *rule.World) rule.Verdict {
	if !w.Wanting() {
		return rule.Verdict{}
	}
	return eventFindings(w, eventRule{
		reasons: []string{"InsufficientCapacityError"},
		// Every refusal names the subnet; 10021 is one that is full.
		unless: []string{"quota", "OutscaleNodeClass", " 10021 "},
		cause:  "Outscale has no room for any of the VM types that the NodePool allows",
		next:   "kubectl kpo types", fix: "allow more types or subregions in the NodePool; Karpenter tries again by itself",
	})
}

// eventFindings makes a finding of each NodePool (or NodeClaim, where the pool is not known) with such an event lately.
func eventFindings(w *rule.World, of eventRule) rule.Verdict {
	bySubject := map[rule.Ref]*rule.Finding{}
	var order []rule.Ref
	for _, event := range w.Recent("NodeClaim", facts.LookBack, of.reasons...) {
		if slices.ContainsFunc(of.unless, func(word string) bool { return strings.Contains(event.Message, word) }) {
			continue
		}
		subject := poolOf(w, event.InvolvedObject.Name)
		if w.LaunchedSince(subject.Name, snapshot.Seen(event)) {
			continue
		}
		f := bySubject[subject]
		if f == nil {
			f = &rule.Finding{Confidence: rule.Certain, Cause: of.cause, Next: of.next, Fix: of.fix}
			f.Subject = subject
			f.Subject.Since = snapshot.Seen(event).UTC()
			bySubject[subject] = f
			order = append(order, subject)
		}
		f.Evidence = []rule.Evidence{facts.Event(event)} // the latest is the one that counts
	}
	var out rule.Verdict
	for _, subject := range order {
		out.Findings = append(out.Findings, *bySubject[subject])
	}
	return out
}

// poolOf returns the NodePool of a NodeClaim, which may be gone: its name is the pool's and a suffix.
func poolOf(w *rule.World, claim string) rule.Ref {
	for i := range w.NodeClaims {
		if w.NodeClaims[i].Name == claim && w.NodeClaims[i].Labels[karpv1.NodePoolLabelKey] != "" {
			return rule.Ref{Kind: "NodePool", Name: w.NodeClaims[i].Labels[karpv1.NodePoolLabelKey]}
		}
	}
	if i := strings.LastIndexByte(claim, '-'); i > 0 {
		name := claim[:i]
		if slices.ContainsFunc(w.NodePools, func(p karpv1.NodePool) bool { return p.Name == name }) {
			return rule.Ref{Kind: "NodePool", Name: name}
		}
	}
	return rule.Ref{Kind: "NodeClaim", Name: claim}
}
