package cloudprovider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// rebootProof is how long a call without a known outcome may take to show in the node's boot ID before it is made again.
// It is longer than a boot of Talos takes, and shorter than the 5 minutes after which core gives up.
const rebootProof = 2 * time.Minute

// Reboot restarts the VM of a NodeClaim, once for each operation, and returns as soon as Outscale has taken the call. Core
// repeats it until it succeeds, and sees a reboot that has happened by the node's new boot ID.
func (c *CloudProvider) Reboot(ctx context.Context, claim *karpv1.NodeClaim, operationID string) error {
	if last := v1alpha1.LastReboot(claim); last.Operation == operationID {
		since := time.Since(last.SentAt)
		switch {
		case last.Accepted:
			return nil
		case since < rebootProof:
			return fmt.Errorf("rebooting the VM of NodeClaim %q: the outcome of a call is unknown; it is repeated in %s if the node's boot ID is still the same",
				claim.Name, (rebootProof - since).Round(time.Second))
		}
	}
	id, err := c.rebootable(ctx, claim)
	if err != nil {
		return err
	}
	record := v1alpha1.RebootRecord{Operation: operationID, SentAt: time.Now()}
	if err := c.recordReboot(ctx, claim, &record); err != nil {
		return err
	}
	if err := c.vms.Reboot(ctx, id); err != nil {
		return c.rebootRefused(ctx, claim, err)
	}
	reason := ledger.NodeUnhealthy
	if !claim.StatusConditions().IsTrue(karpv1.ConditionTypeRegistered) {
		reason = ledger.NodeDeletedBeforeRegistration // core repairs registered nodes only
	}
	c.ledger.Record(ctx, ledger.Decision{Reason: reason, Object: claim, Message: "rebooted VM", VM: id})
	record.Accepted = true
	if err := c.recordReboot(ctx, claim, &record); err != nil {
		// The reboot is on its way, and core notes that as well: an error here would make it call again.
		log.FromContext(ctx).Error(err, "the reboot is not recorded as accepted", "NodeClaim", klog.KObj(claim), "vm-id", id)
	}
	return nil
}

// rebootable returns the ID of the NodeClaim's VM if a reboot can help it.
func (c *CloudProvider) rebootable(ctx context.Context, claim *karpv1.NodeClaim) (string, error) {
	id, err := utils.ParseProviderID(claim.Status.ProviderID)
	if err != nil {
		return "", cloudprovider.NewNodeClaimNotFoundError(err)
	}
	v, err := c.vms.Get(ctx, id)
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return "", cloudprovider.NewNodeClaimNotFoundError(err)
	case err != nil:
		return "", fmt.Errorf("rebooting VM %q: %w", id, err)
	case v.State == vm.StateUnknown, v.State == vm.StatePending:
		return "", fmt.Errorf("rebooting VM %q: it is %s", id, v.State)
	case !c.vms.Cluster().IsOurs(v):
		c.ledger.Warn(ctx, claim, ledger.ForeignVM, fmt.Sprintf("VM %s carries neither the tags nor the client token of this cluster: it is not rebooted", id))
		return "", cloudprovider.NewNodeRebootFailedError(fmt.Errorf("VM %q carries neither the tags nor the client token of this cluster", id))
	case v.State != vm.StateRunning:
		return "", cloudprovider.NewNodeRebootFailedError(fmt.Errorf("VM %q is %s: only a running VM can be rebooted", id, v.State))
	}
	return id, nil
}

// rebootRefused decides what an unsuccessful call means: wait for the boot ID, repeat the call, or replace the node.
func (c *CloudProvider) rebootRefused(ctx context.Context, claim *karpv1.NodeClaim, err error) error {
	switch {
	case oapi.IsOutcomeUnknown(err):
		return err
	case oapi.IsUnauthorized(err) && !oapi.IsNotSent(err):
		// The read just before was answered: it is this call that is not allowed. A call that was kept back after the
		// refusal of another one says nothing about this one.
		c.ledger.Warn(ctx, claim, ledger.RebootForbidden, "the access key may not call RebootVms, so that the node is replaced: add api:RebootVms to the EIM policy of the controller")
		return cloudprovider.NewNodeRebootFailedError(err)
	case oapi.Code(err) != "" && !oapi.IsThrottled(err) && !oapi.IsConflict(err) && !oapi.IsVMNotFound(err):
		return cloudprovider.NewNodeRebootFailedError(err)
	}
	// Nothing was done: the next attempt need not wait for proof.
	return errors.Join(err, c.recordReboot(ctx, claim, nil))
}

// recordReboot writes the record, or removes it if nil. It fails if the NodeClaim has changed since it was read: a stale
// copy may lack the record of a call that was made. The NodeClaim is updated in place, since core goes on with it.
func (c *CloudProvider) recordReboot(ctx context.Context, claim *karpv1.NodeClaim, record *v1alpha1.RebootRecord) error {
	stored := claim.DeepCopy()
	if record == nil {
		delete(claim.Annotations, v1alpha1.AnnotationReboot)
	} else {
		text, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("recording the reboot of NodeClaim %q: %w", claim.Name, err)
		}
		if claim.Annotations == nil {
			claim.Annotations = map[string]string{}
		}
		claim.Annotations[v1alpha1.AnnotationReboot] = string(text)
	}
	if err := c.kube.Patch(ctx, claim, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("recording the reboot of NodeClaim %q: %w", claim.Name, err)
	}
	return nil
}
