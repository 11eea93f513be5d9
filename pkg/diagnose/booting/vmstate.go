package diagnose

import (
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

// afterLoss says what becomes of a NodeClaim whose VM does not run before its Node has registered: the controller looks
// once a minute for one whose VM died (pkg/controllers/garbagecollection), and replaces one whose VM is stopped once a
// launch must have ended (pkg/controllers/interruption).
func (w *World) afterLoss(f *Finding, m fleet.Machine) {
	if m.VM != nil && !m.VM.Core().Leaving() {
		f.Consequence = "Karpenter deletes the NodeClaim and the VM"
		f.Next = "kubectl describe nodeclaim " + m.Claim.Name
		f.Fix = "the controller replaces the NodeClaim once its VM is 5 minutes old and stays stopped; act only if it does not: " +
			"start the VM in Outscale, or delete the NodeClaim"
		return
	}
	f.Deadline, f.Consequence = time.Time{}, ""
	f.Next = "kubectl get nodeclaim " + m.Claim.Name
	f.Fix = "the controller deletes the NodeClaim within about a minute, and Karpenter launches another; act only if it is still there " +
		"after 3 minutes: read the controller's log, " + w.readController()
}

// afterStop says what becomes of a node whose VM is stopped: the interruption controller replaces it, unless it is told
// not to.
func (w *World) afterStop(f *Finding, m fleet.Machine) {
	if m.Node.Annotations[karpv1.DoNotRepairAnnotationKey] == "true" || m.Claim.Annotations[karpv1.DoNotRepairAnnotationKey] == "true" {
		f.Fix = karpv1.DoNotRepairAnnotationKey + " keeps the node as it is: start the VM in Outscale, or delete the NodeClaim and its " +
			"pods get another node; ReadApiLogs shows who stopped it"
		f.Next = "kubectl delete nodeclaim " + m.Claim.Name
		return
	}
	f.Fix = "the controller replaces the node about a minute after it is not Ready any more; act only if it is still there after " +
		"5 minutes: start the VM in Outscale, or delete the NodeClaim. ReadApiLogs shows who stopped it"
	f.Next = "kubectl describe nodeclaim " + m.Claim.Name
}
