package cloudprovider

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// errNoPrices is for the time between a start and the first price catalogue that could be read.
var errNoPrices = errors.New("no price catalogue could be read since the start of the controller")

// candidateError is a refusal that says nothing against the other candidates.
type candidateError struct{ error }

func (e candidateError) Unwrap() error { return e.error }

// refused charges a refused launch to the one that is at fault, and decides what it means for the NodeClaim: try the next
// candidate, or give up with an error of Karpenter's.
func (a *attempt) refused(ctx context.Context, launch availability.Launch, err error) error {
	switch {
	case oapi.IsCapacity(err):
		a.charge(ctx, availability.Blame{Type: launch.Type, Subregion: launch.Subregion}, launch, "SoldOut", err)
		return candidateError{err}
	case oapi.IsUnknownVMType(err):
		a.charge(ctx, availability.Blame{Type: launch.Type}, launch, "UnknownType", err)
		return candidateError{err}
	case oapi.IsSubnetFull(err):
		a.charge(ctx, availability.Blame{Subnet: launch.Subnet}, launch, "SubnetFull", err)
		a.warn(a.claim, "SubnetFull", fmt.Sprintf("subnet %s has no free address", launch.Subnet), launch.Subnet)
		return candidateError{err}
	case oapi.MissingResource(err) == oapi.MissingSubnet:
		a.charge(ctx, availability.Blame{Subnet: launch.Subnet}, launch, "SubnetNotFound", err)
		return candidateError{err}
	case oapi.IsQuota(err):
		a.quotaReached(ctx, launch, err)
		return candidateError{err}
	case errors.Is(err, vm.ErrNotFound):
		return cloudprovider.NewInsufficientCapacityError(stableError{err})
	case oapi.IsConflict(err):
		return createError(err)
	case errors.Is(err, vm.ErrUserDataTooLong), oapi.Code(err) != "" && !oapi.IsRetryable(err) && !oapi.IsUnauthorized(err):
		// A refusal that stays: as a CreateError it would stop all provisioning until the launch timeout.
		a.charge(ctx, availability.Blame{Class: launch.Class}, launch, "LaunchRefused", err)
		a.warn(a.claim, "LaunchRefused", oapi.Summary(err), oapi.Code(err))
		if oapi.MissingResource(err) != "" {
			return missingResource(err)
		}
		return cloudprovider.NewNodeClassNotReadyError(stableError{err})
	default:
		return createError(err)
	}
}

// charge remembers a refusal. The log has the request ID, which the status and events must not have.
func (a *attempt) charge(ctx context.Context, blame availability.Blame, launch availability.Launch, reason string, err error) {
	until := a.types.Refusals().Refuse(blame, launch.Class, oapi.Summary(err))
	log.FromContext(ctx).Info("launch is refused", "NodeClaim", klog.KObj(a.claim), "OutscaleNodeClass", klog.KObj(a.nodeClass),
		"instance-type", launch.Type, "subregion", launch.Subregion, "subnet-id", launch.Subnet, "reason", reason,
		"next-try-after", until.UTC().Format(time.RFC3339), "error", err.Error())
}

// missingResource is for a NodeClass that names what Outscale does not find.
func missingResource(err error) error {
	return cloudprovider.NewNodeClassNotReadyError(stableError{fmt.Errorf("the %s of the NodeClass does not exist: %w", oapi.MissingResource(err), err)})
}

// quotaReached finds out which of the account's limits is reached, and keeps Karpenter from what has no room. Where the
// limits that can be read have room for the launch, the trouble is one of the subnet or of what else the NodeClass asks for
// (volumes, for instance), and not one of the account's other launches.
func (a *attempt) quotaReached(ctx context.Context, launch availability.Launch, err error) {
	a.quotas.Lock()
	defer a.quotas.Unlock()
	if a.types.Refusals().IsRefused(launch) {
		return // a launch that was on its way at the same time has read them
	}
	room, limits, readErr := a.vms.Room(ctx)
	left := availability.Room(room)
	if readErr != nil {
		// Which limit it is cannot be told: nothing is tried for a while, rather than everything.
		log.FromContext(ctx).Error(readErr, "reading the account's quotas failed", "NodeClaim", klog.KObj(a.claim), "reason", "QuotaExceeded")
	} else if left.Fits(launch) {
		a.charge(ctx, availability.Blame{Subnet: launch.Subnet, Class: launch.Class}, launch, "QuotaUnknown", err)
		a.warn(a.claim, "QuotaExceeded", "a quota that the provider does not know is reached: "+oapi.Summary(err), oapi.Code(err))
		return
	}
	until := a.types.Refusals().Limit(left, launch.Class, oapi.Summary(err))
	a.warn(a.claim, "QuotaExceeded", fmt.Sprintf("a quota of the Outscale account is reached (%s): %s", limits, oapi.Summary(err)), oapi.Code(err))
	log.FromContext(ctx).Info("quota is reached", "NodeClaim", klog.KObj(a.claim), "reason", "QuotaExceeded", "quotas", limits,
		"next-try-after", until.UTC().Format(time.RFC3339), "error", err.Error())
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

// warn makes an event. Its repetitions are dropped by what it means: the reason, and what it is about. Numbers in the
// message change.
func (c *CloudProvider) warn(claim *karpv1.NodeClaim, reason, message string, about ...string) {
	c.recorder.Publish(events.Event{
		InvolvedObject: claim, Type: corev1.EventTypeWarning, Reason: reason, Message: message,
		DedupeValues: append([]string{string(claim.UID), reason}, about...),
	})
}
