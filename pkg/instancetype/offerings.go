package instancetype

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

// build makes the list of a NodeClass.
func (p *Provider) build(nodeClass *v1alpha1.OutscaleNodeClass) cloudprovider.InstanceTypes {
	offered := p.static
	if len(offered) == 0 {
		offered = vmtype.Grid(vmtype.Bounds(nodeClass.Spec.InstanceTypes))
	}
	out := make(cloudprovider.InstanceTypes, 0, len(offered))
	for _, t := range offered {
		out = append(out, p.instanceType(t, nodeClass))
	}
	return out
}

func (p *Provider) instanceType(t vmtype.Type, nodeClass *v1alpha1.OutscaleNodeClass) *cloudprovider.InstanceType {
	subregions := Subregions(nodeClass)
	kubelet := nodeClass.Spec.Kubelet.WithDefaults()
	root := rootVolume(nodeClass)
	size := capacity(t, ephemeral(nodeClass, root.sizeGiB), kubelet)
	return &cloudprovider.InstanceType{
		Name:         t.Name,
		Requirements: requirements(t, subregions),
		Offerings:    p.offerings(t, nodeClass),
		Capacity:     size,
		Overhead:     overhead(size, kubelet),

		VolumeAttachmentLimits: map[string]int{csiDriver: attachable(nodeClass)},
	}
}

// Subregions returns where the NodeClass can place VMs, sorted.
func Subregions(nodeClass *v1alpha1.OutscaleNodeClass) []string {
	var out []string
	for _, subnet := range nodeClass.Status.Subnets {
		out = append(out, subnet.Subregion)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Region returns the region of a subregion, by the CCM's rule: the name without its last letter.
func Region(subregion string) string {
	if subregion == "" {
		return ""
	}
	return subregion[:len(subregion)-1]
}

// requirements are the labels that nodes of the type will have. Every well-known label must be there.
func requirements(t vmtype.Type, subregions []string) scheduling.Requirements {
	var regions []string
	for _, subregion := range subregions {
		regions = append(regions, Region(subregion))
	}
	in := func(key string, values ...string) *scheduling.Requirement {
		return scheduling.NewRequirement(key, corev1.NodeSelectorOpIn, values...)
	}
	out := scheduling.NewRequirements(
		in(corev1.LabelInstanceTypeStable, t.Name),
		in(corev1.LabelArchStable, karpv1.ArchitectureAmd64),
		in(corev1.LabelOSStable, string(corev1.Linux)),
		in(corev1.LabelTopologyZone, subregions...),
		in(corev1.LabelTopologyRegion, regions...),
		in(karpv1.CapacityTypeLabelKey, karpv1.CapacityTypeOnDemand),
		scheduling.NewRequirement(corev1.LabelWindowsBuild, corev1.NodeSelectorOpDoesNotExist),
		in(v1alpha1.LabelCPU, strconv.Itoa(t.VCores)),
		in(v1alpha1.LabelMemory, strconv.Itoa(t.MemoryGiB)),
	)
	if t.Generation == 0 { // a static type that is no tina type
		out.Add(
			scheduling.NewRequirement(v1alpha1.LabelGeneration, corev1.NodeSelectorOpDoesNotExist),
			scheduling.NewRequirement(v1alpha1.LabelPerformance, corev1.NodeSelectorOpDoesNotExist))
		return out
	}
	out.Add(
		in(v1alpha1.LabelGeneration, strconv.Itoa(t.Generation)),
		in(v1alpha1.LabelPerformance, t.PerformanceName()))
	return out
}

// offerings has one offering for each subregion. A type without a price is shown and not available: at price 0 it
// would always win.
func (p *Provider) offerings(t vmtype.Type, nodeClass *v1alpha1.OutscaleNodeClass) cloudprovider.Offerings {
	root, subregions := rootVolume(nodeClass), Subregions(nodeClass)
	price, known := p.prices.VM(t)
	// The volume costs the same with each type, so that a catalogue without its price changes no choice.
	volumePrice, _ := p.prices.Volume(root.kind, root.sizeGiB, root.iops)
	out := make(cloudprovider.Offerings, 0, len(subregions))
	for _, subregion := range subregions {
		out = append(out, &cloudprovider.Offering{
			Requirements: scheduling.NewRequirements(
				scheduling.NewRequirement(karpv1.CapacityTypeLabelKey, corev1.NodeSelectorOpIn, karpv1.CapacityTypeOnDemand),
				scheduling.NewRequirement(corev1.LabelTopologyZone, corev1.NodeSelectorOpIn, subregion),
			),
			Price:     price + volumePrice,
			Available: known && p.canPlace(t, nodeClass, subregion),
		})
	}
	return out
}

// canPlace reports whether a subnet of the subregion can take a VM of the type, as far as is known.
func (p *Provider) canPlace(t vmtype.Type, nodeClass *v1alpha1.OutscaleNodeClass, subregion string) bool {
	return slices.ContainsFunc(usable(nodeClass), func(subnet v1alpha1.Subnet) bool {
		return subnet.Subregion == subregion && !p.refusals.IsRefused(launch(nodeClass, t, subnet))
	})
}

// usable are the subnets that had a free address when they were last read.
func usable(nodeClass *v1alpha1.OutscaleNodeClass) []v1alpha1.Subnet {
	var out []v1alpha1.Subnet
	for _, subnet := range nodeClass.Status.Subnets {
		if !subnet.IsFull() {
			subnet.AvailableIPs = nil // how many there are changes nothing that is built from it
			out = append(out, subnet)
		}
	}
	return out
}

const (
	// csiDriver is the name of Outscale's BSU driver, whose volumes the limit is about.
	csiDriver = "bsu.csi.outscale.com"
	// volumesPerVM is how many BSU volumes a VM takes, its root volume included (osc-bsu-csi-driver pkg/driver/node.go).
	volumesPerVM = 40
)

// attachable returns how many volumes pods can have on a node: what a VM takes, less the volumes that the NodeClass gives it.
func attachable(nodeClass *v1alpha1.OutscaleNodeClass) int {
	own := map[string]bool{v1alpha1.RootDevice: true}
	for _, mapping := range nodeClass.Spec.BlockDeviceMappings {
		own[mapping.DeviceName] = true
	}
	return max(0, volumesPerVM-len(own))
}

type volume struct {
	kind          string
	sizeGiB, iops int
}

func rootVolume(nodeClass *v1alpha1.OutscaleNodeClass) volume {
	for _, mapping := range nodeClass.Spec.BlockDeviceMappings {
		if mapping.DeviceName == v1alpha1.RootDevice && mapping.BSU.VolumeSize > 0 {
			return volume{mapping.BSU.VolumeType, int(mapping.BSU.VolumeSize), int(mapping.BSU.IOPS)}
		}
	}
	return volume{kind: v1alpha1.DefaultVolumeType, sizeGiB: v1alpha1.DefaultRootGiB}
}

// RootGiB is the size of the root volume of a NodeClass.
func RootGiB(nodeClass *v1alpha1.OutscaleNodeClass) int { return rootVolume(nodeClass).sizeGiB }
