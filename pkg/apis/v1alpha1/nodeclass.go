package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OutscaleNodeClass says how the VMs of a NodePool are made: image, network, disks and Talos machine config.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=outscalenodeclasses,scope=Cluster,categories={karpenter},shortName={oscnc}
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.status.image.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Subregions",type=string,JSONPath=`.status.subregions`,priority=1
// +kubebuilder:printcolumn:name="Image-ID",type=string,JSONPath=`.spec.imageId`,priority=1
// +kubebuilder:printcolumn:name="Talos",type=string,JSONPath=`.status.image.talosVersion`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.status!="True")].message`,priority=1
type OutscaleNodeClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   OutscaleNodeClassSpec   `json:"spec"`
	Status OutscaleNodeClassStatus `json:"status,omitempty"`
}

// OutscaleNodeClassList is a list of OutscaleNodeClass.
//
// +kubebuilder:object:root=true
type OutscaleNodeClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []OutscaleNodeClass `json:"items"`
}

// OutscaleNodeClassSpec is what an operator chooses.
type OutscaleNodeClassSpec struct {
	// ImageID is the Talos OMI, built for the platform "aws".
	// +kubebuilder:validation:XValidation:rule="self.matches('^ami-[0-9a-f]{8}([0-9a-f]{9})?$')",message="imageId must be the ID of an OMI, such as ami-1a2b3c4d"
	// +kubebuilder:validation:MaxLength=21
	ImageID string `json:"imageId"`

	// SubnetIDs are the subnets that VMs may be placed in. Their subregions are the zones of the NodePool.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="self.all(x, x.matches('^subnet-[0-9a-f]{8}([0-9a-f]{9})?$'))",message="subnetIds must hold IDs of subnets, such as subnet-1a2b3c4d"
	// +listType=set
	SubnetIDs []string `json:"subnetIds"`

	// SecurityGroupIDs are the security groups of the VMs. Workers must reach the control plane on TCP 6443 and 50001.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.all(x, x.matches('^sg-[0-9a-f]{8}([0-9a-f]{9})?$'))",message="securityGroupIds must hold IDs of security groups, such as sg-1a2b3c4d"
	// +listType=set
	SecurityGroupIDs []string `json:"securityGroupIds"`

	// KeypairName is optional: Talos has no SSH.
	// +kubebuilder:validation:MaxLength=255
	// +optional
	KeypairName string `json:"keypairName,omitempty"`

	// Tags are added to each VM. The tags that Karpenter, this provider and the CCM rely on cannot be set here.
	// +kubebuilder:validation:MaxProperties=30
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) > 0 && size(k) <= 255 && size(self[k]) <= 255)",message="tags: keys have 1 to 255 characters, values at most 255"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('karpenter.sh/') && !k.startsWith('karpenter.outscale.com/') && !k.startsWith('OscK8s') && !k.startsWith('kubernetes.io/cluster/') && !k.startsWith('osc.fcu.') && k != 'Name')",message="tags: karpenter.sh/*, karpenter.outscale.com/*, OscK8s*, kubernetes.io/cluster/*, osc.fcu.* and Name are set by the provider"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.contains('='))",message="tags: a key must not contain '='"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.contains('\\n') && !self[k].contains('\\n'))",message="tags: neither keys nor values may contain a line break"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.contains('\\r') && !self[k].contains('\\r'))",message="tags: neither keys nor values may contain a carriage return"
	// +optional
	Tags map[string]string `json:"tags,omitempty"`

	// BlockDeviceMappings are the volumes of the VM. Without any, the root is a gp2 volume of 50 GiB.
	// +kubebuilder:validation:MaxItems=26
	// +kubebuilder:validation:XValidation:rule="self.all(x, self.filter(y, y.deviceName == x.deviceName).size() == 1)",message="blockDeviceMappings: each deviceName once"
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.exists(x, x.deviceName == '/dev/sda1')",message="blockDeviceMappings must contain the root device /dev/sda1"
	// +kubebuilder:validation:XValidation:rule="self.all(x, x.deviceName != '/dev/sda1' || has(x.bsu.volumeSize))",message="blockDeviceMappings: the root device /dev/sda1 needs volumeSize, by which Karpenter counts ephemeral storage"
	// +listType=atomic
	// +optional
	BlockDeviceMappings []BlockDeviceMapping `json:"blockDeviceMappings,omitempty"`

	// Talos is the machine config of the nodes.
	Talos Talos `json:"talos"`

	// Kubelet settings go into the machine config and into Karpenter's view of a node's size: set them here and not in
	// the worker config, so that the two agree.
	// +optional
	Kubelet Kubelet `json:"kubelet,omitempty"`

	// InstanceTypes bounds the grid of VM types that Karpenter chooses from.
	// +optional
	InstanceTypes InstanceTypes `json:"instanceTypes,omitempty"`

	// Placement spreads the VMs over servers, or brings them together.
	// +optional
	Placement *Placement `json:"placement,omitempty"`
}

// BlockDeviceMapping is one volume.
type BlockDeviceMapping struct {
	// DeviceName is /dev/sda1 for the root, /dev/sdb to /dev/sdz or /dev/xvdb to /dev/xvdz for others.
	// +kubebuilder:validation:XValidation:rule="self.matches('^/dev/(sda1|sd[b-z][a-z]?|xvd[b-z][a-z]?)$')",message="deviceName must be /dev/sda1, /dev/sd[b-z] or /dev/xvd[b-z]"
	// +kubebuilder:validation:MaxLength=12
	DeviceName string `json:"deviceName"`
	// BSU is the volume behind the device.
	BSU BSU `json:"bsu"`
}

// BSU is a Block Storage Unit volume.
//
// +kubebuilder:validation:XValidation:rule="has(self.iops) == (self.volumeType == 'io1')",message="bsu: iops is required with volumeType io1, and allowed with no other"
// +kubebuilder:validation:XValidation:rule="!has(self.iops) || !has(self.volumeSize) || self.iops <= 300 * self.volumeSize",message="bsu: at most 300 iops per GiB of volumeSize"
// +kubebuilder:validation:XValidation:rule="has(self.volumeSize) || has(self.snapshotId)",message="bsu: set volumeSize or snapshotId"
type BSU struct {
	// VolumeSize is in GiB, at least the size of the snapshot.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=14901
	// +optional
	VolumeSize int32 `json:"volumeSize,omitempty"`
	// VolumeType is standard, gp2 or io1. Outscale's own default is standard, which is slow.
	// +kubebuilder:validation:Enum=standard;gp2;io1
	// +kubebuilder:default=gp2
	// +optional
	VolumeType string `json:"volumeType,omitempty"`
	// IOPS is for io1 only.
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=13000
	// +optional
	IOPS int32 `json:"iops,omitempty"`
	// SnapshotID is what the volume is made from.
	// +kubebuilder:validation:Pattern=`^snap-[0-9a-f]{8}([0-9a-f]{9})?$`
	// +optional
	SnapshotID string `json:"snapshotId,omitempty"`
	// DeleteOnVMDeletion false leaves the volume behind, and its cost.
	// +kubebuilder:default=true
	// +optional
	DeleteOnVMDeletion *bool `json:"deleteOnVmDeletion,omitempty"`
}

// HostnameMode is how a node gets its name.
//
// +kubebuilder:validation:Enum=NodeClaim;PrivateIP
type HostnameMode string

// Hostname modes.
const (
	// HostnameNodeClaim names the node after its NodeClaim: the name is known before the VM is, so that the CCM can map
	// the Node from its first second.
	HostnameNodeClaim HostnameMode = "NodeClaim"
	// HostnamePrivateIP names the node ip-10-0-1-88, as Outscale's metadata service does.
	HostnamePrivateIP HostnameMode = "PrivateIP"
)

// BootstrapTokenMode is which token a node joins with.
//
// +kubebuilder:validation:Enum=Shared;PerNodeClaim
type BootstrapTokenMode string

// Bootstrap token modes.
const (
	// BootstrapTokenShared is the token in the worker config.
	BootstrapTokenShared BootstrapTokenMode = "Shared"
	// BootstrapTokenPerNodeClaim makes a token for each NodeClaim that is valid for one hour.
	BootstrapTokenPerNodeClaim BootstrapTokenMode = "PerNodeClaim"
)

// Talos is the machine config of the nodes and how it is finished for each of them.
type Talos struct {
	// WorkerConfigSecretRef is the Secret with the worker machine config, as "talosctl gen config" writes it.
	WorkerConfigSecretRef SecretKeyReference `json:"workerConfigSecretRef"`
	// Patches are strategic merge patches in YAML, applied in order.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=65536
	// +listType=atomic
	// +optional
	Patches []string `json:"patches,omitempty"`
	// Hostname is how a node gets its name.
	// +kubebuilder:default=NodeClaim
	// +optional
	Hostname HostnameMode `json:"hostname,omitempty"`
	// BootstrapToken is which token a node joins with.
	// +kubebuilder:default=Shared
	// +optional
	BootstrapToken BootstrapTokenMode `json:"bootstrapToken,omitempty"`
}

// SecretKeyReference names one key of a Secret.
type SecretKeyReference struct {
	// Namespace of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:default=kube-system
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Key in the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="worker.yaml"
	// +optional
	Key string `json:"key,omitempty"`
}

// Kubelet are the settings that decide how much of a node pods can use.
type Kubelet struct {
	// MaxPods is the kubelet's limit of pods.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=110
	// +optional
	MaxPods int32 `json:"maxPods,omitempty"`
	// SystemReserved is kept for the system. What is not given keeps Talos' default: cpu 50m, memory 384Mi,
	// ephemeral-storage 256Mi, pid 100.
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['cpu','memory','ephemeral-storage','pid'])",message="systemReserved: keys are cpu, memory, ephemeral-storage and pid"
	// +kubebuilder:validation:XValidation:rule="self.all(k, isQuantity(self[k]) && !quantity(self[k]).isLessThan(quantity('0')))",message="systemReserved: values are quantities of at least 0, such as 100m or 512Mi"
	// +kubebuilder:validation:MaxProperties=4
	// +optional
	SystemReserved map[string]Amount `json:"systemReserved,omitempty"`
	// KubeReserved is kept for the kubelet and the container runtime. Talos keeps nothing by default.
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['cpu','memory','ephemeral-storage','pid'])",message="kubeReserved: keys are cpu, memory, ephemeral-storage and pid"
	// +kubebuilder:validation:XValidation:rule="self.all(k, isQuantity(self[k]) && !quantity(self[k]).isLessThan(quantity('0')))",message="kubeReserved: values are quantities of at least 0, such as 100m or 512Mi"
	// +kubebuilder:validation:MaxProperties=4
	// +optional
	KubeReserved map[string]Amount `json:"kubeReserved,omitempty"`
	// EvictionHard are thresholds at which the kubelet evicts pods, as a quantity or a percentage. What is not given
	// keeps the kubelet's default: memory.available 100Mi, nodefs.available 10%, imagefs.available 15%, nodefs.inodesFree 5%.
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['memory.available','nodefs.available','nodefs.inodesFree','imagefs.available','imagefs.inodesFree','pid.available'])",message="evictionHard: unknown signal"
	// +kubebuilder:validation:XValidation:rule="self.all(k, self[k].endsWith('%') ? self[k].matches('^[0-9]{1,2}(\\\\.[0-9]+)?%$') : isQuantity(self[k]) && !quantity(self[k]).isLessThan(quantity('0')))",message="evictionHard: values are quantities of at least 0, or percentages below 100%"
	// +kubebuilder:validation:MaxProperties=6
	// +optional
	EvictionHard map[string]Amount `json:"evictionHard,omitempty"`
}

// Amount is a quantity such as 512Mi, or for thresholds also a percentage such as 10%.
//
// +kubebuilder:validation:MaxLength=20
type Amount string

// InstanceTypes bounds the grid of tina types: each generation with each performance, number of vCores and ratio.
// An empty list means the default. Karpenter's scheduler is slow with thousands of types, and each refusal of one builds
// the list anew.
//
// +kubebuilder:validation:XValidation:rule="(has(self.generations) && self.generations.size() > 0 ? self.generations.size() : 3) * (has(self.performances) && self.performances.size() > 0 ? self.performances.size() : 3) * (has(self.vcores) && self.vcores.size() > 0 ? self.vcores.size() : 7) * (has(self.memoryPerVcore) && self.memoryPerVcore.size() > 0 ? self.memoryPerVcore.size() : 3) <= 600",message="instanceTypes: generations x performances x vcores x memoryPerVcore make more than 600 types, shorten one of these lists"
type InstanceTypes struct {
	// Generations of processors. Default: 5, 6 and 7.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:Minimum=3
	// +kubebuilder:validation:items:Maximum=99
	// +listType=set
	// +optional
	Generations []int32 `json:"generations,omitempty"`
	// Performances: highest, high, medium. Default: all.
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:items:Enum=highest;high;medium
	// +listType=set
	// +optional
	Performances []string `json:"performances,omitempty"`
	// VCores per VM. Default: 2, 4, 8, 16, 32, 48 and 64.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=208
	// +listType=set
	// +optional
	VCores []int32 `json:"vcores,omitempty"`
	// MemoryPerVCore in GiB. Default: 2, 4 and 8.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=64
	// +listType=set
	// +optional
	MemoryPerVCore []int32 `json:"memoryPerVcore,omitempty"`
}
