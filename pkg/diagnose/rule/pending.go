package rule

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// sayAgain is how often Karpenter says of a pod that it cannot place it: every 5 minutes
// (PodFailedToScheduleEvent in pkg/controllers/provisioning/scheduling/events.go), and a minute for its next look.
const sayAgain = 6 * time.Minute

// unschedulable returns since when the scheduler finds no node for a pod.
func unschedulable(pod corev1.Pod) (time.Time, bool) {
	if pod.Spec.NodeName != "" || !pod.DeletionTimestamp.IsZero() {
		return time.Time{}, false
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse &&
			condition.Reason == corev1.PodReasonUnschedulable {
			return cmp.Or(condition.LastTransitionTime, pod.CreationTimestamp).Time, true
		}
	}
	return time.Time{}, false
}

// Pending returns the pods without a node, each once.
func (w *World) Pending() []Ref {
	var out []Ref
	for _, pod := range w.Pods {
		if since, ok := unschedulable(pod); ok {
			out = append(out, Ref{Kind: "Pod", Name: pod.Namespace + "/" + pod.Name, Since: since.UTC()})
		}
	}
	slices.SortFunc(out, func(a, b Ref) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(out)
}

// Said returns what Karpenter says of a pod that it cannot place, unless something was launched since: that may be for it.
func (w *World) Said(pod string) (corev1.Event, bool) {
	_, name, _ := strings.Cut(pod, "/")
	events := w.EventsOf("Pod", name, "FailedScheduling")
	for _, event := range slices.Backward(events) {
		if event.InvolvedObject.Namespace+"/"+name != pod || w.Since(snapshot.Seen(event)) > sayAgain {
			continue
		}
		return event, !slices.ContainsFunc(w.Starting(), func(m snapshot.Machine) bool {
			return m.CreatedAt().After(snapshot.Seen(event))
		})
	}
	return corev1.Event{}, false
}

// OverLimit reports whether Karpenter refuses a pod for a NodePool's limit
// (pkg/controllers/provisioning/scheduling/scheduler.go).
func (*World) OverLimit(event corev1.Event) bool {
	return strings.Contains(event.Message, "exceed limits for nodepool")
}

// NamesPool reports whether an event of the scheduler names the NodePool, as (NodePool=default) or in JSON.
func (*World) NamesPool(event corev1.Event, pool string) bool {
	for _, form := range []string{
		"NodePool=" + pool + ")", "NodePool=" + pool + ",", `"NodePool":"` + pool + `"`, `NodePool="` + pool + `"`,
	} {
		if strings.Contains(event.Message, form) {
			return true
		}
	}
	return false
}

// Wanting reports whether anything waits for a launch, as far as was read: a refusal that nothing waits on is over.
func (w *World) Wanting() bool {
	for _, source := range []snapshot.Source{snapshot.SourcePods, snapshot.SourceNodeClaims} {
		if w.Why(source) != "" {
			return true
		}
	}
	return len(w.Pending()) > 0 || slices.ContainsFunc(w.machines, func(m snapshot.Machine) bool {
		return m.Phase() == snapshot.PhaseLaunching || m.Claim != nil && snapshot.IsTrue(m.Condition(karpv1.ConditionTypeDrifted))
	})
}

// relatedToPod are the things whose trouble keeps a pod pending. A pod that no type suits has none but its own.
func (w *World) relatedToPod(pod string) []Ref {
	event, ok := w.Said(pod)
	if ok && !w.OverLimit(event) && !strings.Contains(event.Message, "offering") {
		return nil
	}
	var out []Ref
	for i := range w.NodePools {
		if name := w.NodePools[i].Name; !ok || !w.OverLimit(event) || w.NamesPool(event, name) {
			out = append(out, w.partsOfPool(name)...)
		}
	}
	if !ok {
		for _, m := range w.Starting() {
			out = append(out, PartsOf(m)...)
		}
	}
	return out
}

// partsOfPool are a NodePool and its NodeClass.
func (w *World) partsOfPool(name string) []Ref {
	i := slices.IndexFunc(w.NodePools, func(p karpv1.NodePool) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	out := []Ref{{Kind: "NodePool", Name: name}}
	if ref := w.NodePools[i].Spec.Template.Spec.NodeClassRef; ref != nil {
		out = append(out, Ref{Kind: "OutscaleNodeClass", Name: ref.Name})
	}
	return out
}
