package launch

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
)

// Labels are the NodeClaim's own and every requirement of the type that has one value: whatever a NodePool can require
// must be among them, or the node counts as drifted at once.
func Labels(claim *karpv1.NodeClaim, instanceType *cloudprovider.InstanceType, subregion string) map[string]string {
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
