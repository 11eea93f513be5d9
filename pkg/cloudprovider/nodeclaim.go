package cloudprovider

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/launch"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// nodeClaim builds the NodeClaim that Create returns from the VM and its instance type.
func nodeClaim(v vm.VM, claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, instanceType *cloudprovider.InstanceType) *karpv1.NodeClaim {
	out := nodeClaimFrom(v)
	out.Name = claim.Name
	out.Annotations = launchedFrom(v, nodeClass)
	out.Annotations[v1alpha1.AnnotationHostname] = string(owner.HostnameMode(claim, nodeClass, v))
	if instanceType == nil {
		maps.Copy(out.Labels, claim.Labels)
		maps.Copy(out.Labels, vmLabels(v))
		return out
	}
	out.Labels = launch.Labels(claim, instanceType, v.Subregion)
	out.Status.Capacity = nonZero(instanceType.Capacity)
	out.Status.Allocatable = nonZero(instanceType.Allocatable())
	return out
}

// launchedFrom are the annotations that drift is judged by. A VM that was adopted says itself what it was launched from:
// the NodeClass may have changed since. One that lost the tag, or is of a release without it, counts as one of today, since
// a missing tag is no reason to replace a node.
func launchedFrom(v vm.VM, nodeClass *v1alpha1.OutscaleNodeClass) map[string]string {
	version, hash, found := strings.Cut(v.Tags[vm.TagNodeClassHash], "-")
	if !found {
		version, hash, _ = strings.Cut(nodeClass.VersionedHash(), "-")
	}
	return map[string]string{v1alpha1.AnnotationHash: hash, v1alpha1.AnnotationHashVersion: version}
}

// typeOf returns the type of a VM, which may be none that the NodeClass offers today when the VM was adopted. It returns
// nil if the size cannot be derived from the name.
func (c *CloudProvider) typeOf(v vm.VM, nodeClass *v1alpha1.OutscaleNodeClass, instanceTypes cloudprovider.InstanceTypes) *cloudprovider.InstanceType {
	i := slices.IndexFunc(instanceTypes, func(t *cloudprovider.InstanceType) bool { return t.Name == v.Type })
	if i >= 0 {
		return instanceTypes[i]
	}
	return c.types.Describe(v.Type, nodeClass)
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

func nonZero(in corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, quantity := range in {
		if !quantity.IsZero() {
			out[name] = quantity
		}
	}
	return out
}
