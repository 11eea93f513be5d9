package cloudprovider

import (
	"context"
	"fmt"
	"slices"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/launch"
)

// GetInstanceTypes returns all types of a NodePool's NodeClass, also those that cannot be had at the moment. Where it is
// not known yet which ones there are it returns an error, and core leaves the NodePool alone for this round: types
// without offerings would make it take every node for drifted.
func (c *CloudProvider) GetInstanceTypes(ctx context.Context, nodePool *karpv1.NodePool) ([]*cloudprovider.InstanceType, error) {
	nodeClass, err := c.getNodeClass(ctx, nodePool.Spec.Template.Spec.NodeClassRef)
	if err != nil {
		return nil, fmt.Errorf("listing instance types of NodePool %q: %w", nodePool.Name, err)
	}
	if len(nodeClass.Status.Subnets) == 0 {
		return nil, fmt.Errorf("listing instance types of NodePool %q: no subnet of OutscaleNodeClass %q was found yet: %s", nodePool.Name, nodeClass.Name, nodeClass.Trouble())
	}
	list := c.types.List(nodeClass)
	if !slices.ContainsFunc(list, func(t *cloudprovider.InstanceType) bool { return !c.types.AwaitsPrice(t.Name) }) {
		return nil, fmt.Errorf("listing instance types of NodePool %q: %w", nodePool.Name, launch.ErrNoPrices)
	}
	if !slices.ContainsFunc(list, func(t *cloudprovider.InstanceType) bool { return c.types.HasPrice(t.Name) }) {
		return nil, fmt.Errorf("listing instance types of NodePool %q: none of the %d types of spec.instanceTypes of OutscaleNodeClass %q has a price: "+
			"Outscale does not sell them", nodePool.Name, len(list), nodeClass.Name)
	}
	return list, nil
}
