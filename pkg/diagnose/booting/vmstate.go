package booting

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// afterLoss says what becomes of a NodeClaim whose VM does not run before its Node has registered: the controller looks
// once a minute for one whose VM died (pkg/controllers/garbagecollection), and replaces one whose VM is stopped once a
// launch must have ended (pkg/controllers/interruption).
func afterLoss(w *rule.World, f *rule.Finding, m snapshot.Machine) {
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
		"after 3 minutes: read the controller's log, " + facts.ReadController(w)
}
