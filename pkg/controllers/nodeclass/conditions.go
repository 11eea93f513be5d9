package nodeclass

import (
	"context"
	"errors"

	"github.com/awslabs/operatorpkg/status"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
)

const rootCondition = status.ConditionReady

// couldNotLook says so in a condition, which is never a reason to call the class bad. What was found good for the same
// spec stays good: a launch does not depend on this read, and one outage of the API must not stop every NodePool.
func couldNotLook(nodeClass *v1alpha1.OutscaleNodeClass, condition, message string) {
	conditions := nodeClass.StatusConditions()
	last := conditions.Get(condition)
	if last.IsTrue() && last.ObservedGeneration == nodeClass.Generation {
		return
	}
	conditions.SetUnknownWithReason(condition, "Unreadable", message)
}

// resolve checks every field of the spec and sets one condition for each. The error is about what could not be looked at.
func (c *Controller) resolve(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	c.resolveLaunches(nodeClass)
	return errors.Join(
		c.resolveImage(ctx, nodeClass),
		c.resolveVolumes(ctx, nodeClass),
		c.resolveSubnets(ctx, nodeClass),
		c.resolveKeypair(ctx, nodeClass),
		c.resolveTalos(ctx, nodeClass),
	)
}

// resolveLaunches shows what Outscale says of the last launches. Once the time of a refusal has passed the class can be
// used again: the next launch goes alone, and its answer decides.
func (c *Controller) resolveLaunches(nodeClass *v1alpha1.OutscaleNodeClass) {
	conditions := nodeClass.StatusConditions()
	why, until := c.refusals.OfClass(instancetype.Class(nodeClass))
	switch {
	case why == "":
		conditions.SetTrue(v1alpha1.ConditionLaunchReady)
	case c.clock.Now().Before(until):
		conditions.SetFalse(v1alpha1.ConditionLaunchReady, "LaunchRefused", "Outscale refuses to launch VMs of this class, change what it names: "+why)
	default:
		conditions.SetTrueWithReason(v1alpha1.ConditionLaunchReady, "LaunchRetried", "the last launch was refused, the next one is a trial: "+why)
	}
}
