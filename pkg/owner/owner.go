// Package owner says for which NodeClaim a VM is, in the words of its tags.
package owner

import (
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Of returns the owner of a NodeClaim's VM. With hostname mode PrivateIP the node's name follows from the address: it
// is empty as long as that is not known.
func Of(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, privateIP string) vm.Owner {
	name := utils.NodeName(claim.Name)
	if nodeClass.Spec.Talos.Hostname == v1alpha1.HostnamePrivateIP {
		name = utils.IPToHostname(privateIP)
	}
	return vm.Owner{
		NodeClaim:     claim.Name,
		NodeClaimUID:  string(claim.UID),
		NodePool:      claim.Labels[karpv1.NodePoolLabelKey],
		NodeClass:     nodeClass.Name,
		NodeName:      name,
		NodeClassHash: nodeClass.VersionedHash(),
	}
}
