package pools

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func poolFinding(pool *karpv1.NodePool, cause, fix string, evidence ...rule.Evidence) rule.Finding {
	return rule.Finding{
		Subject: rule.Ref{Kind: "NodePool", Name: pool.Name}, Confidence: rule.Certain, Cause: cause, Fix: fix, Evidence: evidence,
		Next: "kubectl describe nodepool " + pool.Name,
	}
}

// poolsAtLimit are those that keep pods from getting a node: a limit that nothing needs more of is no trouble.
func poolsAtLimit(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		refused, unexplained, evidence := waitingFor(w, pool)
		used, confidence, waiting := usedUp(pool), rule.Certain, refused
		if len(refused) == 0 && len(used) > 0 {
			confidence, waiting = rule.Likely, unexplained // the pods may want something else, too
		}
		if len(waiting) == 0 {
			continue
		}
		if len(used) > 0 {
			evidence = append(evidence, rule.Evidence{Source: "pool", Text: pool.Name + ": " + strings.Join(used, ", ")})
		}
		evidence = append(evidence, rule.Evidence{Source: "pods", Text: pendingText(waiting)})
		f := poolFinding(pool, "the NodePool may not grow any more: its limit is reached",
			"raise spec.limits of the NodePool, or allow smaller VM types", evidence...)
		f.Subject.Since, f.Confidence = waiting[0].Since, confidence
		out.Findings = append(out.Findings, f)
	}
	return out
}

// waitingFor are the pending pods that Karpenter refuses for the limit of a NodePool, with what it says, and those of
// which it says nothing.
func waitingFor(w *rule.World, pool *karpv1.NodePool) (refused, unexplained []rule.Ref, evidence []rule.Evidence) {
	for _, pod := range w.Pending() {
		event, ok := w.Said(pod.Name)
		switch {
		case ok && w.OverLimit(event) && w.NamesPool(event, pool.Name):
			refused, evidence = append(refused, pod), []rule.Evidence{facts.Event(event)}
		case !ok && !w.Early(pod.Since):
			unexplained = append(unexplained, pod)
		}
	}
	return refused, unexplained, evidence
}

// usedUp are the limits of a NodePool that have nothing left.
func usedUp(pool *karpv1.NodePool) []string {
	var out []string
	for name, limit := range pool.Spec.Limits {
		if used, ok := pool.Status.Resources[name]; ok && used.Cmp(limit) >= 0 {
			out = append(out, fmt.Sprintf("%s %s of %s", name, used.String(), limit.String()))
		}
	}
	slices.Sort(out)
	return out
}

func notReadyPools(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		var since metav1.Time
		var texts []string
		ready := true
		for _, condition := range pool.Status.Conditions {
			switch {
			case condition.Status != metav1.ConditionFalse:
			case condition.Type == "Ready":
				ready, since = false, condition.LastTransitionTime
			case condition.Type == karpv1.ConditionTypeValidationSucceeded || condition.Type == karpv1.ConditionTypeNodeClassReady:
				texts = append(texts, condition.Type+"=False "+condition.Reason+": "+condition.Message)
			}
		}
		if ready {
			continue
		}
		slices.Sort(texts)
		text := pool.Name + ": Ready=False"
		if len(texts) > 0 {
			text = pool.Name + ": " + strings.Join(texts, "; ")
		}
		f := poolFinding(pool, "Karpenter leaves the NodePool out: its condition Ready is false",
			"correct what the message names: nothing is launched from the NodePool before",
			rule.Evidence{Source: "pool", Text: facts.Short(text), At: since.UTC()})
		f.Subject.Since = since.UTC()
		out.Findings = append(out.Findings, f)
	}
	return out
}

// poolsWithoutTypes are those of which Karpenter says that its requirements leave no instance type.
func poolsWithoutTypes(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		events := w.EventsOf("NodePool", pool.Name, "NoCompatibleInstanceTypes")
		events = slices.DeleteFunc(events, func(e corev1.Event) bool {
			return w.Since(snapshot.Seen(e)) > facts.LookBack || w.LaunchedSince(pool.Name, snapshot.Seen(e))
		})
		if len(events) == 0 || !w.Wanting() {
			continue
		}
		last := events[len(events)-1]
		f := poolFinding(pool, "the requirements of the NodePool leave no VM type that can be had",
			"compare them with kubectl kpo types: a type without capacity or quota is left out for some minutes",
			facts.Event(last))
		f.Next, f.Subject.Since = "kubectl kpo types", snapshot.Seen(events[0]).UTC()
		if pods := w.Pending(); len(pods) > 0 {
			f.Evidence = append(f.Evidence, rule.Evidence{Source: "pods", Text: pendingText(pods)})
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

func noPool(w *rule.World) rule.Verdict {
	if len(w.NodePools) > 0 {
		return rule.Verdict{}
	}
	f := rule.Finding{
		Subject: w.ClusterRef(), Confidence: rule.Certain, Cause: "the cluster has no NodePool: Karpenter launches nothing",
		Next: "kubectl get nodepools", Fix: "create a NodePool and an OutscaleNodeClass: docs/install.md has an example",
	}
	if pods := w.Pending(); len(pods) > 0 {
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "pods", Text: pendingText(pods)})
	}
	return rule.Verdict{Findings: []rule.Finding{f}}
}

// pendingText says how many pods wait, and which is the first.
func pendingText(pods []rule.Ref) string {
	if len(pods) == 1 {
		return "1 pod is pending: " + pods[0].Name
	}
	return fmt.Sprintf("%d pods are pending, first %s", len(pods), pods[0].Name)
}
