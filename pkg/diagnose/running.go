package diagnose

import (
	"slices"
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
		{ID: "KPO401", Title: "node not Ready", Severity: Error, Needs: joined, Find: nodeNotReady, ExplainedBy: []string{"KPO402", "KPO411"}},
		{ID: "KPO402", Title: "VM gone, Node still there", Severity: Error, Needs: cloud, Find: vmGone},
		{ID: "KPO403", Title: "node smaller than promised", Severity: Warning, Needs: []fleet.Source{fleet.SourceNodeClaims}, Find: inconsistent},
		{ID: "KPO404", Title: "drifted and not replaced", Severity: Warning, Needs: []fleet.Source{fleet.SourceNodeClaims, fleet.SourceEvents}, Find: driftBlocked},
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
			Subject: nodeRef(m, ready.LastTransitionTime.Time), Confidence: Certain, Cause: "the kubelet does not report, or reports that the node is not Ready: " + ready.Reason,
			Evidence: append([]Evidence{readyEvidence(ready)}, w.vmEvidence(m)...),
			Next:     "kubectl kpo console " + m.Node.Name, Fix: "the end of the console says whether the machine hangs, is out of memory, or lost its network",
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

func vmGone(w *World) Verdict {
	var out Verdict
	for _, m := range w.machines {
		if m.Node == nil || m.Claim == nil || !slices.Contains([]fleet.Phase{fleet.PhaseInitializing, fleet.PhaseRunning, fleet.PhaseRebooting}, m.Phase()) {
			continue
		}
		cause := ""
		switch {
		case m.VM == nil:
			cause = "Outscale does not know the VM of the Node"
		case m.VM.Gone(), m.VM.State == vm.StateStopped, m.VM.State == vm.StateShuttingDown, m.VM.State == vm.StateStopping, m.VM.State == "quarantine":
			cause = "the VM of the Node is " + m.VM.State
		default:
			continue
		}
		f := Finding{
			Subject: nodeRef(m, m.Node.CreationTimestamp.Time), Confidence: Certain, Cause: cause + ", and Karpenter did not do it",
			Evidence: []Evidence{{Source: "claim", Text: m.Claim.Name + " names " + m.Claim.Status.ProviderID}},
			Next:     "kubectl delete nodeclaim " + m.Claim.Name,
			Fix:      "Karpenter replaces the node by itself once the VM is gone; find who stopped it in Outscale's API log (ReadApiLogs)",
		}
		if m.VM != nil && m.VM.StateReason != "" {
			f.Evidence = append(f.Evidence, Evidence{Source: "vm", Text: m.VM.ID + ": " + m.VM.StateReason})
		}
		out.Findings = append(out.Findings, contradicted(m, f))
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
