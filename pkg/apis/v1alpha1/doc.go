// Package v1alpha1 is the API of the provider: the OutscaleNodeClass and the labels of its nodes.
//
// +k8s:deepcopy-gen=package,register
// +kubebuilder:object:generate=true
// +groupName=karpenter.outscale.com
package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// Group is the API group, and the domain of the provider's labels.
const Group = "karpenter.outscale.com"

// GroupVersion is the version of this package.
var GroupVersion = schema.GroupVersion{Group: Group, Version: "v1alpha1"}

// IsOurs reports whether a NodeClaim is of this provider. Another Karpenter in the same cluster has NodeClaims too, whose
// provider IDs can look like ours.
func IsOurs(claim *karpv1.NodeClaim) bool {
	ref := claim.Spec.NodeClassRef
	return ref != nil && ref.Group == Group
}

// Karpenter reads types and labels from package state of its own and of client-go, lazily but before any controller
// runs: there is no other moment than init to fill it.
func init() {
	scheme.Scheme.AddKnownTypes(GroupVersion, &OutscaleNodeClass{}, &OutscaleNodeClassList{})
	metav1.AddToGroupVersion(scheme.Scheme, GroupVersion)
	karpv1.RestrictedLabelDomains = karpv1.RestrictedLabelDomains.Insert(Group)
	karpv1.WellKnownLabels = karpv1.WellKnownLabels.Insert(
		LabelGeneration, LabelPerformance, LabelCPU, LabelMemory,
	)
	// A volume of the BSU CSI driver names its subregion by the driver's own key.
	karpv1.NormalizedLabels[LabelCSIZone] = corev1.LabelTopologyZone
}
