// Package owner says for which NodeClaim a VM is, in the words of its tags, and judges whether it may be deleted.
package owner

import (
	"cmp"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Of returns the owner of a NodeClaim's VM. With hostname mode PrivateIP the node's name follows from the address: it
// is empty as long as that is not known.
func Of(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, privateIP string) vm.Owner {
	return WithHash(claim, nodeClass, privateIP, nodeClass.VersionedHash())
}

// WithHash is Of for whoever asks about many NodeClaims of one NodeClass, and has made its hash once.
func WithHash(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, privateIP, hash string) vm.Owner {
	return vm.Owner{
		NodeClaim:     claim.Name,
		NodeClaimUID:  string(claim.UID),
		NodePool:      claim.Labels[karpv1.NodePoolLabelKey],
		NodeClass:     nodeClass.Name,
		NodeName:      nodeName(claim, nodeClass, privateIP),
		NodeClassHash: hash,
	}
}

// nodeName is the name of the Node once there is one, and before that what the mode of the launch makes of it. The
// NodeClass decides only until it is recorded: it may have changed since.
func nodeName(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, privateIP string) string {
	if claim.Status.NodeName != "" {
		return claim.Status.NodeName
	}
	mode := cmp.Or(v1alpha1.HostnameMode(claim.Annotations[v1alpha1.AnnotationHostname]), nodeClass.Spec.Talos.Hostname)
	if mode == v1alpha1.HostnamePrivateIP {
		return utils.IPToHostname(privateIP)
	}
	return utils.NodeName(claim.Name)
}

// IsNameKnown reports whether the node's name is known from the machine itself, and not from what its NodeClass says
// today.
func IsNameKnown(claim *karpv1.NodeClaim) bool {
	return claim.Status.NodeName != "" || claim.Annotations[v1alpha1.AnnotationHostname] != ""
}

// HostnameMode returns the mode that a VM was launched with. An adopted one may be older than its NodeClass is today.
func HostnameMode(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, v vm.VM) v1alpha1.HostnameMode {
	switch name := v.Tags[vm.TagNodeName]; {
	case name == utils.NodeName(claim.Name):
		return v1alpha1.HostnameNodeClaim
	case name != "" && name == utils.IPToHostname(v.PrivateIP):
		return v1alpha1.HostnamePrivateIP
	default:
		return cmp.Or(nodeClass.Spec.Talos.Hostname, v1alpha1.HostnameNodeClaim)
	}
}

// MissingTags are the tags that the VM of a NodeClaim lacks: of those that the parties around it rely on, and of the
// user's. A node name that is there stays while the right one is not certain, and the tag Name, which people may change,
// is set together with it only.
func MissingTags(cluster vm.Cluster, claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, v vm.VM,
	user map[string]string,
) map[string]string {
	missing := vm.MissingTags(v, cluster.Tags(Of(claim, nodeClass, v.PrivateIP), user))
	if v.Tags[vm.TagNodeName] != "" && !IsNameKnown(claim) {
		delete(missing, vm.TagNodeName)
	}
	if _, named := missing[vm.TagNodeName]; !named && v.Tags[vm.TagNodeName] != "" {
		delete(missing, "Name")
	}
	return missing
}
