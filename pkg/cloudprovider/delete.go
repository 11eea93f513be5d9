package cloudprovider

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Delete deletes the VM of a NodeClaim. Karpenter calls it every 5 s until the answer is not found, which is given only
// when the VM is terminated. The console of a machine that never joined goes with its VM, so that it is read before.
func (c *CloudProvider) Delete(ctx context.Context, claim *karpv1.NodeClaim) error {
	id, err := utils.ParseProviderID(claim.Status.ProviderID)
	if err != nil {
		return cloudprovider.NewNodeClaimNotFoundError(err)
	}
	v, err := c.vms.Get(ctx, id)
	switch {
	case errors.Is(err, vm.ErrNotFound):
		log.FromContext(ctx).V(1).Info("VM is gone", "NodeClaim", klog.KObj(claim), "vm-id", id, "reason", "Terminated")
		return cloudprovider.NewNodeClaimNotFoundError(err)
	case err != nil:
		return fmt.Errorf("deleting VM %q: %w", id, err)
	case v.Leaving(), v.State == vm.StateUnknown:
		// Unknown: no read has shown it yet. The next call, in 5 s, will know.
		return nil
	case !c.vms.Cluster().IsOurs(v):
		c.ledger.Warn(ctx, claim, ledger.ForeignVM, fmt.Sprintf("VM %s carries neither the tags nor the client token of this cluster: it is not deleted", id))
		return fmt.Errorf("VM %q of NodeClaim %q carries neither the tags nor the client token of this cluster: delete it by hand if it is yours", id, claim.Name)
	}
	c.keepConsole(ctx, claim, id)
	err = c.vms.Delete(ctx, id)
	if errors.Is(err, vm.ErrProtected) {
		// Each try is refused until somebody acts.
		c.ledger.Warn(ctx, claim, ledger.VMProtected, fmt.Sprintf("VM %s is not deleted: %v", id, vm.ErrProtected))
	}
	if err != nil && !errors.Is(err, vm.ErrNotFound) {
		return err
	}
	c.ledger.Record(ctx, ledger.Decision{Reason: ledger.NodeClaimDeleted, Object: claim, Message: "deleted VM", VM: id})
	return nil
}
