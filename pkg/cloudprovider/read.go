package cloudprovider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Get returns the NodeClaim of a provider ID. Not found means that the VM is gone, and lets Karpenter skip the drain.
func (c *CloudProvider) Get(ctx context.Context, providerID string) (*karpv1.NodeClaim, error) {
	id, err := utils.ParseProviderID(providerID)
	if err != nil {
		return nil, cloudprovider.NewNodeClaimNotFoundError(err)
	}
	v, err := c.vms.Get(ctx, id)
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return nil, cloudprovider.NewNodeClaimNotFoundError(err)
	case err != nil:
		return nil, fmt.Errorf("reading VM %q: %w", id, err)
	}
	return nodeClaimFrom(v), nil
}

// List returns the NodeClaims of all VMs of the cluster, or an error: Karpenter deletes NodeClaims that are missing here.
func (c *CloudProvider) List(ctx context.Context) ([]*karpv1.NodeClaim, error) {
	var claims karpv1.NodeClaimList
	if err := c.kube.List(ctx, &claims); err != nil {
		return nil, fmt.Errorf("listing NodeClaims: %w", err)
	}
	// A VM that lost its tags is in no listing: the NodeClaims say which ones to look for.
	var named []vm.VM
	for _, claim := range claims.Items {
		if id, err := utils.ParseProviderID(claim.Status.ProviderID); err == nil && v1alpha1.IsOurs(&claim) {
			named = append(named, vm.VM{ID: id, Subregion: subregionOf(claim.Status.ProviderID)})
		}
	}
	vms, err := c.vms.List(ctx, named...)
	if err != nil {
		if errors.Is(err, vm.ErrNotBelieved) {
			refusedLists.Inc()
		}
		return nil, err
	}
	out := make([]*karpv1.NodeClaim, 0, len(vms))
	for _, v := range vms {
		out = append(out, nodeClaimFrom(v))
	}
	return out, nil
}

// subregionOf returns the subregion in a provider ID, so that a VM which no read has shown yet is listed under the same ID.
func subregionOf(providerID string) string {
	parts := strings.Split(providerID, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}
