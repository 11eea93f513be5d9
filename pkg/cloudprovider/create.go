package cloudprovider

import (
	"context"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/operator/options"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/launch"
)

// Create launches the VM of a NodeClaim and returns as soon as its ID is known: while any NodeClaim lacks one,
// Karpenter's provisioner stands still.
func (c *CloudProvider) Create(ctx context.Context, claim *karpv1.NodeClaim) (*karpv1.NodeClaim, error) {
	nodeClass, err := c.readyNodeClass(ctx, claim)
	if err != nil {
		return nil, err
	}
	priced := c.types.HasPrices() // before the list is made
	instanceTypes, err := c.instanceTypes(ctx, claim.Labels[karpv1.NodePoolLabelKey], nodeClass)
	if err != nil {
		return nil, cloudprovider.NewCreateError(err, "InstanceTypesFailed", "listing instance types failed: "+err.Error())
	}
	launched, err := c.launcher.Launch(ctx, claim, nodeClass, launch.Choice{Types: instanceTypes, Priced: priced})
	if err != nil {
		return nil, err
	}
	return nodeClaim(launched, claim, nodeClass, c.typeOf(launched, nodeClass, instanceTypes)), nil
}

// instanceTypes returns the types of a NodeClass as Karpenter sees them, with its overlays.
func (c *CloudProvider) instanceTypes(ctx context.Context, nodePool string, nodeClass *v1alpha1.OutscaleNodeClass) (cloudprovider.InstanceTypes, error) {
	list := c.types.List(nodeClass)
	if options.FromContext(ctx).FeatureGates.NodeOverlay && nodePool != "" {
		return c.overlays.ApplyAll(nodePool, list)
	}
	return list, nil
}
