package v1alpha1

import (
	"slices"
	"strings"

	"github.com/awslabs/operatorpkg/status"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of an OutscaleNodeClass. Ready is true when all others are.
const (
	// ConditionImageReady is about spec.imageId.
	ConditionImageReady = "ImageReady"
	// ConditionVolumesReady is about spec.blockDeviceMappings.
	ConditionVolumesReady = "VolumesReady"
	// ConditionSubnetsReady is about spec.subnetIds.
	ConditionSubnetsReady = "SubnetsReady"
	// ConditionSecurityGroupsReady is about spec.securityGroupIds.
	ConditionSecurityGroupsReady = "SecurityGroupsReady"
	// ConditionKeypairReady is about spec.keypairName.
	ConditionKeypairReady = "KeypairReady"
	// ConditionTalosReady is about spec.talos and spec.kubelet: a machine config can be rendered and is valid.
	ConditionTalosReady = "TalosReady"
	// ConditionLaunchReady is about the launches of the class: false while Outscale refuses them for what the class asks for.
	ConditionLaunchReady = "LaunchReady"
)

// OutscaleNodeClassStatus is what the provider found. Launches and drift read it, and not the spec.
type OutscaleNodeClassStatus struct {
	// Image is the OMI of the spec.
	// +optional
	Image *Image `json:"image,omitempty"`
	// SecurityGroups are the security groups of the spec, in its order.
	// +listType=atomic
	// +optional
	SecurityGroups []SecurityGroup `json:"securityGroups,omitempty"`
	// Subnets are the subnets of the spec, in its order.
	// +listType=atomic
	// +optional
	Subnets []Subnet `json:"subnets,omitempty"`
	// Subregions of the subnets, sorted, each once.
	// +listType=atomic
	// +optional
	Subregions []string `json:"subregions,omitempty"`
	// EphemeralMax is how large the node's volume EPHEMERAL can become, where the machine config limits it or may place it
	// on another disk than the root.
	// +optional
	EphemeralMax *resource.Quantity `json:"ephemeralMax,omitempty"`
	// Conditions say whether the class can be used, and which field is wrong if not.
	// +optional
	Conditions []status.Condition `json:"conditions,omitempty"`
}

// Image is the OMI that VMs are made from.
type Image struct {
	// ID of the OMI.
	ID string `json:"id"`
	// Name of the OMI.
	// +optional
	Name string `json:"name,omitempty"`
	// TalosVersion is what the OMI says of itself, in its tag talos.dev/version or its name. A name can be wrong.
	// +optional
	TalosVersion string `json:"talosVersion,omitempty"`
}

// SecurityGroup is a security group of the VMs.
type SecurityGroup struct {
	// ID of the security group.
	ID string `json:"id"`
	// Name of the security group.
	// +optional
	Name string `json:"name,omitempty"`
}

// Subnet is a subnet that VMs may be placed in.
type Subnet struct {
	// ID of the subnet.
	ID string `json:"id"`
	// Subregion of the subnet: the zone of its nodes.
	Subregion string `json:"subregion"`
	// CIDR is the subnet's range of addresses.
	// +optional
	CIDR string `json:"cidr,omitempty"`
	// AvailableIPs is how many addresses were free when it was last read. Nothing is launched in a subnet that has none.
	// +optional
	AvailableIPs *int32 `json:"availableIps,omitempty"`
}

// IsFull reports whether the subnet had no free address when it was last read.
func (in *Subnet) IsFull() bool { return in.AvailableIPs != nil && *in.AvailableIPs == 0 }

// IsResolved reports whether the status has what the spec names, so that VMs can be launched and compared with it. A
// class that an older release checked is Ready without it: that release wrote neither image nor security groups, and left
// those of an earlier spec alone.
func (in *OutscaleNodeClass) IsResolved() bool {
	return in.Status.Image != nil && in.Status.Image.ID == in.Spec.ImageID &&
		slices.Equal(in.Status.SecurityGroupIDs(), in.Spec.SecurityGroupIDs)
}

// LaunchImage returns the ID of the image to launch: of the status or, where the definitions or the release that checked
// the class are older than that field, of the spec, which was found good.
func (in *OutscaleNodeClass) LaunchImage() string {
	if in.IsResolved() {
		return in.Status.Image.ID
	}
	return in.Spec.ImageID
}

// LaunchSecurityGroups returns the IDs of the security groups to launch with, likewise.
func (in *OutscaleNodeClass) LaunchSecurityGroups() []string {
	if in.IsResolved() {
		return in.Status.SecurityGroupIDs()
	}
	return in.Spec.SecurityGroupIDs
}

// SecurityGroupIDs returns the IDs of the security groups.
func (in *OutscaleNodeClassStatus) SecurityGroupIDs() []string {
	var out []string
	for _, group := range in.SecurityGroups {
		out = append(out, group.ID)
	}
	return out
}

// StatusConditions gives access to the conditions, as Karpenter wants it.
func (in *OutscaleNodeClass) StatusConditions(opts ...status.ForOption) status.ConditionSet {
	return status.NewReadyConditions(
		ConditionImageReady,
		ConditionVolumesReady,
		ConditionSubnetsReady,
		ConditionSecurityGroupsReady,
		ConditionKeypairReady,
		ConditionTalosReady,
		ConditionLaunchReady,
	).For(in, opts...)
}

// Trouble is what keeps the class from being ready: what the conditions say that are not true. Ready itself only lists
// their names.
func (in *OutscaleNodeClass) Trouble() string {
	var messages []string
	for _, condition := range in.Status.Conditions {
		if condition.Type != status.ConditionReady && condition.Status != metav1.ConditionTrue && condition.Message != "" {
			messages = append(messages, condition.Message)
		}
	}
	return strings.Join(messages, "; ")
}

// GetConditions returns the conditions.
func (in *OutscaleNodeClass) GetConditions() []status.Condition { return in.Status.Conditions }

// SetConditions replaces the conditions.
func (in *OutscaleNodeClass) SetConditions(conditions []status.Condition) {
	in.Status.Conditions = conditions
}
