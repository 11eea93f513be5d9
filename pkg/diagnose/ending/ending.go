package ending

import (
	"fmt"
	"slices"
	"strings"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/draining"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	// drainPatience is how long a drain may take before somebody should look.
	drainPatience = 5 * time.Minute
	// budgetPatience is how long a budget may have nothing left while pods move: their replacements start and become Ready.
	budgetPatience = 2 * time.Minute
	// detachPatience is how long a volume may take to be detached.
	detachPatience = 2 * time.Minute
	// goodbyePatience is how long Karpenter takes to see that a VM is gone.
	goodbyePatience = 2 * time.Minute
)

func terminating(m snapshot.Machine, cause, fix string) rule.Finding {
	since := m.Claim.DeletionTimestamp.Time
	f := rule.Finding{
		Subject: facts.ClaimRef(m, since), Confidence: rule.Certain, Cause: cause, Fix: fix,
		Evidence: []rule.Evidence{{Source: "claim", Text: "deleting" + conditionText(m, karpv1.ConditionTypeDrained) + conditionText(m, karpv1.ConditionTypeVolumesDetached) + conditionText(m, karpv1.ConditionTypeDisruptionReason), At: since.UTC()}},
		Next:     "kubectl describe nodeclaim " + m.Claim.Name,
	}
	if deadline, ok := graceEnd(m.Claim); ok {
		f.Deadline, f.Consequence = deadline.UTC(), "Karpenter deletes the pods whatever blocks it"
	}
	return f
}

func conditionText(m snapshot.Machine, kind string) string {
	condition := m.Condition(kind)
	if condition.Status == "" {
		return ""
	}
	return fmt.Sprintf(", %s=%s %s", kind, condition.Status, condition.Reason)
}

// graceEnd is when terminationGracePeriod is over.
func graceEnd(claim *karpv1.NodeClaim) (time.Time, bool) {
	end, err := time.Parse(time.RFC3339, claim.Annotations[karpv1.NodeClaimTerminationTimestampAnnotationKey])
	return end, err == nil
}

// drains returns the machines whose pods are still there.
func drains(w *rule.World) []snapshot.Machine {
	return slices.DeleteFunc(w.In(snapshot.PhaseTerminating), func(m snapshot.Machine) bool {
		return m.Node == nil || snapshot.IsTrue(m.Condition(karpv1.ConditionTypeDrained))
	})
}

func volumesAttached(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseTerminating) {
		detached := m.Condition(karpv1.ConditionTypeVolumesDetached)
		if m.Node == nil || detached.Reason != "AwaitingVolumeDetachment" || w.Early(detached.LastTransitionTime.Time) {
			continue
		}
		var names []string
		for _, attachment := range w.Attachments {
			if attachment.Spec.NodeName == m.Node.Name {
				names = append(names, attachment.Name)
			}
		}
		slices.Sort(names)
		f := terminating(m, "volumes are still attached to the node", "see that the BSU CSI driver runs; a volume in use by a pod that hangs is not detached")
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "volumes", Text: facts.Short(strings.Join(names, ", "))})
		f.Next = "kubectl get volumeattachments"
		out.Findings = append(out.Findings, f)
	}
	return out
}

func protected(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseTerminating) {
		if m.VM != nil && m.VM.Protected && !m.VM.Gone() {
			f := terminating(m, "somebody protected the VM from deletion", "take DeletionProtection off the VM: Karpenter deletes it then")
			f.Evidence = append(f.Evidence, rule.Evidence{Source: "vm", Text: m.VM.ID + " has DeletionProtection"})
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}

func finalizerStays(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseTerminating) {
		gone := m.VM == nil || m.VM.Gone()
		if m.Claim.Status.ProviderID == "" || !gone || w.Early(m.Claim.DeletionTimestamp.Time) {
			continue
		}
		f := terminating(m, "the VM is gone and the controller has not noticed: it is down, or cannot read VMs",
			"start the controller, or read its log; it removes the finalizer itself")
		f.Confidence = rule.Likely
		f.Next = "kubectl get pods -A -l app.kubernetes.io/name=karpenter-provider-outscale"
		out.Findings = append(out.Findings, f)
	}
	return out
}

func pastGrace(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseTerminating) {
		if end, ok := graceEnd(m.Claim); ok && !w.Early(end) {
			f := terminating(m, "the termination grace period is over and the NodeClaim is still there", "read the events of NodeClaim and Node")
			f.Deadline, f.Consequence = time.Time{}, ""
			f.Evidence = append(f.Evidence, rule.Evidence{Source: "claim", Text: "grace period ended", At: end.UTC()})
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}

func neverDeleted(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseTerminating) {
		if w.Early(m.Claim.DeletionTimestamp.Time) {
			continue
		}
		f := terminating(m, "the NodeClaim has been going for too long", "read the events of the Node: FailedDraining names the pod")
		f.Confidence = rule.Possible
		f.Evidence = append(f.Evidence, draining.LeftOn(w, m)...)
		if m.Node != nil {
			f.Next = "kubectl describe node " + m.Node.Name
			if events := w.EventsOf("Node", m.Node.Name, "FailedDraining"); len(events) > 0 {
				f.Evidence = append(f.Evidence, facts.Event(events[len(events)-1]))
			}
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}
