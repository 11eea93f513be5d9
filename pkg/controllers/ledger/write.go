package ledger

import (
	"cmp"
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
)

// maxEvent bounds the text of an event: the API server takes 1,024 bytes, and core's recorder cuts nothing.
const maxEvent = 1000

// write puts an end into the ring, counts it and makes its event, on the NodeClaim and on its Node.
func (c *Controller) write(ctx context.Context, f facts, v verdict) {
	end := endOf(f, v)
	c.ring.Add(end)
	ended.WithLabelValues(string(end.Cause)).Inc()
	decision := ledger.Decision{
		Reason: ledger.Ended, Object: f.claim, VM: end.VM, Type: end.Type, Subregion: end.Subregion,
		Message: "NodeClaim ended", Event: text(end), Expected: end.Cause.IsExpected(),
		With: []any{"cause", string(end.Cause), "confidence", string(end.Confidence), "why", end.Why, "age", age(f.claim).String()},
	}
	if end.Cause == ledger.CauseBootFailed {
		decision.Reason = ledger.BootFailed
	}
	if end.Console != nil {
		decision.With = append(decision.With, "console", end.Console.Diagnosis)
	}
	if node := c.living(ctx, f.node); node != nil {
		decision.Also = node
	}
	c.ledger.Record(ctx, decision)
}

// living returns the Node if it still exists: an event on what is gone is of no use.
func (c *Controller) living(ctx context.Context, node *corev1.Node) client.Object {
	if node == nil {
		return nil
	}
	now := &corev1.Node{}
	if err := c.kube.Get(ctx, client.ObjectKeyFromObject(node), now); err != nil || now.UID != node.UID {
		return nil
	}
	return now
}

func endOf(f facts, v verdict) ledger.End {
	claim := f.claim
	end := ledger.End{
		At: claim.DeletionTimestamp.UTC(), UID: claim.UID, NodeClaim: claim.Name, NodePool: claim.Labels[karpv1.NodePoolLabelKey],
		Node: claim.Status.NodeName, VM: f.vm.ID,
		Type:      cmp.Or(claim.Labels[corev1.LabelInstanceTypeStable], f.vm.Type),
		Subregion: cmp.Or(claim.Labels[corev1.LabelTopologyZone], f.vm.Subregion),
		Cause:     v.cause, Confidence: v.confidence, Why: bootlog.Plain(v.why),
		Age: int64(age(claim).Seconds()), Registered: claim.StatusConditions().IsTrue(karpv1.ConditionTypeRegistered),
		VMState: f.vm.State, StateReason: f.vm.StateReason,
	}
	if claim.Spec.NodeClassRef != nil {
		end.NodeClass = claim.Spec.NodeClassRef.Name
	}
	if !hasConsole(claim) {
		return end
	}
	console, read := ledger.ConsoleOf(claim)
	if !read {
		console.Diagnosis = "the console was not read before the VM was deleted"
	}
	end.Console = &console
	return end
}

// text is the event of an end.
func text(end ledger.End) string {
	parts := []string{string(end.Cause) + ": " + end.Why}
	if end.Console != nil {
		said := "Console: " + strings.TrimSuffix(end.Console.Diagnosis, ".")
		if end.Console.ID != "" {
			said += " [" + end.Console.ID + "]"
		}
		parts = append(parts, said)
		if end.Console.Remedy != "" {
			parts = append(parts, "What to do: "+end.Console.Remedy)
		}
		if end.Console.Line != "" {
			parts = append(parts, "Line: "+end.Console.Line)
		}
	}
	out := strings.Join(parts, ". ")
	if len(out) > maxEvent {
		out = strings.ToValidUTF8(out[:maxEvent], "") + "…"
	}
	return out
}
