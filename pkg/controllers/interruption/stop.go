package interruption

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// cause is why a VM stopped or will: a label for the metrics, and words for people.
type cause struct {
	label vm.StopCause
	words string
}

func causeOf(reason string) cause {
	label, words := vm.ReadStop(reason)
	return cause{label, words}
}

func isDown(v vm.VM) bool { return v.State == vm.StateStopping || v.State == vm.StateStopped }

// stopped is for a VM that is down though its NodeClaim lives. A stopped VM is billed for its volumes and runs no pod:
// nothing but a person starts it again, and Karpenter has no call for that.
func (c *Controller) stopped(ctx context.Context, s subject, sweep *sweep) {
	if c.isRebooting(s) {
		return // our own call may show the VM stopped for a while
	}
	since, known := c.down[s.vm.ID]
	if !known {
		since = c.clock.Now()
		c.down[s.vm.ID] = since
		interruptions.WithLabelValues(string(causeOf(s.vm.StateReason).label)).Inc()
	}
	off, known := c.off[s.vm.ID]
	if !known && s.vm.State == vm.StateStopped {
		off = c.clock.Now()
		c.off[s.vm.ID] = off
	}
	why := causeOf(s.vm.StateReason)
	at := since.UTC().Format("15:04:05")
	c.tell(ctx, s, "VMStopped", fmt.Sprintf("VM %s is %s: %s", s.vm.ID, s.vm.State, why.words), s.vm.ID, s.vm.State, at)
	young := c.clock.Since(s.vm.CreatedAt) < minAge
	if s.vm.State != vm.StateStopped || young || c.clock.Since(off) < patience || isReady(s.node) {
		return // the next sweeps look again
	}
	switch {
	case s.claim.Labels[karpv1.NodePoolLabelKey] == "":
		c.tell(ctx, s, "InterruptedNodeKept", fmt.Sprintf("stopped VM %s is left alone: its NodeClaim is of no NodePool, so that "+
			"nothing would replace it. Start it, or delete the NodeClaim", s.vm.ID), s.vm.ID, at)
	case !c.isProven(s):
		c.tell(ctx, s, "InterruptedNodeKept", fmt.Sprintf("stopped VM %s is left alone: it carries neither the tags nor the "+
			"client token of this NodeClaim", s.vm.ID), s.vm.ID, at)
	// As core's repair does, which ignores do-not-disrupt: a node that runs nothing has nothing to disrupt
	// (karpenter pkg/controllers/disruption/types.go:165).
	case hasAnnotation(s, karpv1.DoNotRepairAnnotationKey):
		c.tell(ctx, s, "InterruptedNodeKept", fmt.Sprintf("stopped VM %s is left alone: %s is set. Start it, or delete the "+
			"NodeClaim", s.vm.ID, karpv1.DoNotRepairAnnotationKey), s.vm.ID, at)
	default:
		sweep.wanted = append(sweep.wanted, casualty{
			subject: s, cause: why, state: vm.StateStopped, since: since,
			why: fmt.Sprintf("VM %s is stopped, %s, and has not come back", s.vm.ID, why.words),
		})
	}
}

// isRebooting reports whether node repair or the registration controller has just rebooted the VM. Whether RebootVms shows a
// VM as stopped meanwhile has not been seen on a real account.
func (c *Controller) isRebooting(s subject) bool {
	sent := v1alpha1.LastReboot(s.claim).SentAt
	return !sent.IsZero() && c.clock.Since(sent) < rebootTime
}

// isProven reports whether the VM is this cluster's, and this NodeClaim's.
func (c *Controller) isProven(s subject) bool {
	return c.vms.Cluster().IsOurs(s.vm) && c.vms.Cluster().Claims(string(s.claim.UID))(s.vm)
}

// isReady reports whether the kubelet says that the node is well: then Outscale's word that its VM is stopped is wrong,
// or newer than the Node's.
func isReady(node *corev1.Node) bool {
	if node == nil {
		return false
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// hasAnnotation reports whether one of the annotations is "true" on the Node or the NodeClaim.
func hasAnnotation(s subject, keys ...string) bool {
	for _, key := range keys {
		if s.claim.Annotations[key] == "true" || s.node != nil && s.node.Annotations[key] == "true" {
			return true
		}
	}
	return false
}
