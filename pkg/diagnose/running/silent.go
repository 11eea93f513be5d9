package running

import (
	"cmp"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	// silentReason is the reason of Ready=Unknown for a kubelet that reported before. pkg/cloudprovider/repair.go has it and
	// the times below; a test compares them, so that kpo need not link the controller.
	silentReason = "NodeStatusUnknown"
	// rebootTolerance and replaceTolerance are how long node repair waits where the controller is not told otherwise.
	rebootTolerance  = 10 * time.Minute
	replaceTolerance = 20 * time.Minute
)

// nodeSilent finds Nodes whose kubelet does not report, and says what Karpenter will do about it.
func nodeSilent(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Machines() {
		ready := snapshot.Ready(m.Node)
		if m.Phase() != snapshot.PhaseRunning || ready.Status != corev1.ConditionUnknown || w.Early(ready.LastTransitionTime.Time) {
			continue
		}
		f := rule.Finding{
			Subject: facts.NodeRef(m, ready.LastTransitionTime.Time), Confidence: rule.Certain,
			Evidence: append([]rule.Evidence{facts.Ready(ready)}, facts.VM(w, m)...), Next: "kubectl kpo console " + m.Node.Name,
			Fix: "the end of the console shows whether the machine hangs, is out of memory, or lost its network",
		}
		repairs(w, &f, m, ready)
		out.Findings = append(out.Findings, f)
	}
	return out
}

// repairs says whether node repair acts on a silent node, and when. What cannot be seen is not guessed.
func repairs(w *rule.World, f *rule.Finding, m snapshot.Machine, ready corev1.NodeCondition) {
	const silent = "the kubelet does not report; "
	repair := w.Cluster.NodeRepair
	switch {
	case m.Node.Annotations[karpv1.DoNotRepairAnnotationKey] == "true" && repair != snapshot.RepairOff && repair != snapshot.RepairLegacy:
		f.Cause = silent + "the annotation karpenter.sh/do-not-repair=true keeps Karpenter from repairing the node"
		f.Next = "kubectl annotate node " + m.Node.Name + " karpenter.sh/do-not-repair-"
	case repair == snapshot.RepairOff:
		f.Cause = silent + "node repair is off, so that Karpenter does nothing about it"
		f.Fix = "reboot or delete the node by hand, or turn on the feature gate NodeRepair of the controller"
	case repair == snapshot.RepairLegacy:
		f.Cause = silent + "legacy node repair is on: it replaces nodes, and reboots none"
	case repair == snapshot.RepairUnknown:
		f.Cause = silent + "whether Karpenter repairs it is not visible: the controller's Deployment shows no value of the feature gate NodeRepair"
		f.Fix = "look up the feature gate NodeRepair where the controller runs; " + f.Fix
	default:
		f.Deadline, f.Consequence = repairTime(w, m, ready)
		f.Cause = silent + "node repair is on"
		repairBlocked(w, f, m)
	}
}

// repairTime returns when node repair may act, and what it does then. It counts from the end of the last reboot at most.
func repairTime(w *rule.World, m snapshot.Machine, ready corev1.NodeCondition) (time.Time, string) {
	from := ready.LastTransitionTime.Time
	if created := m.Node.CreationTimestamp.Time; created.After(from) {
		from = created
	}
	rebooted := m.Condition(karpv1.ConditionTypeRebooting)
	if rebooted.Status == "False" && rebooted.LastTransitionTime.After(from) {
		from = rebooted.LastTransitionTime.Time
	}
	if ready.Reason != silentReason {
		return from.Add(cmp.Or(w.Cluster.RepairAfter.NotReady, replaceTolerance)).UTC(), "node repair may replace the node"
	}
	return from.Add(cmp.Or(w.Cluster.RepairAfter.Silent, rebootTolerance)).UTC(), "node repair may reboot the VM (after two reboots in 24 hours: replace the node)"
}

// repairBlocked adds what Karpenter itself says against the repair.
func repairBlocked(w *rule.World, f *rule.Finding, m snapshot.Machine) {
	events := w.EventsOf("Node", m.Node.Name, "NodeRepairBlocked", "DisruptionBlocked")
	for _, event := range events {
		if w.Since(snapshot.Seen(event)) <= facts.LookBack && !snapshot.Seen(event).Before(f.Subject.Since) {
			f.Evidence = append(f.Evidence, facts.Event(event))
			f.Cause = "the kubelet does not report; node repair is on, and something blocks it"
			f.Fix = "the event names what blocks it: a budget, or too many unhealthy nodes of the NodePool"
		}
	}
}
