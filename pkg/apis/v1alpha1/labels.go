package v1alpha1

// Labels that NodePools and pods can select by.
const (
	// LabelGeneration is the processor generation of a tina type, for instance "6".
	LabelGeneration = Group + "/instance-generation"
	// LabelPerformance is highest, high or medium: the p1, p2 and p3 of a tina type.
	LabelPerformance = Group + "/instance-performance"
	// LabelCPU is the number of vCores.
	LabelCPU = Group + "/instance-cpu"
	// LabelMemory is the nominal memory in GiB.
	LabelMemory = Group + "/instance-memory"
	// LabelCSIZone is the subregion as the BSU CSI driver spells it.
	LabelCSIZone = "topology.bsu.csi.outscale.com/zone"
)

// Annotations of NodeClaims.
const (
	// AnnotationHash is the hash of the NodeClass that the node was made from; AnnotationHashVersion says how it was made.
	AnnotationHash        = Group + "/nodeclass-hash"
	AnnotationHashVersion = Group + "/nodeclass-hash-version"
	// AnnotationHostname is the hostname mode that the machine was launched with, whatever its NodeClass says later.
	AnnotationHostname = Group + "/hostname"
	// AnnotationReboot is the last call that rebooted the VM, so that one operation of Karpenter is one reboot.
	AnnotationReboot = Group + "/reboot"
	// AnnotationEnd is why one of our controllers deleted the NodeClaim, AnnotationConsole what the console of a machine said
	// that never joined, just before its VM was deleted.
	AnnotationEnd     = Group + "/end"
	AnnotationConsole = Group + "/console"
)

// Finalizer keeps an OutscaleNodeClass while NodeClaims use it.
const Finalizer = Group + "/termination"
