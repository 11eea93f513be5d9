// Package draining knows what keeps a node from being drained, by the rules of Karpenter and of the eviction API.
package draining

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// stuckAfter is how long after its end a pod that is being deleted still counts (IsStuckTerminating in Karpenter's
// pkg/utils/pod/scheduling.go).
const stuckAfter = time.Minute

// podName names a pod.
func podName(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

// waitedFor are the pods of a node that a drain waits for: all but those that ended, tolerate the taint of the drain, or
// are the node's own (IsWaitingEviction and IsDrainable in Karpenter's pkg/utils/pod/scheduling.go).
func waitedFor(w *rule.World, node string) []*corev1.Pod {
	var out []*corev1.Pod
	for i := range w.Pods {
		pod := &w.Pods[i]
		ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		stuck := pod.DeletionTimestamp != nil && w.Since(pod.DeletionTimestamp.Time) > stuckAfter
		if pod.Spec.NodeName == node && !ended && !stuck && !toleratesDrain(pod) && !isMirror(pod) {
			out = append(out, pod)
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return strings.Compare(podName(a), podName(b)) })
	return slices.CompactFunc(out, func(a, b *corev1.Pod) bool { return podName(a) == podName(b) })
}

// isMirror reports whether the kubelet made the pod from a file: the API server cannot evict it.
func isMirror(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == "Node" })
}

// toleratesDrain reports whether the pod stays on a node that is drained. ToleratesTaint of corev1 wants a logger.
func toleratesDrain(pod *corev1.Pod) bool {
	taint := karpv1.DisruptedNoScheduleTaint
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		value := t.Operator == corev1.TolerationOpExists ||
			(t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == taint.Value
		return value && (t.Key == "" || t.Key == taint.Key) && (t.Effect == "" || t.Effect == taint.Effect)
	})
}

// Pinned is a pod that Karpenter may not evict.
type Pinned struct {
	*corev1.Pod
	// until is when it may, zero where that is not known: not before the pod ends, or some time after it has started.
	until time.Time
}

// pinned reports whether the annotation do-not-disrupt holds (IsDoNotDisruptActive in pkg/utils/pod/scheduling.go).
func pinned(w *rule.World, pod *corev1.Pod) (Pinned, bool) {
	value := pod.Annotations[karpv1.DoNotDisruptAnnotationKey]
	if value == "true" {
		return Pinned{Pod: pod}, true
	}
	bound, err := time.ParseDuration(value)
	if err != nil || bound <= 0 {
		return Pinned{}, false
	}
	if pod.Status.StartTime == nil {
		return Pinned{Pod: pod}, true
	}
	until := pod.Status.StartTime.Add(bound)
	return Pinned{Pod: pod, until: until.UTC()}, w.TakenAt.Before(until)
}

// PinnedOn are the pods that keep a node although nothing but Karpenter itself forbids to evict them.
func PinnedOn(w *rule.World, node string) []Pinned {
	var out []Pinned
	for _, pod := range waitedFor(w, node) {
		if p, ok := pinned(w, pod); ok && pod.DeletionTimestamp == nil {
			out = append(out, p)
		}
	}
	return out
}

// Evidence quotes the annotation.
func (p Pinned) Evidence() rule.Evidence {
	text := podName(p.Pod) + ": " + karpv1.DoNotDisruptAnnotationKey + "=" + p.Annotations[karpv1.DoNotDisruptAnnotationKey]
	if !p.until.IsZero() {
		text += ", until " + p.until.Format(time.RFC3339)
	}
	return rule.Evidence{Source: "pod", Text: text}
}

// PinEnd returns when the last of the pods may be evicted, zero where one of them names no time.
func PinEnd(pods []Pinned) time.Time {
	var end time.Time
	for _, pod := range pods {
		if pod.until.IsZero() {
			return time.Time{}
		}
		if pod.until.After(end) {
			end = pod.until
		}
	}
	return end
}

// Blocking is a PodDisruptionBudget that forbids to evict pods.
type Blocking struct {
	*policyv1.PodDisruptionBudget
	pods []string
}

// covering are the PodDisruptionBudgets of a pod.
func covering(w *rule.World, pod *corev1.Pod) []*policyv1.PodDisruptionBudget {
	var out []*policyv1.PodDisruptionBudget
	for i := range w.Budgets {
		budget := &w.Budgets[i]
		if budget.Namespace != pod.Namespace || budget.Spec.Selector == nil {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(pod.Labels)) {
			out = append(out, budget)
		}
	}
	slices.SortFunc(out, func(a, b *policyv1.PodDisruptionBudget) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// evictable are the pods of a node whose eviction the budgets decide: a pod that has not started or is being deleted is
// evicted without a look at them (canIgnorePDB in pkg/registry/core/pod/storage/eviction.go of Kubernetes).
func evictable(w *rule.World, node string) []*corev1.Pod {
	return slices.DeleteFunc(waitedFor(w, node), func(p *corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodPending
	})
}

// BudgetsOn are the budgets that keep pods of the node from being evicted. A pod that has two is a matter of its own.
func BudgetsOn(w *rule.World, node string) []Blocking {
	var out []Blocking
	for _, pod := range evictable(w, node) {
		budgets := covering(w, pod)
		if len(budgets) != 1 || !forbids(budgets[0], pod) {
			continue
		}
		i := slices.IndexFunc(out, func(b Blocking) bool { return b.PodDisruptionBudget == budgets[0] })
		if i < 0 {
			i, out = len(out), append(out, Blocking{PodDisruptionBudget: budgets[0]})
		}
		out[i].pods = append(out[i].pods, podName(pod))
	}
	return out
}

// forbids reports whether the budget refuses the eviction of the pod now. One of a pod that is not Ready it may let pass
// (checkAndDecrement and its callers in eviction.go).
func forbids(budget *policyv1.PodDisruptionBudget, pod *corev1.Pod) bool {
	status := budget.Status
	if status.DisruptionsAllowed > 0 {
		return false
	}
	notReady := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status != corev1.ConditionTrue
	})
	always := budget.Spec.UnhealthyPodEvictionPolicy != nil && *budget.Spec.UnhealthyPodEvictionPolicy == policyv1.AlwaysAllow
	return !notReady || !always && (status.CurrentHealthy < status.DesiredHealthy || status.DesiredHealthy == 0)
}

// FullName is the name of the budget with its namespace.
func (b Blocking) FullName() string { return b.Namespace + "/" + b.Name }

// Evidence quotes the budget, and names the pods that it covers.
func (b Blocking) Evidence() []rule.Evidence {
	budget := rule.Evidence{Source: "pdb", Text: fmt.Sprintf("%s: %d of %d wanted healthy, disruptionsAllowed=0",
		b.FullName(), b.Status.CurrentHealthy, b.Status.DesiredHealthy)}
	return []rule.Evidence{budget, {Source: "pod", Text: facts.Short(strings.Join(b.pods, ", "))}}
}

// Since is when the budget began to forbid, zero where it does not say.
func (b Blocking) Since() time.Time {
	for _, condition := range b.Status.Conditions {
		if condition.Type == policyv1.DisruptionAllowedCondition && condition.Status == metav1.ConditionFalse {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// Doubled is a pod with several budgets: the API server refuses to evict it, whatever they allow ("This pod has more than
// one PodDisruptionBudget, which the eviction subresource does not support" in eviction.go).
type Doubled struct {
	Pod     string
	Budgets []string
}

// DoubledOn returns the pods of a node that have several budgets.
func DoubledOn(w *rule.World, node string) []Doubled {
	var out []Doubled
	for _, pod := range evictable(w, node) {
		if budgets := covering(w, pod); len(budgets) > 1 {
			d := Doubled{Pod: podName(pod)}
			for _, budget := range budgets {
				d.Budgets = append(d.Budgets, budget.Namespace+"/"+budget.Name)
			}
			out = append(out, d)
		}
	}
	return out
}

// Cause says why the pod is not evicted.
func (d Doubled) Cause() string {
	return "PodDisruptionBudgets " + strings.Join(d.Budgets, " and ") +
		" cover one pod: the API server refuses to evict it as long as more than one does"
}

// What helps.
const (
	DoubledFix = "leave one of the PodDisruptionBudgets, or narrow their selectors"
	BudgetFix  = "let the workload become healthy, or allow a disruption in the budget"
)

// LeftOn is evidence of the pods that a drain still waits for.
func LeftOn(w *rule.World, m snapshot.Machine) []rule.Evidence {
	if m.Node == nil || w.Why(snapshot.SourcePods) != "" {
		return nil
	}
	var names []string
	for _, pod := range waitedFor(w, m.Node.Name) {
		names = append(names, podName(pod))
	}
	if len(names) == 0 {
		return nil
	}
	return []rule.Evidence{{Source: "pod", Text: facts.Short("still there: " + strings.Join(names, ", "))}}
}
