package diagnose

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

// afterLoss says what becomes of a NodeClaim whose VM does not run before its Node has registered: the controller looks
// once a minute for one whose VM died (pkg/controllers/garbagecollection), and leaves a stopped VM to Karpenter.
func (w *World) afterLoss(f *Finding, m fleet.Machine) {
	if m.VM != nil && !m.VM.Core().Leaving() {
		f.Consequence = "Karpenter deletes the NodeClaim and the VM"
		f.Next = "kubectl delete nodeclaim " + m.Claim.Name
		f.Fix = "nothing happens by itself before the deadline: start the VM in Outscale, or delete the NodeClaim and Karpenter launches " +
			"another at once"
		return
	}
	f.Deadline, f.Consequence = time.Time{}, ""
	f.Next = "kubectl get nodeclaim " + m.Claim.Name
	f.Fix = "the controller deletes the NodeClaim within about a minute, and Karpenter launches another; act only if it is still there " +
		"after 3 minutes: read the controller's log, " + w.readController()
}

// afterStop says what becomes of a node whose VM is stopped: Karpenter does not take it for gone, and only node repair
// acts, which finds that it cannot reboot such a VM, and replaces the node.
func (w *World) afterStop(f *Finding, m fleet.Machine) {
	const start = "a stopped VM stays: start it in Outscale, or delete the NodeClaim and its pods get another node; " +
		"ReadApiLogs shows who stopped it"
	ready := fleet.Ready(m.Node)
	f.Fix, f.Next = start, "kubectl delete nodeclaim "+m.Claim.Name
	if w.Cluster.NodeRepair != fleet.RepairOn || ready.Status == corev1.ConditionTrue || m.Phase() == fleet.PhaseRebooting {
		return
	}
	f.Deadline, _ = w.repairTime(m, ready)
	f.Consequence = "node repair finds no VM to reboot, and replaces the node"
	f.Fix = "start the VM in Outscale, or wait for node repair; ReadApiLogs shows who stopped it"
	f.Next = "kubectl get nodeclaim " + m.Claim.Name
}
