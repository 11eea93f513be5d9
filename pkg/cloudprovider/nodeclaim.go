package cloudprovider

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// nodeClaimFor fills a NodeClaim in from its VM.
func nodeClaimFor(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, v vm.VM, instanceTypes cloudprovider.InstanceTypes) *karpv1.NodeClaim {
	out := nodeClaimFrom(v)
	out.Name = claim.Name
	out.Annotations = map[string]string{
		v1alpha1.AnnotationHash:        nodeClass.Hash(),
		v1alpha1.AnnotationHashVersion: v1alpha1.HashVersion,
	}
	i := slices.IndexFunc(instanceTypes, func(t *cloudprovider.InstanceType) bool { return t.Name == v.Type })
	if i < 0 {
		// An adopted VM of a type that the NodeClass no longer has: its labels are known, its size Karpenter learns
		// from the Node.
		maps.Copy(out.Labels, claim.Labels)
		maps.Copy(out.Labels, vmLabels(v))
		return out
	}
	out.Labels = labels(claim, instanceTypes[i], v.Subregion)
	out.Status.Capacity = nonZero(instanceTypes[i].Capacity)
	out.Status.Allocatable = nonZero(instanceTypes[i].Allocatable())
	return out
}

// nodeClaimFrom is what the VM alone tells. It never fails: one VM of an unknown type must not hide the fleet.
func nodeClaimFrom(v vm.VM) *karpv1.NodeClaim {
	out := &karpv1.NodeClaim{}
	out.Name = v.Tags[vm.TagNodeClaim]
	out.CreationTimestamp = metav1.NewTime(v.CreatedAt)
	out.Labels = vmLabels(v)
	out.Status.ProviderID = utils.ProviderID(v.Subregion, v.ID)
	out.Status.ImageID = v.ImageID
	if v.Leaving() {
		out.DeletionTimestamp = new(metav1.Now())
	}
	return out
}

func vmLabels(v vm.VM) map[string]string {
	out := map[string]string{
		corev1.LabelInstanceTypeStable: v.Type,
		corev1.LabelArchStable:         karpv1.ArchitectureAmd64,
		corev1.LabelOSStable:           string(corev1.Linux),
		corev1.LabelTopologyZone:       v.Subregion,
		corev1.LabelTopologyRegion:     instancetype.Region(v.Subregion),
		karpv1.CapacityTypeLabelKey:    karpv1.CapacityTypeOnDemand,
	}
	if pool := v.Tags[vm.TagNodePool]; pool != "" {
		out[karpv1.NodePoolLabelKey] = pool
	}
	return out
}

// labels are the NodeClaim's own and every requirement of the type that has one value: whatever a NodePool can require
// must be among them, or the node counts as drifted at once.
func labels(claim *karpv1.NodeClaim, instanceType *cloudprovider.InstanceType, subregion string) map[string]string {
	out := maps.Clone(claim.Labels)
	if out == nil {
		out = map[string]string{}
	}
	for key, requirement := range instanceType.Requirements {
		if requirement.Len() == 1 && requirement.Operator() == corev1.NodeSelectorOpIn {
			out[key] = requirement.Values()[0]
		}
	}
	out[corev1.LabelTopologyZone] = subregion
	out[corev1.LabelTopologyRegion] = instancetype.Region(subregion)
	return out
}

func nonZero(in corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, quantity := range in {
		if !quantity.IsZero() {
			out[name] = quantity
		}
	}
	return out
}
