package pods

import (
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
)

// startPatience is how long a machine that Karpenter launches for a pod takes to start.
const startPatience = 5 * time.Minute

// unplaced are the pods for which Karpenter says that it has no node, grouped by why.
func unplaced(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, pod := range w.Pending() {
		event, ok := w.Said(pod.Name)
		if !ok {
			continue
		}
		namespace, name, _ := strings.Cut(pod.Name, "/")
		f := rule.Finding{
			Subject: pod, Confidence: rule.Certain, Cause: "no VM type that a NodePool allows suits the pod",
			Evidence: []rule.Evidence{facts.Event(event)}, Next: "kubectl describe pod -n " + namespace + " " + name,
			Fix: "compare what the message names with the pod's requests, selectors and tolerations, " +
				"and with the NodePool's requirements and taints",
		}
		if w.OverLimit(event) {
			f.Cause, f.Fix = "every VM type for the pod exceeds a limit of its NodePool", "raise spec.limits of the NodePool"
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// waitingPods are those of which Karpenter says nothing, and for which nothing starts in time.
func waitingPods(w *rule.World) rule.Verdict {
	var out rule.Verdict
	starts := len(w.Starting()) > 0
	for _, pod := range w.Pending() {
		if _, ok := w.Said(pod.Name); ok || w.Early(pod.Since) || starts && w.Since(pod.Since) < startPatience {
			continue
		}
		namespace, name, _ := strings.Cut(pod.Name, "/")
		out.Findings = append(out.Findings, rule.Finding{
			Subject: pod, Confidence: rule.Possible,
			Cause: "the scheduler finds no node for the pod, and Karpenter does not say why it makes none",
			Next:  "kubectl describe pod -n " + namespace + " " + name,
			Fix:   "read the events of the pod; a pod that waits for a volume, or that no NodePool is for, gets no node of Karpenter",
		})
	}
	return out
}
