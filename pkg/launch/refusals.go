package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// ErrNoPrices is for the time between a start and the first price catalogue that could be read.
var ErrNoPrices = errors.New("no price catalogue could be read since the start of the controller")

// candidateError is a refusal that says nothing against the other candidates.
type candidateError struct{ error }

func (e candidateError) Unwrap() error { return e.error }

// verdict is what one kind of refusal means.
type verdict struct {
	kind   func(error) bool
	reason ledger.Reason
	// blame is the launch's part that is at fault, and that nothing is launched of for a while.
	blame func(availability.Launch) availability.Blame
	// event is the text of a warning, and what tells it from others of the reason.
	event func(launch availability.Launch, err error) (text, about string)
	// note takes the place of blame and event where they depend on more than the error.
	note func(a *attempt, ctx context.Context, launch availability.Launch, err error)
	// answer is the error of Create: try the next candidate, or give up with an error of Karpenter's.
	answer func(error) error
}

// verdicts are looked through from the first on: a full subnet is a quota too. What none of them is about may work at the
// next try.
func verdicts() []verdict {
	return []verdict{
		{kind: oapi.IsCapacity, reason: ledger.SoldOut, blame: typeInSubregion, answer: nextCandidate},
		{kind: oapi.IsUnknownVMType, reason: ledger.UnknownType, blame: typeAnywhere, answer: nextCandidate},
		{kind: oapi.IsSubnetFull, reason: ledger.SubnetFull, blame: subnetOf, event: subnetFull, answer: nextCandidate},
		{kind: isMissingSubnet, reason: ledger.SubnetNotFound, blame: subnetOf, answer: nextCandidate},
		// Not the account's: a class with smaller volumes, or fewer, may still have room.
		{kind: oapi.IsVolumeQuota, reason: ledger.QuotaExceeded, blame: classOf, event: volumeQuota, answer: classNotReady},
		{kind: oapi.IsQuota, note: (*attempt).quotaReached, answer: nextCandidate},
		{kind: isGone, answer: insufficientCapacity},
		{kind: oapi.IsConflict, answer: createError},
		// A refusal that stays: as a CreateError it would stop all provisioning until the launch timeout.
		{kind: stays, reason: ledger.LaunchRefused, blame: classOf, event: launchRefused, answer: classNotReady},
	}
}

// typeInSubregion leaves out the NodeClass, unless it is strict about servers: others may find room where it does not.
func typeInSubregion(l availability.Launch) availability.Blame {
	if l.Strict {
		return availability.Blame{Type: l.Type, Subregion: l.Subregion, Class: l.Class}
	}
	return availability.Blame{Type: l.Type, Subregion: l.Subregion}
}

func typeAnywhere(l availability.Launch) availability.Blame {
	return availability.Blame{Type: l.Type}
}

func subnetOf(l availability.Launch) availability.Blame {
	return availability.Blame{Subnet: l.Subnet}
}

func classOf(l availability.Launch) availability.Blame {
	return availability.Blame{Class: l.Class}
}

func subnetFull(l availability.Launch, _ error) (text, about string) {
	return fmt.Sprintf("subnet %s has no free address", l.Subnet), l.Subnet
}

func volumeQuota(_ availability.Launch, err error) (text, about string) {
	return "the quota of volumes is reached: delete volumes that nothing uses, or ask Outscale for more: " + oapi.Summary(err), oapi.Code(err)
}

func launchRefused(_ availability.Launch, err error) (text, about string) {
	return oapi.Summary(err), oapi.Code(err)
}

func isMissingSubnet(err error) bool { return oapi.MissingResource(err) == oapi.MissingSubnet }

// isGone is a launch whose VM existed and is terminated: the client token makes no other.
func isGone(err error) bool { return errors.Is(err, vm.ErrNotFound) }

func stays(err error) bool {
	return errors.Is(err, vm.ErrUserDataTooLong) || errors.Is(err, vm.ErrPlacementImpossible) || oapi.Code(err) != "" && !oapi.IsRetryable(err) && !oapi.IsUnauthorized(err)
}

func nextCandidate(err error) error { return candidateError{err} }

func insufficientCapacity(err error) error {
	return cloudprovider.NewInsufficientCapacityError(stableError{err})
}

func classNotReady(err error) error {
	if oapi.MissingResource(err) != "" {
		return missingResource(err)
	}
	return cloudprovider.NewNodeClassNotReadyError(stableError{err})
}

// refused charges a refused launch to the one that is at fault, and decides what it means for the NodeClaim.
func (a *attempt) refused(ctx context.Context, launch availability.Launch, err error) error {
	all := verdicts()
	i := slices.IndexFunc(all, func(v verdict) bool { return v.kind(err) })
	if i < 0 {
		return createError(err)
	}
	v := all[i]
	switch {
	case v.note != nil:
		v.note(a, ctx, launch, err)
	case v.blame != nil:
		d := ledger.Decision{Reason: v.reason}
		if v.event != nil {
			text, about := v.event(launch, err)
			d.Event, d.About = text, []string{about}
		}
		a.charge(ctx, v.blame(launch), launch, d, err)
	}
	return v.answer(err)
}

// charge remembers a refusal, and states the decision. The log has the request ID, which the status and events must not
// have.
func (a *attempt) charge(ctx context.Context, blame availability.Blame, launch availability.Launch, d ledger.Decision, err error) {
	until := a.types.Refusals().Refuse(blame, launch.Class, oapi.Summary(err))
	d.Message, d.Object, d.Type, d.Subregion, d.Err = "launch is refused", a.claim, launch.Type, launch.Subregion, err
	d.With = []any{
		"OutscaleNodeClass", klog.KObj(a.nodeClass), "subnet-id", launch.Subnet,
		"next-try-after", until.UTC().Format(time.RFC3339),
	}
	a.ledger.Record(ctx, d)
}

// missingResource is for a NodeClass that names what Outscale does not find.
func missingResource(err error) error {
	return cloudprovider.NewNodeClassNotReadyError(stableError{fmt.Errorf("the %s of the NodeClass does not exist: %w", oapi.MissingResource(err), err)})
}

// quotaReached finds out which of the account's limits is reached, and keeps Karpenter from what has no room. Where the
// limits that can be read have room for the launch, the trouble is one of the subnet or of what else the NodeClass asks for
// (volumes, for instance), and not one of the account's other launches.
func (a *attempt) quotaReached(ctx context.Context, launch availability.Launch, err error) {
	select {
	case a.quotas <- struct{}{}:
	case <-ctx.Done():
		return // nothing is launched with this context any more
	}
	defer func() { <-a.quotas }()
	if a.types.Refusals().IsRefused(launch) {
		return // a launch that was on its way at the same time has read them
	}
	room, limits, readErr := a.vms.Room(ctx)
	left := availability.Room(room)
	if readErr != nil {
		// Which limit it is cannot be told: nothing is tried for a while, rather than everything.
		log.FromContext(ctx).Error(readErr, "reading the account's quotas failed", "NodeClaim", klog.KObj(a.claim), "reason", string(ledger.QuotaExceeded))
	} else if left.Fits(launch) {
		blame := availability.Blame{Subnet: launch.Subnet, Class: launch.Class}
		a.charge(ctx, blame, launch, ledger.Decision{Reason: ledger.QuotaUnknown}, err)
		a.ledger.Warn(ctx, a.claim, ledger.QuotaExceeded, "a quota that the provider does not know is reached: "+oapi.Summary(err), oapi.Code(err))
		return
	}
	until := a.types.Refusals().Limit(left, launch.Class, oapi.Summary(err))
	a.ledger.Record(ctx, ledger.Decision{
		Reason: ledger.QuotaExceeded, Object: a.claim, Err: err,
		Message: "quota is reached", With: []any{"quotas", limits, "next-try-after", until.UTC().Format(time.RFC3339)},
		Event: fmt.Sprintf("a quota of the Outscale account is reached (%s): %s", limits, oapi.Summary(err)),
		About: []string{oapi.Code(err)},
	})
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
