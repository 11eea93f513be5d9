package cloudprovider

import (
	"context"
	"errors"
	"fmt"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// errNoPrices is for the time between a start and the first price catalogue that could be read.
var errNoPrices = errors.New("no price catalogue could be read since the start of the controller")

// readyNodeClass returns the NodeClass of a NodeClaim if its status is about its present spec. Create trusts that
// status: it looks nothing up again.
func (c *CloudProvider) readyNodeClass(ctx context.Context, claim *karpv1.NodeClaim) (*v1alpha1.OutscaleNodeClass, error) {
	nodeClass, err := c.getNodeClass(ctx, claim.Spec.NodeClassRef)
	switch {
	case apierrors.IsNotFound(err), err == nil && !nodeClass.DeletionTimestamp.IsZero():
		c.warn(claim, "NodeClassNotFound", fmt.Sprintf("OutscaleNodeClass %q does not exist or is being deleted", claim.Spec.NodeClassRef.Name))
		return nil, cloudprovider.NewInsufficientCapacityError(fmt.Errorf("OutscaleNodeClass %q does not exist or is being deleted", claim.Spec.NodeClassRef.Name))
	case err != nil:
		return nil, cloudprovider.NewCreateError(err, "NodeClassUnreadable", "reading the OutscaleNodeClass failed")
	}
	ready := nodeClass.StatusConditions().Get(status.ConditionReady)
	switch {
	case ready.IsFalse():
		c.warn(claim, "NodeClassNotReady", fmt.Sprintf("OutscaleNodeClass %q is not ready: %s", nodeClass.Name, nodeClass.Trouble()))
		return nil, cloudprovider.NewNodeClassNotReadyError(fmt.Errorf("OutscaleNodeClass %q is not ready: %s", nodeClass.Name, nodeClass.Trouble()))
	case ready.IsUnknown():
		return nil, cloudprovider.NewCreateError(fmt.Errorf("OutscaleNodeClass %q is not checked yet: %s", nodeClass.Name, nodeClass.Trouble()), "NodeClassReadinessUnknown", "the OutscaleNodeClass is not checked yet")
	case ready.ObservedGeneration != nodeClass.Generation:
		return nil, cloudprovider.NewNodeClassNotReadyError(fmt.Errorf("OutscaleNodeClass %q was changed and is not checked yet", nodeClass.Name))
	}
	return nodeClass, nil
}

// refused decides what a refused launch means: try the next candidate, or give up with an error of Karpenter's.
func (c *CloudProvider) refused(ctx context.Context, claim *karpv1.NodeClaim, tried candidate, err error) (bool, error) {
	name := tried.instanceType.Name
	logger := log.FromContext(ctx).WithValues("NodeClaim", klog.KObj(claim), "instance-type", name, "subregion", tried.subregion)
	switch {
	case oapi.IsCapacity(err):
		c.types.MarkSoldOut(name, tried.subregion)
		logger.Info("instance type is sold out", "reason", "SoldOut", "error", err.Error())
		return true, err
	case oapi.IsUnknownVMType(err):
		c.types.MarkUnsold(name)
		logger.Info("instance type is not sold", "reason", "UnknownType", "error", err.Error())
		return true, err
	case oapi.IsSubnetFull(err):
		c.fullSubnets.Set(tried.subnetID, true, 0)
		c.warn(claim, "SubnetFull", fmt.Sprintf("subnet %s has no free address", tried.subnetID))
		logger.Info("subnet is full", "subnet-id", tried.subnetID, "reason", "SubnetFull", "error", err.Error())
		return true, err
	case oapi.IsQuota(err):
		return false, c.quotaReached(ctx, claim, name, err)
	case errors.Is(err, vm.ErrNotFound):
		return false, cloudprovider.NewInsufficientCapacityError(stableError{err})
	case oapi.MissingResource(err) != "":
		// The NodeClass controller looks again when a NodeClaim of the class goes, and sets the condition.
		return false, cloudprovider.NewNodeClassNotReadyError(fmt.Errorf("the %s of the NodeClass does not exist: %w", oapi.MissingResource(err), err))
	case errors.Is(err, vm.ErrUserDataTooLong):
		c.warn(claim, "UserDataTooLong", err.Error())
		return false, cloudprovider.NewNodeClassNotReadyError(err)
	case oapi.IsConflict(err):
		return false, createError(err)
	case oapi.Code(err) != "" && !oapi.IsRetryable(err) && !oapi.IsUnauthorized(err):
		// A refusal that stays: as a CreateError it would stop all provisioning until the launch timeout.
		// The candidate rests as one that is sold out does, or the next NodeClaim would be refused at once again.
		c.types.MarkSoldOut(name, tried.subregion)
		c.warn(claim, "LaunchRefused", oapi.Summary(err))
		return false, cloudprovider.NewNodeClassNotReadyError(err)
	default:
		c.unsure.Set(claim.UID, true, 0)
		return false, createError(err)
	}
}

// quotaReached finds out which of the account's limits is reached, and keeps Karpenter from what has no room.
func (c *CloudProvider) quotaReached(ctx context.Context, claim *karpv1.NodeClaim, refused string, err error) error {
	room, limits, readErr := c.vms.Room(ctx)
	if readErr != nil {
		// Which limit it is cannot be told: nothing is tried for a while, rather than everything.
		log.FromContext(ctx).Error(readErr, "reading the account's quotas failed", "NodeClaim", klog.KObj(claim), "reason", "QuotaExceeded")
	}
	c.types.Limit(instancetype.Room(room), refused)
	c.warn(claim, "QuotaExceeded", fmt.Sprintf("a quota of the Outscale account is reached (%s): %v", limits, oapi.Summary(err)))
	log.FromContext(ctx).Info("quota is reached", "NodeClaim", klog.KObj(claim), "reason", "QuotaExceeded", "quotas", limits, "error", err.Error())
	return cloudprovider.NewInsufficientCapacityError(stableError{fmt.Errorf("a quota of the account is reached (%s): %w", limits, err)})
}

// stableError has the same text at each refusal of one kind: Karpenter makes events of it, and drops repetitions.
type stableError struct{ error }

func (e stableError) Error() string { return oapi.Summary(e.error) }

func (e stableError) Unwrap() error { return e.error }

// createError is for what may work at the next try with the same client token. Reasons are words: the CRD refuses codes.
// The message goes into the status, so that it must be the same for the same trouble; the error goes into the log.
func createError(err error) error {
	reason := "LaunchFailed"
	switch {
	case oapi.IsUnauthorized(err):
		reason = "APIUnauthorized"
	case oapi.IsThrottled(err):
		reason = "APIThrottled"
	case oapi.IsRetryable(err):
		reason = "APIUnavailable"
	}
	return cloudprovider.NewCreateError(err, reason, oapi.Summary(err))
}

func (c *CloudProvider) warn(claim *karpv1.NodeClaim, reason, message string) {
	c.recorder.Publish(events.Event{
		InvolvedObject: claim, Type: corev1.EventTypeWarning, Reason: reason, Message: message,
		DedupeValues: []string{string(claim.UID), message},
	})
}
