package cloudprovider

import (
	"cmp"
	"errors"
	"hash/fnv"
	"slices"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
	"sigs.k8s.io/karpenter/pkg/utils/resources"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// errNothingFits is returned as an InsufficientCapacityError, so that Karpenter deletes the NodeClaim and thinks again.
var errNothingFits = errors.New("no instance type of the NodeClass that fits the NodeClaim can be had at the moment")

// candidate is one type in one subnet.
type candidate struct {
	instanceType        *cloudprovider.InstanceType
	subregion, subnetID string
	price               float64
	// available is false for what was refused lately: such a candidate is not tried, but may have been.
	available bool
}

// rank returns every type and subnet that the NodeClaim allows, cheapest first. The list of a NodeClaim made by hand
// or by a static NodePool has no instance types in its requirements, so that size is checked here too. Among equal
// prices the NodeClaim's UID decides: the subregions share the load, and a repetition tries the same first.
func rank(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, instanceTypes cloudprovider.InstanceTypes) []candidate {
	requirements := scheduling.NewNodeSelectorRequirementsWithMinValues(claim.Spec.Requirements...)
	var out []candidate
	for _, instanceType := range instanceTypes {
		if !requirements.IsCompatible(instanceType.Requirements, scheduling.AllowUndefinedWellKnownLabels) ||
			!resources.Fits(claim.Spec.Resources.Requests, instanceType.Allocatable()) {
			continue
		}
		for _, offering := range instanceType.Offerings.Compatible(requirements) {
			for _, subnet := range nodeClass.Status.Subnets {
				if subnet.Subregion == offering.Zone() {
					out = append(out, candidate{instanceType, subnet.Subregion, subnet.ID, offering.Price, offering.Launchable()})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.price, b.price),
			cmp.Compare(shuffle(claim, a.subnetID), shuffle(claim, b.subnetID)),
			cmp.Compare(a.instanceType.Name, b.instanceType.Name),
		)
	})
	return out
}

func shuffle(claim *karpv1.NodeClaim, subnetID string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(string(claim.UID) + subnetID))
	return hash.Sum64()
}
