package ledger

// Reason is why a decision was taken: the value of the key reason in the log, and the reason of the event. Alerts and kpo
// match these words: they do not change.
type Reason string

// Reasons of launches.
const (
	// Provisioned is a VM that was launched.
	Provisioned Reason = "Provisioned"
	// Adopted is the VM of an earlier attempt, whose answer was lost or whose process ended.
	Adopted Reason = "Adopted"
	// SoldOut is a type that Outscale has no capacity for in a subregion.
	SoldOut Reason = "SoldOut"
	// UnknownType is a type that Outscale does not sell.
	UnknownType Reason = "UnknownType"
	// SubnetFull is a subnet without a free address.
	SubnetFull Reason = "SubnetFull"
	// SubnetNotFound is a subnet that is gone.
	SubnetNotFound Reason = "SubnetNotFound"
	// QuotaExceeded is a limit of the account, QuotaUnknown one that the provider cannot read.
	QuotaExceeded Reason = "QuotaExceeded"
	QuotaUnknown  Reason = "QuotaUnknown"
	// LaunchRefused is what Outscale refuses whatever the candidate.
	LaunchRefused Reason = "LaunchRefused"
	// NodeClassNotFound and NodeClassNotReady keep a NodeClaim from its launch.
	NodeClassNotFound Reason = "NodeClassNotFound"
	NodeClassNotReady Reason = "NodeClassNotReady"
	// WorkerConfigForbidden and BootstrapTokenFailed are Secrets that the controller may not read or write.
	WorkerConfigForbidden Reason = "WorkerConfigForbidden"
	BootstrapTokenFailed  Reason = "BootstrapTokenFailed"
)

// Reasons of deletions and reboots.
const (
	// NodeClaimDeleted is a VM that Karpenter wants deleted.
	NodeClaimDeleted Reason = "NodeClaimDeleted"
	// VMProtected has deletion protection.
	VMProtected Reason = "VMProtected"
	// ForeignVM is not proven to be this cluster's.
	ForeignVM Reason = "ForeignVM"
	// NodeUnhealthy and NodeDeletedBeforeRegistration are why a VM was rebooted.
	NodeUnhealthy                 Reason = "NodeUnhealthy"
	NodeDeletedBeforeRegistration Reason = "NodeDeletedBeforeRegistration"
	// RebootForbidden is an access key that may not reboot.
	RebootForbidden Reason = "RebootForbidden"
	// Leaked is a VM without NodeClaim, VMGone a NodeClaim without VM.
	Leaked Reason = "Leaked"
	VMGone Reason = "VMGone"
	// Ended is a NodeClaim that ends, BootFailed one whose Node never registered.
	Ended      Reason = "NodeClaimEnded"
	BootFailed Reason = "BootFailed"
	// GarbageCollectionRefused is a sweep with too many leaked VMs.
	GarbageCollectionRefused Reason = "GarbageCollectionRefused"
)
