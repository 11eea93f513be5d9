package launch

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
	instanceType *cloudprovider.InstanceType
	subnet       v1alpha1.Subnet
	price        float64
	// available is false for what was refused lately: such a candidate is not tried, but may have been.
	available bool
}

// rank returns every type and subnet that the NodeClaim allows, cheapest first. The list of a NodeClaim made by hand
// or by a static NodePool has no instance types in its requirements, so that size is checked here too. Among equal
// prices the NodeClaim's UID decides: the subregions share the load, and a repetition tries the same first. Of the subnets
// of a subregion the one with most free addresses comes first.
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
				if subnet.Subregion == offering.Zone() && !subnet.IsFull() {
					out = append(out, candidate{instanceType, subnet, offering.Price, offering.Launchable()})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.price, b.price),
			cmp.Compare(shuffle(claim, a.subnet.Subregion), shuffle(claim, b.subnet.Subregion)),
			cmp.Compare(a.instanceType.Name, b.instanceType.Name),
			cmp.Compare(free(b.subnet), free(a.subnet)),
			cmp.Compare(a.subnet.ID, b.subnet.ID),
		)
	})
	return out
}

func free(subnet v1alpha1.Subnet) int32 {
	if subnet.AvailableIPs == nil {
		return 0
	}
	return *subnet.AvailableIPs
}

func shuffle(claim *karpv1.NodeClaim, subregion string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(string(claim.UID) + subregion))
	return hash.Sum64()
}
