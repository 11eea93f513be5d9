package nodeclass

import (
	"context"
	"fmt"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

func (c *Controller) resolveKeypair(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	if nodeClass.Spec.KeypairName == "" {
		conditions.SetTrue(v1alpha1.ConditionKeypairReady)
		return nil
	}
	found, err := c.discovery.HasKeypair(ctx, nodeClass.Spec.KeypairName)
	switch {
	case err != nil:
		couldNotLook(nodeClass, v1alpha1.ConditionKeypairReady, "spec.keypairName: "+oapi.Summary(err))
		return err
	case !found:
		conditions.SetFalse(v1alpha1.ConditionKeypairReady, "KeypairNotFound", fmt.Sprintf("spec.keypairName: the account has no keypair %q", nodeClass.Spec.KeypairName))
	default:
		conditions.SetTrue(v1alpha1.ConditionKeypairReady)
	}
	return nil
}
