// Package vm launches, lists, tags and deletes the virtual machines of one cluster, in Outscale's terms only.
package vm

import (
	"errors"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// States of a VM as Outscale names them.
const (
	StatePending      = "pending"
	StateRunning      = "running"
	StateStopping     = "stopping"
	StateStopped      = "stopped"
	StateShuttingDown = "shutting-down"
	StateTerminated   = "terminated"
	// StateQuarantine is a VM that Outscale has set aside: it exists, and does not run.
	StateQuarantine = "quarantine"
	// StateUnknown is ours: a NodeClaim names this VM, and no read has shown it yet.
	StateUnknown = "unknown"
)

// ErrNotFound means that the VM is terminated or that Outscale does not know it.
var ErrNotFound = errors.New("VM not found")

// ErrNotBelieved means that Outscale's answer lacks so much of the fleet that it is more likely wrong than the fleet gone.
var ErrNotBelieved = errors.New("the answer of Outscale is not believed")

// ErrProtected means that only somebody who removes the deletion protection of the VM can let it be deleted.
var ErrProtected = errors.New(
	"the VM has deletion protection: remove it in Cockpit, or with UpdateVm and DeletionProtection=false")

// ErrPlacementImpossible means that the tags of the placement cannot be sent.
var ErrPlacementImpossible = errors.New("spec.placement needs tags in the user data, which are switched off: " +
	"set settings.tagsInUserData to true in the values of the chart, or remove spec.placement")

// ErrUserDataTooLong means that no VM can ever be made of this machine config.
var ErrUserDataTooLong = errors.New("user data is too long")

// VM is one virtual machine.
type VM struct {
	ID    string
	State string
	// StateReason is why the VM is in its state, for instance Client.ApiGracefulShutdown. Most often it is empty.
	StateReason string
	// Type is the name as ReadVms returns it, with the performance flag: tinav6.c4r8p2.
	Type      string
	Subregion string
	SubnetID  string
	ImageID   string
	// PrivateIP and PrivateDNSName are empty once the VM is terminated.
	PrivateIP, PrivateDNSName string
	ClientToken               string
	SecurityGroupIDs          []string
	// Tags must not be changed: copies of a VM share them.
	Tags      map[string]string
	CreatedAt time.Time
}

// Leaving reports whether the VM is on its way out and cannot come back.
func (v VM) Leaving() bool { return v.State == StateShuttingDown || v.State == StateTerminated }

// fromAPI copies what we need. A terminated VM lacks most fields, so that every one is read through the SDK's getters.
func fromAPI(in osc.Vm) VM {
	out := VM{
		ID:             in.GetVmId(),
		State:          in.GetState(),
		StateReason:    in.GetStateReason(),
		Type:           in.GetVmType(),
		SubnetID:       in.GetSubnetId(),
		ImageID:        in.GetImageId(),
		PrivateIP:      in.GetPrivateIp(),
		PrivateDNSName: in.GetPrivateDnsName(),
		ClientToken:    in.GetClientToken(),
		Tags:           make(map[string]string, len(in.GetTags())),
	}
	placement := in.GetPlacement()
	out.Subregion = placement.GetSubregionName()
	for _, tag := range in.GetTags() {
		out.Tags[tag.Key] = tag.Value
	}
	for _, group := range in.GetSecurityGroups() {
		out.SecurityGroupIDs = append(out.SecurityGroupIDs, group.GetSecurityGroupId())
	}
	// An unreadable date leaves the zero time, which reads as "very old": the reader of CreatedAt must not trust age alone.
	if created, err := time.Parse(time.RFC3339Nano, in.GetCreationDate()); err == nil {
		out.CreatedAt = created
	}
	return out
}
