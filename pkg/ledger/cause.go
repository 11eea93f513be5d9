package ledger

import "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"

// Cause is why a NodeClaim ended: the label of the metric, a field of the ring, and the first word of the event. Alerts
// and kpo match these words: they do not change. docs/reliability.md has a row for each.
type Cause string

// Causes that Karpenter decides: consolidation, drift, repair, the end of a life, a launch or a boot that failed.
const (
	CauseEmpty         Cause = "Empty"
	CauseUnderutilized Cause = "Underutilized"
	CauseDrifted       Cause = "Drifted"
	CauseUnhealthy     Cause = "Unhealthy"
	CauseRebootFailed  Cause = "RebootFailed"
	CauseExpired       Cause = "Expired"
	CauseScaledDown    Cause = "ScaledDown"
	CauseLaunchFailed  Cause = "LaunchFailed"
	CauseBootFailed    Cause = "BootFailed"
	// CauseDisrupted is a reason of Karpenter's that is newer than this provider.
	CauseDisrupted Cause = "Disrupted"
)

// Causes at Outscale. The VM is gone, stopped or about to be, and Karpenter did not ask for it.
const (
	CauseVMGone          Cause = "VMGone"
	CauseHostFailed      Cause = "HostFailed"
	CauseGuestPoweredOff Cause = "GuestPoweredOff"
	CauseStopped         Cause = "StoppedFromOutside"
	CauseStoppedUnknown  Cause = "StoppedForUnknownReason"
	CauseMaintenance     Cause = "Maintenance"
)

// Causes in Kubernetes: somebody other than Karpenter deleted an object.
const (
	CauseDeletedByHand    Cause = "DeletedByHand"
	CauseNodeDeleted      Cause = "NodeDeleted"
	CauseNodeDeletedByCCM Cause = "NodeDeletedByCCM"
	CauseNodeLost         Cause = "NodeDeletedBeforeRegistration"
	CauseNodePoolDeleted  Cause = "NodePoolDeleted"
)

// CauseOfStop is the cause of an end for which a VM stopped.
func CauseOfStop(why vm.StopCause) Cause {
	switch why {
	case vm.StopByHost:
		return CauseHostFailed
	case vm.StopByGuest:
		return CauseGuestPoweredOff
	case vm.StopFromOutside:
		return CauseStopped
	default:
		return CauseStoppedUnknown
	}
}

// Causes are all of them.
func Causes() []Cause {
	return []Cause{
		CauseEmpty, CauseUnderutilized, CauseDrifted, CauseUnhealthy, CauseRebootFailed, CauseExpired, CauseScaledDown,
		CauseLaunchFailed, CauseBootFailed, CauseDisrupted,
		CauseVMGone, CauseHostFailed, CauseGuestPoweredOff, CauseStopped, CauseStoppedUnknown, CauseMaintenance,
		CauseDeletedByHand, CauseNodeDeleted, CauseNodeDeletedByCCM, CauseNodeLost, CauseNodePoolDeleted,
	}
}

// IsExpected reports whether the end is what somebody asked for: a person, a NodePool or its budget. All others deserve
// a warning.
func (c Cause) IsExpected() bool {
	switch c {
	case CauseEmpty, CauseUnderutilized, CauseDrifted, CauseExpired, CauseScaledDown, CauseMaintenance, CauseDisrupted,
		CauseDeletedByHand, CauseNodeDeleted, CauseNodePoolDeleted:
		return true
	default:
		return false
	}
}

// Confidence is how a cause is known.
type Confidence string

// A cause is observed where something says so: a condition, a time, a record of ours. It is by elimination where nothing
// else explains the end.
const (
	Observed      Confidence = "observed"
	ByElimination Confidence = "by elimination"
)
