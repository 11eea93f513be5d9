package running

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/certificates"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// notReadyPatience is longer than a kubelet's restart.
const notReadyPatience = time.Minute

func nodeNotReady(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseRunning) {
		ready := snapshot.Ready(m.Node)
		if m.Node == nil || ready.Status == corev1.ConditionTrue || w.Early(ready.LastTransitionTime.Time) {
			continue
		}
		f := rule.Finding{
			Subject: facts.NodeRef(m, ready.LastTransitionTime.Time), Confidence: rule.Certain, Cause: notReadyCause(ready),
			Evidence: append([]rule.Evidence{facts.Ready(ready)}, facts.VM(w, m)...),
			Next:     "kubectl kpo console " + m.Node.Name, Fix: "the end of the console shows whether the machine hangs, is out of memory, or lost its network",
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// notReadyCause says who says that a node is not Ready: its kubelet, or the node controller because the kubelet is silent.
func notReadyCause(ready corev1.NodeCondition) string {
	if ready.Status == corev1.ConditionUnknown || ready.Status == "" {
		return "the kubelet does not report: " + cmp.Or(ready.Reason, "the Node has no condition Ready")
	}
	return "the kubelet reports that the node is not Ready: " + ready.Reason
}

// joined are machines whose Node has registered, and that are not being deleted.
func joined(w *rule.World) []snapshot.Machine {
	return slices.DeleteFunc(slices.Clone(w.Machines()), func(m snapshot.Machine) bool {
		phases := []snapshot.Phase{snapshot.PhaseInitializing, snapshot.PhaseRunning, snapshot.PhaseRebooting}
		return m.Node == nil || m.Claim == nil || !slices.Contains(phases, m.Phase())
	})
}

// silentSince is since when the Node is not Ready: the age of a Node says nothing about the end of its VM.
func silentSince(node *corev1.Node) time.Time {
	if ready := snapshot.Ready(node); ready.Status != corev1.ConditionTrue {
		return ready.LastTransitionTime.Time
	}
	return time.Time{}
}

func vmGone(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range joined(w) {
		cause := ""
		switch {
		case m.VM == nil:
			cause = "Outscale does not know the VM of the Node"
		case m.VM.Core().Leaving():
			cause = "the VM of the Node is " + m.VM.State
		default:
			continue
		}
		f := rule.Finding{
			Subject: facts.NodeRef(m, silentSince(m.Node)), Confidence: rule.Certain, Cause: cause + ", and Karpenter did not do it",
			Evidence: []rule.Evidence{{Source: "claim", Text: m.Claim.Name + " names " + m.Claim.Status.ProviderID}},
			Next:     "kubectl get nodeclaim " + m.Claim.Name,
			Fix: "Karpenter replaces the node by itself a few minutes after its Node stops being Ready; if the NodeClaim is still there " +
				"10 minutes after that, read the controller's log; ReadApiLogs shows who deleted the VM",
		}
		f.Evidence = append(f.Evidence, stateReason(m)...)
		out.Findings = append(out.Findings, contradicted(m, f))
	}
	return out
}

func stateReason(m snapshot.Machine) []rule.Evidence {
	if m.VM == nil || m.VM.StateReason == "" {
		return nil
	}
	return []rule.Evidence{{Source: "vm", Text: m.VM.ID + ": " + m.VM.StateReason}}
}

// vmStopped is no vmGone: a stopped VM still exists, so that Karpenter does not take its node for gone.
func vmStopped(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range joined(w) {
		if m.VM == nil || !slices.Contains([]string{vm.StateStopped, vm.StateStopping, vm.StateQuarantine}, m.VM.State) {
			continue
		}
		f := rule.Finding{
			Subject: facts.NodeRef(m, silentSince(m.Node)), Confidence: rule.Certain, Cause: "the VM of the Node is " + m.VM.State + ", and Karpenter did not do it",
			Evidence: append([]rule.Evidence{{Source: "vm", Text: m.VM.ID + " " + m.VM.State}}, stateReason(m)...),
		}
		afterStop(&f, m)
		out.Findings = append(out.Findings, f)
	}
	return out
}

// contradicted is vmGone's finding about a VM that Outscale does not know while its kubelet reports: one of the two is
// wrong, and the Node follows within a minute if it is Outscale that is right.
func contradicted(m snapshot.Machine, f rule.Finding) rule.Finding {
	ready := snapshot.Ready(m.Node)
	if m.VM != nil || ready.Status != corev1.ConditionTrue {
		return f
	}
	f.Confidence, f.Cause = rule.Possible, "Outscale does not know the VM of the Node, and the Node is Ready"
	f.Evidence = append(f.Evidence, facts.Ready(ready))
	f.Next = "kubectl kpo doctor " + m.Node.Name
	f.Fix = "wait a minute: the Node of a VM that is gone stops being Ready; one that stays Ready runs in another account or region"
	return f
}

func inconsistent(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Machines() {
		condition := m.Condition(karpv1.ConditionTypeConsistentStateFound)
		if condition.Status != "False" {
			continue
		}
		f := rule.Finding{
			Subject: facts.ClaimRef(m, condition.LastTransitionTime.Time), Confidence: rule.Certain, Cause: "the node has less than its NodeClaim promised, so that pods may never fit",
			Evidence: []rule.Evidence{{Source: "claim", Text: facts.Short("ConsistentStateFound=False " + condition.Reason + ": " + condition.Message), At: condition.LastTransitionTime.UTC()}},
			Next:     "kubectl describe nodeclaim " + m.Claim.Name, Fix: "compare capacity of NodeClaim and Node; set kubelet sizes in the NodeClass, not in the worker config",
		}
		for _, event := range w.EventsOf("NodeClaim", m.Claim.Name, "FailedConsistencyCheck") {
			f.Evidence = append(f.Evidence, facts.Event(event))
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// blockedPool are the events that say that a budget of the NodePool allows no disruption, or none of drifted nodes
// (NodePoolBlocked and NodePoolBlockedForDisruptionReason in pkg/controllers/disruption/events/events.go).
func blockedPool(w *rule.World, pool string, within time.Duration) []corev1.Event {
	return slices.DeleteFunc(w.EventsOf("NodePool", pool, "DisruptionBlocked"), func(e corev1.Event) bool {
		otherReason := strings.Contains(e.Message, "disruption reason") && !strings.Contains(e.Message, string(karpv1.DisruptionReasonDrifted))
		return w.Since(snapshot.Seen(e)) > within || otherReason
	})
}

func driftBlocked(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Machines() {
		drifted := m.Condition(karpv1.ConditionTypeDrifted)
		// While it reboots, that is what keeps Karpenter from replacing the node.
		if m.Claim == nil || !snapshot.IsTrue(drifted) || m.Phase() == snapshot.PhaseTerminating || m.Phase() == snapshot.PhaseRebooting || w.Early(drifted.LastTransitionTime.Time) {
			continue
		}
		blocked := w.EventsOf("NodeClaim", m.Claim.Name, "DisruptionBlocked")
		if m.Node != nil {
			blocked = append(blocked, w.EventsOf("Node", m.Node.Name, "DisruptionBlocked")...)
		}
		blocked = slices.DeleteFunc(blocked, func(e corev1.Event) bool { return w.Since(snapshot.Seen(e)) > facts.LookBack })
		blocked = append(blocked, blockedPool(w, m.Claim.Labels[karpv1.NodePoolLabelKey], facts.LookBack)...)
		if len(blocked) == 0 {
			continue
		}
		out.Findings = append(out.Findings, rule.Finding{
			Subject: facts.ClaimRef(m, drifted.LastTransitionTime.Time), Confidence: rule.Certain, Cause: "the node differs from its NodeClass or NodePool, and may not be disrupted",
			Evidence: []rule.Evidence{
				{Source: "claim", Text: "Drifted=True " + drifted.Reason, At: drifted.LastTransitionTime.UTC()}, facts.Event(blocked[len(blocked)-1]),
			},
			Next: "kubectl describe nodeclaim " + m.Claim.Name, Fix: "remove what blocks it: a budget of the NodePool, a PodDisruptionBudget, or karpenter.sh/do-not-disrupt",
		})
	}
	return out
}

// afterStop says what becomes of a node whose VM is stopped: the interruption controller replaces it, unless it is told
// not to.
func afterStop(f *rule.Finding, m snapshot.Machine) {
	key := karpv1.DoNotRepairAnnotationKey
	if m.Node.Annotations[key] == "true" || m.Claim.Annotations[key] == "true" {
		f.Fix = key + " keeps the node as it is: start the VM in Outscale, or delete the NodeClaim and its " +
			"pods get another node; ReadApiLogs shows who stopped it"
		f.Next = "kubectl delete nodeclaim " + m.Claim.Name
		return
	}
	f.Fix = "the controller replaces the node about a minute after it is not Ready any more; act only if it is still there after " +
		"5 minutes: start the VM in Outscale, or delete the NodeClaim. ReadApiLogs shows who stopped it"
	f.Next = "kubectl describe nodeclaim " + m.Claim.Name
}

// servingCertificates are those without which the API server does not get logs and metrics from a kubelet.
func servingCertificates(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Machines() {
		csr, ok := certificates.RequestOf(w, m, certificates.Serving)
		cause, since := certificates.Stuck(csr)
		if !ok || m.Node == nil || cause == "" || w.Early(since) {
			continue
		}
		out.Findings = append(out.Findings, rule.Finding{
			Subject: facts.NodeRef(m, since), Confidence: rule.Certain,
			Cause:    "the kubelet asked for its serving certificate, and " + cause + ": kubectl logs, exec and metrics fail on the node",
			Evidence: []rule.Evidence{certificates.Evidence(csr)}, Next: "kubectl describe csr " + csr.Name,
			Fix: "run an approver for signer kubernetes.io/kubelet-serving (Kubernetes has none), or take rotate-server-certificates " +
				"off the kubelet",
		})
	}
	return out
}
