package diagnose

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

func poolChecks() []Check {
	pools := []fleet.Source{fleet.SourceNodePools}
	pods := []fleet.Source{fleet.SourceNodePools, fleet.SourcePods, fleet.SourceEvents, fleet.SourceNodeClaims}
	return []Check{
		{ID: "KPO113", Title: "NodePool at its limit", Severity: Error, Needs: pods, Find: poolsAtLimit},
		{
			ID: "KPO114", Title: "NodePool not Ready", Severity: Error, Needs: pools, Find: notReadyPools,
			ExplainedBy: []string{"KPO101", "KPO105", "KPO109"},
		},
		{
			ID: "KPO115", Title: "no VM type fits the NodePool", Severity: Error, Needs: pods, Find: poolsWithoutTypes,
			ExplainedBy: []string{"KPO101", "KPO102", "KPO103", "KPO105", "KPO109", "KPO113", "KPO114"},
		},
		{ID: "KPO116", Title: "no NodePool", Severity: Warning, Needs: pools, Find: noPool},
	}
}

func poolFinding(pool *karpv1.NodePool, cause, fix string, evidence ...Evidence) Finding {
	return Finding{
		Subject: Ref{Kind: "NodePool", Name: pool.Name}, Confidence: Certain, Cause: cause, Fix: fix, Evidence: evidence,
		Next: "kubectl describe nodepool " + pool.Name,
	}
}

// poolsAtLimit are those that keep pods from getting a node: a limit that nothing needs more of is no trouble.
func poolsAtLimit(w *World) Verdict {
	var out Verdict
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		refused, unexplained, evidence := w.waitingFor(pool)
		used, confidence, waiting := usedUp(pool), Certain, refused
		if len(refused) == 0 && len(used) > 0 {
			confidence, waiting = Likely, unexplained // the pods may want something else, too
		}
		if len(waiting) == 0 {
			continue
		}
		if len(used) > 0 {
			evidence = append(evidence, Evidence{Source: "pool", Text: pool.Name + ": " + strings.Join(used, ", ")})
		}
		evidence = append(evidence, Evidence{Source: "pods", Text: pendingText(waiting)})
		f := poolFinding(pool, "the NodePool may not grow any more: its limit is reached",
			"raise spec.limits of the NodePool, or allow smaller VM types", evidence...)
		f.Subject.Since, f.Confidence = waiting[0].Since, confidence
		out.Findings = append(out.Findings, f)
	}
	return out
}

// waitingFor are the pending pods that Karpenter refuses for the limit of a NodePool, with what it says, and those of
// which it says nothing.
func (w *World) waitingFor(pool *karpv1.NodePool) (refused, unexplained []Ref, evidence []Evidence) {
	for _, pod := range w.pending() {
		event, ok := w.said(pod.Name)
		switch {
		case ok && limited(event) && namesPool(event.Message, pool.Name):
			refused, evidence = append(refused, pod), []Evidence{evidenceOf(event)}
		case !ok && w.since(pod.Since) >= pendingPatience:
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

func notReadyPools(w *World) Verdict {
	var out Verdict
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
			Evidence{Source: "pool", Text: short(text), At: since.UTC()})
		f.Subject.Since = since.UTC()
		out.Findings = append(out.Findings, f)
	}
	return out
}

// poolsWithoutTypes are those of which Karpenter says that its requirements leave no instance type.
func poolsWithoutTypes(w *World) Verdict {
	var out Verdict
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		events := w.eventsOf("NodePool", pool.Name, "NoCompatibleInstanceTypes")
		events = slices.DeleteFunc(events, func(e corev1.Event) bool {
			return w.since(fleet.Seen(e)) > lookBack || w.launchedSince(pool.Name, fleet.Seen(e))
		})
		if len(events) == 0 || !w.wanting() {
			continue
		}
		last := events[len(events)-1]
		f := poolFinding(pool, "the requirements of the NodePool leave no VM type that can be had",
			"compare them with kubectl kpo types: a type without capacity or quota is left out for some minutes",
			evidenceOf(last))
		f.Next, f.Subject.Since = "kubectl kpo types", fleet.Seen(events[0]).UTC()
		if pods := w.pending(); len(pods) > 0 {
			f.Evidence = append(f.Evidence, Evidence{Source: "pods", Text: pendingText(pods)})
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

func noPool(w *World) Verdict {
	if len(w.NodePools) > 0 {
		return Verdict{}
	}
	f := Finding{
		Subject: w.clusterRef(), Confidence: Certain, Cause: "the cluster has no NodePool: Karpenter launches nothing",
		Next: "kubectl get nodepools", Fix: "create a NodePool and an OutscaleNodeClass: docs/install.md has an example",
	}
	if pods := w.pending(); len(pods) > 0 {
		f.Evidence = append(f.Evidence, Evidence{Source: "pods", Text: pendingText(pods)})
	}
	return Verdict{Findings: []Finding{f}}
}

// wanting reports whether anything waits for a launch, as far as was read: a refusal that nothing waits on is over.
func (w *World) wanting() bool {
	for _, source := range []fleet.Source{fleet.SourcePods, fleet.SourceNodeClaims} {
		if w.Why(source) != "" {
			return true
		}
	}
	return len(w.pending()) > 0 || slices.ContainsFunc(w.machines, func(m fleet.Machine) bool {
		return m.Phase() == fleet.PhaseLaunching || m.Claim != nil && fleet.IsTrue(m.Condition(karpv1.ConditionTypeDrifted))
	})
}
