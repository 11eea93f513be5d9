package owner

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// MinAge is how old a VM without NodeClaim must be before it may be deleted. It is more than the 5 minutes that Karpenter
// gives a launch: a younger VM may be about to be adopted.
const MinAge = 6 * time.Minute

// Whose is which cluster a VM belongs to.
type Whose string

// Owners of a VM.
const (
	// Ours has this cluster's tags or, where they were lost, a client token that only this cluster makes.
	Ours Whose = "ours"
	// Foreign names another cluster's UID, and has no client token of ours.
	Foreign Whose = "foreign"
	// Unknown has no proof of either: its name alone, or nothing.
	Unknown Whose = "unknown"
)

// Reason is why a VM must stay.
type Reason string

// Reasons to keep a VM, in the order in which they are looked for.
const (
	// Leaving is on its way out already.
	Leaving Reason = "leaving"
	// NotOurs is another cluster's, or not proven to be ours.
	NotOurs Reason = "not ours"
	// Claimed is wanted by a NodeClaim.
	Claimed Reason = "claimed"
	// NodeReady has a Ready Node: pods run on it.
	NodeReady Reason = "node ready"
	// AgeUnknown has no creation date that can be read.
	AgeUnknown Reason = "age unknown"
	// Young may still be adopted by the launch that made it.
	Young Reason = "young"
	// Protected has DeletionProtection.
	Protected Reason = "protected"
)

// Facts are what a VM is judged by. An empty name means that no such object is known, so that whoever could not read
// NodeClaims must not judge.
type Facts struct {
	VM vm.VM
	// Protected is the VM's DeletionProtection. Outscale refuses the call itself where this is not known.
	Protected bool
	// NodeClaim wants the VM, see Claims.
	NodeClaim string
	// ReadyNode is the VM's Node, if that is Ready.
	ReadyNode string
	Now       time.Time
}

// Age is how old the VM is, and false when that is not known.
func (f Facts) Age() (time.Duration, bool) {
	return f.Now.Sub(f.VM.CreatedAt), !f.VM.CreatedAt.IsZero()
}

// Verdict is whose a VM is, and whether it may be deleted.
type Verdict struct {
	Whose Whose
	// Keep is empty when the VM may be deleted.
	Keep Reason
	// Why says the verdict in words.
	Why string
}

// MayDelete reports whether the VM is ours, old, and wanted by nothing that is known.
func (v Verdict) MayDelete() bool { return v.Whose == Ours && v.Keep == "" }

// Judge says whose a VM is and whether it may be deleted. It is the only judgement of that, for garbage collection and
// for kpo alike.
func Judge(cluster vm.Cluster, f Facts) Verdict {
	whose, why := whose(cluster, f.VM)
	keep := func(reason Reason, why string) Verdict { return Verdict{whose, reason, why} }
	age, known := f.Age()
	switch {
	case f.VM.Leaving():
		return keep(Leaving, "Outscale is deleting it")
	case whose != Ours:
		return keep(NotOurs, why)
	case f.NodeClaim != "":
		return keep(Claimed, fmt.Sprintf("NodeClaim %s has it", f.NodeClaim))
	case f.ReadyNode != "":
		return keep(NodeReady, fmt.Sprintf("Node %s is Ready: the NodeClaim was deleted by hand", f.ReadyNode))
	case !known:
		return keep(AgeUnknown, "its age is not known")
	case age <= MinAge:
		return keep(Young, "may be about to be adopted")
	case f.Protected:
		return keep(Protected, "DeletionProtection is set")
	default:
		return keep("", why)
	}
}

// whose looks for proof: a cluster's name can be used twice, its UID cannot, and neither can its client tokens. A cluster
// whose own UID is not known owns nothing.
func whose(cluster vm.Cluster, v vm.VM) (Whose, string) {
	uid := v.Tags[vm.TagClusterUID]
	switch {
	case cluster.UID == "":
		return Unknown, "our cluster's UID is not known"
	case cluster.Owns(v):
		return Ours, "no NodeClaim has it"
	case cluster.IsOurs(v):
		return Ours, "our client token without our tags, and no NodeClaim has it"
	case uid != "" && uid != cluster.UID:
		return Foreign, "cluster UID " + uid + " is another cluster's"
	default:
		return Unknown, "neither our cluster's tags nor a client token of ours"
	}
}

// Claims finds the NodeClaim that wants a VM.
type Claims struct {
	byVM      map[string]string
	launching []launching
}

// launching is a NodeClaim that has no VM yet, and may adopt one of its own.
type launching struct {
	name   string
	claims func(vm.VM) bool
}

// ClaimsOf returns the NodeClaims of a cluster. One that has a VM wants no other.
func ClaimsOf(cluster vm.Cluster, all []karpv1.NodeClaim) *Claims {
	out := &Claims{byVM: map[string]string{}}
	for _, claim := range all {
		if id, err := utils.ParseProviderID(claim.Status.ProviderID); err == nil {
			out.byVM[id] = claim.Name
		} else {
			out.launching = append(out.launching, launching{claim.Name, cluster.Claims(string(claim.UID))})
		}
	}
	return out
}

// Of returns the name of the NodeClaim that wants the VM, or "".
func (c *Claims) Of(v vm.VM) string {
	if name := c.byVM[v.ID]; name != "" {
		return name
	}
	for _, l := range c.launching {
		if l.claims(v) {
			return l.name
		}
	}
	return ""
}

// IsRegistered reports whether Karpenter has taken a Node over. Until then it has a taint that keeps pods away.
func IsRegistered(node *corev1.Node) bool {
	return !slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool {
		return taint.MatchTaint(&karpv1.UnregisteredNoExecuteTaint)
	})
}
