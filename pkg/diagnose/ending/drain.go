package ending

import (
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/draining"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
)

func blockedByBudget(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range drains(w) {
		for _, budget := range draining.BudgetsOn(w, m.Node.Name) {
			f := terminating(m, "PodDisruptionBudget "+budget.FullName()+" allows no disruption", draining.BudgetFix)
			if since := budget.Since().UTC(); since.After(f.Subject.Since) {
				f.Subject.Since = since
			}
			if w.Early(f.Subject.Since) {
				continue
			}
			f.Evidence = append(f.Evidence, budget.Evidence()...)
			f.Next = "kubectl get pdb -n " + budget.Namespace + " " + budget.Name + " -o yaml"
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}

func blockedByTwoBudgets(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range drains(w) {
		for _, d := range draining.DoubledOn(w, m.Node.Name) {
			f := terminating(m, d.Cause(), draining.DoubledFix)
			f.Evidence = append(f.Evidence,
				rule.Evidence{Source: "pod", Text: d.Pod}, rule.Evidence{Source: "pdb", Text: facts.Short(strings.Join(d.Budgets, ", "))})
			namespace, _, _ := strings.Cut(d.Pod, "/")
			f.Next = "kubectl get pdb -n " + namespace
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}

func blockedByAnnotation(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range drains(w) {
		pods := draining.PinnedOn(w, m.Node.Name)
		if len(pods) == 0 {
			continue
		}
		f := terminating(m, "a pod has the annotation karpenter.sh/do-not-disrupt: the node waits until it ends", "let the pod end, or delete it")
		if end := draining.PinEnd(pods); !end.IsZero() {
			f.Cause = "a pod has the annotation karpenter.sh/do-not-disrupt with a duration: the node waits until that is over"
			f.Fix = "wait until then, or delete the pod"
			if f.Deadline.IsZero() || end.Before(f.Deadline) {
				f.Deadline, f.Consequence = end, "Karpenter may evict the pod"
			}
		}
		for _, pod := range pods {
			f.Evidence = append(f.Evidence, pod.Evidence())
		}
		f.Next = "kubectl get pod -n " + pods[0].Namespace + " " + pods[0].Name
		out.Findings = append(out.Findings, f)
	}
	return out
}
