package diagnose

import (
	"fmt"
	"strings"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

const (
	// rebootPatience is how long a drain, a call or a boot may each take before it is looked at.
	rebootPatience = 5 * time.Minute
	// rebootWindow is how long core waits for the node to come back.
	rebootWindow = 20 * time.Minute
)

func rebootChecks() []Check {
	joined := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes}
	return []Check{
		{ID: "KPO408", Title: "reboot failed", Severity: Warning, Needs: []fleet.Source{fleet.SourceNodeClaims, fleet.SourceEvents}, Find: rebootFailed},
		{ID: "KPO409", Title: "reboot not issued", Severity: Error, Needs: joined, Find: rebootNotIssued, ExplainedBy: []string{"KPO402", "KPO412", "KPO603"}},
		{ID: "KPO410", Title: "reboot does not end", Severity: Error, Needs: joined, Find: rebootEndless, ExplainedBy: []string{"KPO402", "KPO412", "KPO603"}},
		{ID: "KPO411", Title: "node silent", Severity: Error, Needs: joined, Find: nodeSilent, ExplainedBy: []string{"KPO402", "KPO412"}},
	}
}

// rebooting is a finding about a reboot that is under way.
func rebooting(m fleet.Machine, since time.Time, cause string) Finding {
	condition := m.Condition(karpv1.ConditionTypeRebooting)
	return Finding{
		Subject: claimRef(m, since), Confidence: Certain, Cause: cause,
		Evidence: []Evidence{{
			Source: "claim", Text: short(fmt.Sprintf("Rebooting=True %s: %s", condition.Reason, condition.Message)), At: condition.LastTransitionTime.UTC(),
		}},
		Next: "kubectl describe nodeclaim " + m.Claim.Name,
	}
}

// rebootNotIssued finds reboots that wait for their drain, or for Outscale to take the call.
func rebootNotIssued(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseRebooting) {
		condition := m.Condition(karpv1.ConditionTypeRebooting)
		requested := condition.LastTransitionTime.Time
		if condition.Reason != karpv1.RebootReasonRequested || w.since(requested) < rebootPatience {
			continue
		}
		f := rebooting(m, requested, "")
		_, drained := m.Claim.Annotations[karpv1.RebootPreBootIDAnnotationKey]
		switch {
		case m.Node == nil:
			f.Cause = "the Node is gone, so that nothing shows whether the machine boots"
			f.Fix = "Karpenter replaces the machine; if it does not, the controller is down"
		case drained:
			w.callPending(&f, m)
		default:
			w.drainPending(&f, m, requested)
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// callPending says why the call is not made. When core gives up is known to its process only.
func (w *World) callPending(f *Finding, m fleet.Machine) {
	f.Cause = "the node is drained, and Outscale has not taken the call RebootVms"
	f.Fix = "read the controller's log: it has each answer. Karpenter gives up 5 minutes after its first call, and replaces the node"
	f.Next = w.readController()
	if call, ok := m.LastRebootCall(); ok && !call.Accepted {
		f.Evidence = append(f.Evidence, Evidence{
			Source: "claim", Text: "RebootVms was sent, and no answer is recorded", At: call.SentAt.UTC().Truncate(time.Second),
		})
	}
}

// readController is the command that shows why the controller does not do its work.
func (w *World) readController() string {
	if c := w.Cluster.Controller; c != nil {
		return "kubectl logs -n " + c.Namespace + " " + strings.ToLower(c.Kind) + "/" + c.Name
	}
	return "kubectl get pods -A -l app.kubernetes.io/name=karpenter-provider-outscale"
}

// drainPending says what keeps the pods on the node, and when Karpenter stops waiting for them.
func (w *World) drainPending(f *Finding, m fleet.Machine, requested time.Time) {
	f.Next = "kubectl describe node " + m.Node.Name
	f.Cause, f.Fix = "the drain before the reboot does not end", "read the events of the Node: FailedDraining names the pod"
	for _, source := range []fleet.Source{fleet.SourcePods, fleet.SourceBudgets} {
		if why := w.Why(source); why != "" {
			f.Evidence = append(f.Evidence, Evidence{Source: "unread", Text: short(why)})
		}
	}
	for _, pod := range w.pinnedOn(m.Node.Name) {
		f.Cause, f.Fix = "the drain before the reboot waits for pods with karpenter.sh/do-not-disrupt", "let the pods end, or delete them"
		f.Evidence = append(f.Evidence, pod.evidence())
	}
	for _, budget := range w.budgetsOn(m.Node.Name) {
		f.Cause, f.Fix = "the drain before the reboot waits for PodDisruptionBudget "+budget.name(), budgetFix
		f.Evidence = append(f.Evidence, budget.evidence()...)
	}
	for _, pod := range w.doubledOn(m.Node.Name) {
		f.Cause, f.Fix = pod.cause(), doubledFix
		f.Evidence = append(f.Evidence, Evidence{Source: "pod", Text: pod.pod})
	}
	if events := w.eventsOf("Node", m.Node.Name, "FailedDraining"); len(events) > 0 {
		f.Evidence = append(f.Evidence, evidenceOf(events[len(events)-1]))
	}
	bound, err := time.ParseDuration(m.Claim.Annotations[karpv1.RebootTerminationGracePeriodAnnotationKey])
	switch end := requested.Add(bound); {
	case err != nil:
		f.Evidence = append(f.Evidence, Evidence{Source: "claim", Text: "no grace period bounds this drain"})
	case w.since(end) < time.Minute:
		f.Deadline, f.Consequence = end.UTC(), "Karpenter reboots the node with the pods that are left"
	default:
		f.Cause = "the time for the drain is over, and Karpenter does not make the call"
		f.Fix, f.Next = "read the controller's log: it is down, or fails at the step before the call", w.readController()
	}
}

// rebootEndless finds machines that Outscale rebooted and that are not back.
func rebootEndless(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseRebooting) {
		issued, known := m.RebootIssuedAt()
		if call, sent := m.LastRebootCall(); !known && sent {
			issued = call.SentAt
		}
		if m.Condition(karpv1.ConditionTypeRebooting).Reason != karpv1.RebootReasonIssued || w.since(issued) < rebootPatience {
			continue
		}
		f := rebooting(m, issued, "Outscale took the reboot, and the node is not back")
		f.Next = "kubectl kpo console " + m.Claim.Name
		f.Fix = "the end of the console shows where the boot stands, and keeps it before the VM is deleted: --save FILE"
		switch before := m.Claim.Annotations[karpv1.RebootPreBootIDAnnotationKey]; {
		case m.Node == nil:
			f.Cause = "the Node is gone since the reboot"
		case before == "": // nothing shows whether it has booted
		case m.Node.Status.NodeInfo.BootID == before:
			f.Cause = "Outscale took the reboot, and the machine has not booted since"
		default:
			ready := fleet.Ready(m.Node)
			f.Cause = "the machine has booted, and its Node is not Ready"
			f.Evidence = append(f.Evidence, readyEvidence(ready))
		}
		f.Evidence = append(f.Evidence, w.vmEvidence(m)...)
		if known {
			f.Deadline, f.Consequence = issued.Add(rebootWindow).UTC(), "Karpenter deletes the NodeClaim and its VM"
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}
