package cloudprovider

import (
	"context"
	"fmt"

	"github.com/awslabs/operatorpkg/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
)

// getNodeClass reads a NodeClass from the cache.
func (c *CloudProvider) getNodeClass(ctx context.Context, ref *karpv1.NodeClassReference) (*v1alpha1.OutscaleNodeClass, error) {
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	if err := c.kube.Get(ctx, types.NamespacedName{Name: ref.Name}, nodeClass); err != nil {
		return nil, err
	}
	return nodeClass, nil
}

// readyNodeClass returns the NodeClass of a NodeClaim if its status is about its present spec. Create trusts that
// status: it looks nothing up again.
func (c *CloudProvider) readyNodeClass(ctx context.Context, claim *karpv1.NodeClaim) (*v1alpha1.OutscaleNodeClass, error) {
	nodeClass, err := c.getNodeClass(ctx, claim.Spec.NodeClassRef)
	switch {
	case apierrors.IsNotFound(err), err == nil && !nodeClass.DeletionTimestamp.IsZero():
		c.ledger.Warn(ctx, claim, ledger.NodeClassNotFound, fmt.Sprintf("OutscaleNodeClass %q does not exist or is being deleted", claim.Spec.NodeClassRef.Name))
		return nil, cloudprovider.NewInsufficientCapacityError(fmt.Errorf("OutscaleNodeClass %q does not exist or is being deleted", claim.Spec.NodeClassRef.Name))
	case err != nil:
		return nil, cloudprovider.NewCreateError(err, "NodeClassUnreadable", "reading the OutscaleNodeClass failed")
	}
	ready := nodeClass.StatusConditions().Get(status.ConditionReady)
	switch {
	case ready.IsFalse():
		c.ledger.Warn(ctx, claim, ledger.NodeClassNotReady, fmt.Sprintf("OutscaleNodeClass %q is not ready: %s", nodeClass.Name, nodeClass.Trouble()))
		return nil, cloudprovider.NewNodeClassNotReadyError(fmt.Errorf("OutscaleNodeClass %q is not ready: %s", nodeClass.Name, nodeClass.Trouble()))
	case ready.IsUnknown():
		return nil, cloudprovider.NewCreateError(fmt.Errorf("OutscaleNodeClass %q is not checked yet: %s", nodeClass.Name, nodeClass.Trouble()), "NodeClassReadinessUnknown", "the OutscaleNodeClass is not checked yet")
	case ready.ObservedGeneration != nodeClass.Generation:
		return nil, cloudprovider.NewNodeClassNotReadyError(fmt.Errorf("OutscaleNodeClass %q was changed and is not checked yet", nodeClass.Name))
	}
	return nodeClass, nil
}
