package rebooting

import (
	"fmt"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/draining"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	// rebootPatience is how long a drain, a call or a boot may each take before it is looked at.
	rebootPatience = 5 * time.Minute
	// rebootWindow is how long core waits for the node to come back.
	rebootWindow = 20 * time.Minute
)

// rebooting is a finding about a reboot that is under way.
func rebooting(m snapshot.Machine, since time.Time, cause string) rule.Finding {
	condition := m.Condition(karpv1.ConditionTypeRebooting)
	return rule.Finding{
		Subject: facts.ClaimRef(m, since), Confidence: rule.Certain, Cause: cause,
		Evidence: []rule.Evidence{{
			Source: "claim", Text: facts.Short(fmt.Sprintf("Rebooting=True %s: %s", condition.Reason, condition.Message)), At: condition.LastTransitionTime.UTC(),
		}},
		Next: "kubectl describe nodeclaim " + m.Claim.Name,
	}
}

// rebootNotIssued finds reboots that wait for their drain, or for Outscale to take the call.
func rebootNotIssued(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseRebooting) {
		condition := m.Condition(karpv1.ConditionTypeRebooting)
		requested := condition.LastTransitionTime.Time
		if condition.Reason != karpv1.RebootReasonRequested || w.Early(requested) {
			continue
		}
		f := rebooting(m, requested, "")
		_, drained := m.Claim.Annotations[karpv1.RebootPreBootIDAnnotationKey]
		switch {
		case m.Node == nil:
			f.Cause = "the Node is gone, so that nothing shows whether the machine boots"
			f.Fix = "Karpenter replaces the machine; if it does not, the controller is down"
		case drained:
			callPending(w, &f, m)
		default:
			drainPending(w, &f, m, requested)
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// callPending says why the call is not made. When core gives up is known to its process only.
func callPending(w *rule.World, f *rule.Finding, m snapshot.Machine) {
	f.Cause = "the node is drained, and Outscale has not taken the call RebootVms"
	f.Fix = "read the controller's log: it has each answer. Karpenter gives up 5 minutes after its first call, and replaces the node"
	f.Next = facts.ReadController(w)
	if call, ok := m.LastRebootCall(); ok && !call.Accepted {
		f.Evidence = append(f.Evidence, rule.Evidence{
			Source: "claim", Text: "RebootVms was sent, and no answer is recorded", At: call.SentAt.UTC().Truncate(time.Second),
		})
	}
}

// drainPending says what keeps the pods on the node, and when Karpenter stops waiting for them.
func drainPending(w *rule.World, f *rule.Finding, m snapshot.Machine, requested time.Time) {
	f.Next = "kubectl describe node " + m.Node.Name
	f.Cause, f.Fix = "the drain before the reboot does not end", "read the events of the Node: FailedDraining names the pod"
	for _, source := range []snapshot.Source{snapshot.SourcePods, snapshot.SourceBudgets} {
		if why := w.Why(source); why != "" {
			f.Evidence = append(f.Evidence, rule.Evidence{Source: "unread", Text: facts.Short(why)})
		}
	}
	for _, pod := range draining.PinnedOn(w, m.Node.Name) {
		f.Cause, f.Fix = "the drain before the reboot waits for pods with karpenter.sh/do-not-disrupt", "let the pods end, or delete them"
		f.Evidence = append(f.Evidence, pod.Evidence())
	}
	for _, budget := range draining.BudgetsOn(w, m.Node.Name) {
		f.Cause, f.Fix = "the drain before the reboot waits for PodDisruptionBudget "+budget.FullName(), draining.BudgetFix
		f.Evidence = append(f.Evidence, budget.Evidence()...)
	}
	for _, pod := range draining.DoubledOn(w, m.Node.Name) {
		f.Cause, f.Fix = pod.Cause(), draining.DoubledFix
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "pod", Text: pod.Pod})
	}
	if events := w.EventsOf("Node", m.Node.Name, "FailedDraining"); len(events) > 0 {
		f.Evidence = append(f.Evidence, facts.Event(events[len(events)-1]))
	}
	bound, err := time.ParseDuration(m.Claim.Annotations[karpv1.RebootTerminationGracePeriodAnnotationKey])
	switch end := requested.Add(bound); {
	case err != nil:
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "claim", Text: "no grace period bounds this drain"})
	case w.Since(end) < time.Minute:
		f.Deadline, f.Consequence = end.UTC(), "Karpenter reboots the node with the pods that are left"
	default:
		f.Cause = "the time for the drain is over, and Karpenter does not make the call"
		f.Fix, f.Next = "read the controller's log: it is down, or fails at the step before the call", facts.ReadController(w)
	}
}

// rebootEndless finds machines that Outscale rebooted and that are not back.
func rebootEndless(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseRebooting) {
		issued, known := m.RebootIssuedAt()
		if call, sent := m.LastRebootCall(); !known && sent {
			issued = call.SentAt
		}
		if m.Condition(karpv1.ConditionTypeRebooting).Reason != karpv1.RebootReasonIssued || w.Early(issued) {
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
			ready := snapshot.Ready(m.Node)
			f.Cause = "the machine has booted, and its Node is not Ready"
			f.Evidence = append(f.Evidence, facts.Ready(ready))
		}
		f.Evidence = append(f.Evidence, facts.VM(w, m)...)
		if known {
			f.Deadline, f.Consequence = issued.Add(rebootWindow).UTC(), "Karpenter deletes the NodeClaim and its VM"
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}
