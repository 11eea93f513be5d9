package diagnose

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// notReadyPatience is longer than a kubelet's restart.
	notReadyPatience = time.Minute
	// driftPatience is how long a replacement may take.
	driftPatience = 30 * time.Minute
)

func runningChecks() []Check {
	joined := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes}
	cloud := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes, fleet.SourceVMs}
	return []Check{
		{ID: "KPO401", Title: "node not Ready", Severity: Error, Needs: joined, Find: nodeNotReady, ExplainedBy: []string{"KPO402", "KPO411", "KPO412"}},
		{ID: "KPO402", Title: "VM gone, Node still there", Severity: Error, Needs: cloud, Find: vmGone},
		{ID: "KPO403", Title: "node smaller than promised", Severity: Warning, Needs: []fleet.Source{fleet.SourceNodeClaims}, Find: inconsistent},
		{ID: "KPO404", Title: "drifted and not replaced", Severity: Warning, Needs: []fleet.Source{fleet.SourceNodeClaims, fleet.SourceEvents}, Find: driftBlocked},
		{ID: "KPO412", Title: "VM stopped, Node still there", Severity: Error, Needs: cloud, Find: vmStopped},
		{
			ID: "KPO413", Title: "reboot loop", Severity: Error, Needs: append(joined, fleet.SourceEvents),
			Find: rebootsAgain, ExplainedBy: []string{"KPO401", "KPO402", "KPO411", "KPO412"},
		},
	}
}

func nodeNotReady(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseRunning) {
		ready := fleet.Ready(m.Node)
		if m.Node == nil || ready.Status == corev1.ConditionTrue || w.since(ready.LastTransitionTime.Time) < notReadyPatience {
			continue
		}
		f := Finding{
			Subject: nodeRef(m, ready.LastTransitionTime.Time), Confidence: Certain, Cause: notReadyCause(ready),
			Evidence: append([]Evidence{readyEvidence(ready)}, w.vmEvidence(m)...),
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
func (w *World) joined() []fleet.Machine {
	return slices.DeleteFunc(slices.Clone(w.machines), func(m fleet.Machine) bool {
		phases := []fleet.Phase{fleet.PhaseInitializing, fleet.PhaseRunning, fleet.PhaseRebooting}
		return m.Node == nil || m.Claim == nil || !slices.Contains(phases, m.Phase())
	})
}

// silentSince is since when the Node is not Ready: the age of a Node says nothing about the end of its VM.
func silentSince(node *corev1.Node) time.Time {
	if ready := fleet.Ready(node); ready.Status != corev1.ConditionTrue {
		return ready.LastTransitionTime.Time
	}
	return time.Time{}
}

func vmGone(w *World) Verdict {
	var out Verdict
	for _, m := range w.joined() {
		cause := ""
		switch {
		case m.VM == nil:
			cause = "Outscale does not know the VM of the Node"
		case m.VM.Core().Leaving():
			cause = "the VM of the Node is " + m.VM.State
		default:
			continue
		}
		f := Finding{
			Subject: nodeRef(m, silentSince(m.Node)), Confidence: Certain, Cause: cause + ", and Karpenter did not do it",
			Evidence: []Evidence{{Source: "claim", Text: m.Claim.Name + " names " + m.Claim.Status.ProviderID}},
			Next:     "kubectl get nodeclaim " + m.Claim.Name,
			Fix: "Karpenter replaces the node by itself a few minutes after its Node stops being Ready; if the NodeClaim is still there " +
				"10 minutes after that, read the controller's log; ReadApiLogs shows who deleted the VM",
		}
		f.Evidence = append(f.Evidence, stateReason(m)...)
		out.Findings = append(out.Findings, contradicted(m, f))
	}
	return out
}

func stateReason(m fleet.Machine) []Evidence {
	if m.VM == nil || m.VM.StateReason == "" {
		return nil
	}
	return []Evidence{{Source: "vm", Text: m.VM.ID + ": " + m.VM.StateReason}}
}

// vmStopped is no vmGone: a stopped VM still exists, so that Karpenter does not take its node for gone.
func vmStopped(w *World) Verdict {
	var out Verdict
	for _, m := range w.joined() {
		if m.VM == nil || !slices.Contains([]string{vm.StateStopped, vm.StateStopping, vm.StateQuarantine}, m.VM.State) {
			continue
		}
		f := Finding{
			Subject: nodeRef(m, silentSince(m.Node)), Confidence: Certain, Cause: "the VM of the Node is " + m.VM.State + ", and Karpenter did not do it",
			Evidence: append([]Evidence{{Source: "vm", Text: m.VM.ID + " " + m.VM.State}}, stateReason(m)...),
		}
		w.afterStop(&f, m)
		out.Findings = append(out.Findings, f)
	}
	return out
}

// contradicted is vmGone's finding about a VM that Outscale does not know while its kubelet reports: one of the two is
// wrong, and the Node follows within a minute if it is Outscale that is right.
func contradicted(m fleet.Machine, f Finding) Finding {
	ready := fleet.Ready(m.Node)
	if m.VM != nil || ready.Status != corev1.ConditionTrue {
		return f
	}
	f.Confidence, f.Cause = Possible, "Outscale does not know the VM of the Node, and the Node is Ready"
	f.Evidence = append(f.Evidence, readyEvidence(ready))
	f.Next = "kubectl kpo doctor " + m.Node.Name
	f.Fix = "wait a minute: the Node of a VM that is gone stops being Ready; one that stays Ready runs in another account or region"
	return f
}

func inconsistent(w *World) Verdict {
	var out Verdict
	for _, m := range w.machines {
		condition := m.Condition(karpv1.ConditionTypeConsistentStateFound)
		if condition.Status != "False" {
			continue
		}
		f := Finding{
			Subject: claimRef(m, condition.LastTransitionTime.Time), Confidence: Certain, Cause: "the node has less than its NodeClaim promised, so that pods may never fit",
			Evidence: []Evidence{{Source: "claim", Text: short("ConsistentStateFound=False " + condition.Reason + ": " + condition.Message), At: condition.LastTransitionTime.UTC()}},
			Next:     "kubectl describe nodeclaim " + m.Claim.Name, Fix: "compare capacity of NodeClaim and Node; set kubelet sizes in the NodeClass, not in the worker config",
		}
		for _, event := range w.eventsOf("NodeClaim", m.Claim.Name, "FailedConsistencyCheck") {
			f.Evidence = append(f.Evidence, evidenceOf(event))
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// blockedPool are the events that say that a budget of the NodePool allows no disruption, or none of drifted nodes
// (NodePoolBlocked and NodePoolBlockedForDisruptionReason in pkg/controllers/disruption/events/events.go).
func (w *World) blockedPool(pool string, within time.Duration) []corev1.Event {
	return slices.DeleteFunc(w.eventsOf("NodePool", pool, "DisruptionBlocked"), func(e corev1.Event) bool {
		otherReason := strings.Contains(e.Message, "disruption reason") && !strings.Contains(e.Message, string(karpv1.DisruptionReasonDrifted))
		return w.since(fleet.Seen(e)) > within || otherReason
	})
}

func driftBlocked(w *World) Verdict {
	var out Verdict
	for _, m := range w.machines {
		drifted := m.Condition(karpv1.ConditionTypeDrifted)
		// While it reboots, that is what keeps Karpenter from replacing the node.
		if m.Claim == nil || !fleet.IsTrue(drifted) || m.Phase() == fleet.PhaseTerminating || m.Phase() == fleet.PhaseRebooting || w.since(drifted.LastTransitionTime.Time) < driftPatience {
			continue
		}
		blocked := w.eventsOf("NodeClaim", m.Claim.Name, "DisruptionBlocked")
		if m.Node != nil {
			blocked = append(blocked, w.eventsOf("Node", m.Node.Name, "DisruptionBlocked")...)
		}
		blocked = slices.DeleteFunc(blocked, func(e corev1.Event) bool { return w.since(fleet.Seen(e)) > lookBack })
		blocked = append(blocked, w.blockedPool(m.Claim.Labels[karpv1.NodePoolLabelKey], lookBack)...)
		if len(blocked) == 0 {
			continue
		}
		out.Findings = append(out.Findings, Finding{
			Subject: claimRef(m, drifted.LastTransitionTime.Time), Confidence: Certain, Cause: "the node differs from its NodeClass or NodePool, and may not be disrupted",
			Evidence: []Evidence{
				{Source: "claim", Text: "Drifted=True " + drifted.Reason, At: drifted.LastTransitionTime.UTC()}, evidenceOf(blocked[len(blocked)-1]),
			},
			Next: "kubectl describe nodeclaim " + m.Claim.Name, Fix: "remove what blocks it: a budget of the NodePool, a PodDisruptionBudget, or karpenter.sh/do-not-disrupt",
		})
	}
	return out
}
