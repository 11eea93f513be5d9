package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

const (
	// sayAgain is how often Karpenter says of a pod that it cannot place it: every 5 minutes
	// (PodFailedToScheduleEvent in pkg/controllers/provisioning/scheduling/events.go), and a minute for its next look.
	sayAgain = 6 * time.Minute
	// pendingPatience is how long Karpenter takes to launch something for a pod.
	pendingPatience = time.Minute
	// startPatience is how long that takes to start.
	startPatience = 5 * time.Minute
)

func pendingChecks() []Check {
	pods := []fleet.Source{fleet.SourcePods, fleet.SourceNodeClaims, fleet.SourceNodePools}
	var earlier []string
	for _, family := range [][]Check{
		launchChecks(), bootChecks(), registerChecks(), initializeChecks(), poolChecks(), fleetChecks(),
	} {
		for _, check := range family {
			earlier = append(earlier, check.ID)
		}
	}
	return []Check{
		{
			ID: "KPO111", Title: "no node for pods", Severity: Error, Needs: append(pods, fleet.SourceEvents), Find: unplaced,
			ExplainedBy: []string{"KPO101", "KPO102", "KPO103", "KPO105", "KPO106", "KPO107", "KPO113", "KPO603"},
		},
		{ID: "KPO112", Title: "pods pending", Severity: Warning, Needs: pods, Find: waitingPods, ExplainedBy: earlier},
	}
}

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

// pending are the pods without a node, each once.
func (w *World) pending() []Ref {
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

// pendingText says how many pods wait, and which is the first.
func pendingText(pods []Ref) string {
	if len(pods) == 1 {
		return "1 pod is pending: " + pods[0].Name
	}
	return fmt.Sprintf("%d pods are pending, first %s", len(pods), pods[0].Name)
}

// said is what Karpenter says of a pod that it cannot place, unless something was launched since: that may be for it.
func (w *World) said(pod string) (corev1.Event, bool) {
	_, name, _ := strings.Cut(pod, "/")
	events := w.eventsOf("Pod", name, "FailedScheduling")
	for _, event := range slices.Backward(events) {
		if event.InvolvedObject.Namespace+"/"+name != pod || w.since(fleet.Seen(event)) > sayAgain {
			continue
		}
		return event, !slices.ContainsFunc(w.startingMachines(), func(m fleet.Machine) bool {
			return m.CreatedAt().After(fleet.Seen(event))
		})
	}
	return corev1.Event{}, false
}

func (w *World) startingMachines() []fleet.Machine {
	return slices.Concat(w.in(fleet.PhaseLaunching), w.in(fleet.PhaseRegistering), w.in(fleet.PhaseInitializing))
}

// unplaced are the pods for which Karpenter says that it has no node, grouped by why.
func unplaced(w *World) Verdict {
	var out Verdict
	for _, pod := range w.pending() {
		event, ok := w.said(pod.Name)
		if !ok {
			continue
		}
		namespace, name, _ := strings.Cut(pod.Name, "/")
		f := Finding{
			Subject: pod, Confidence: Certain, Cause: "no VM type that a NodePool allows suits the pod",
			Evidence: []Evidence{evidenceOf(event)}, Next: "kubectl describe pod -n " + namespace + " " + name,
			Fix: "compare what the message names with the pod's requests, selectors and tolerations, " +
				"and with the NodePool's requirements and taints",
		}
		if limited(event) {
			f.Cause, f.Fix = "every VM type for the pod exceeds a limit of its NodePool", "raise spec.limits of the NodePool"
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// limited reports whether Karpenter refuses for a NodePool's limit
// (pkg/controllers/provisioning/scheduling/scheduler.go).
func limited(event corev1.Event) bool {
	return strings.Contains(event.Message, "exceed limits for nodepool")
}

// namesPool reports whether a message of the scheduler names the NodePool, as (NodePool=default) or in JSON.
func namesPool(message, pool string) bool {
	for _, form := range []string{
		"NodePool=" + pool + ")", "NodePool=" + pool + ",", `"NodePool":"` + pool + `"`, `NodePool="` + pool + `"`,
	} {
		if strings.Contains(message, form) {
			return true
		}
	}
	return false
}

// waitingPods are those of which Karpenter says nothing, and for which nothing starts in time.
func waitingPods(w *World) Verdict {
	var out Verdict
	patience := pendingPatience
	if len(w.startingMachines()) > 0 {
		patience = startPatience
	}
	for _, pod := range w.pending() {
		if _, ok := w.said(pod.Name); ok || w.since(pod.Since) < patience {
			continue
		}
		namespace, name, _ := strings.Cut(pod.Name, "/")
		out.Findings = append(out.Findings, Finding{
			Subject: pod, Confidence: Possible,
			Cause: "the scheduler finds no node for the pod, and Karpenter does not say why it makes none",
			Next:  "kubectl describe pod -n " + namespace + " " + name,
			Fix:   "read the events of the pod; a pod that waits for a volume, or that no NodePool is for, gets no node of Karpenter",
		})
	}
	return out
}

// relatedToPod are the things whose trouble keeps a pod pending. A pod that no type suits has none but its own.
func (w *World) relatedToPod(pod string) []Ref {
	event, ok := w.said(pod)
	if ok && !limited(event) && !strings.Contains(event.Message, "offering") {
		return nil
	}
	var out []Ref
	for i := range w.NodePools {
		if name := w.NodePools[i].Name; !ok || !limited(event) || namesPool(event.Message, name) {
			out = append(out, w.partsOfPool(name)...)
		}
	}
	if !ok {
		for _, m := range w.startingMachines() {
			out = append(out, partsOf(m)...)
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
