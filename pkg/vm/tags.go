package vm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// Tags that the parties around a VM rely on.
const (
	// TagManagedBy holds the cluster name. Without it List does not see the VM.
	TagManagedBy = "karpenter.sh/managed-by"
	// TagNodeName holds the node name. Without it the Outscale CCM deletes the Node (CCM ccm/cloud/vm.go:141-163).
	TagNodeName = "OscK8sNodeName"
	// TagNodeClaim, TagNodePool and TagNodeClass hold names, for people.
	TagNodeClaim = "karpenter.sh/nodeclaim"
	TagNodePool  = "karpenter.sh/nodepool"
	TagNodeClass = "karpenter.outscale.com/nodeclass"
	// TagNodeClaimUID and TagClusterUID prove who owns the VM before anything is deleted.
	TagNodeClaimUID = "karpenter.outscale.com/nodeclaim-uid"
	TagClusterUID   = "karpenter.outscale.com/cluster-uid"
	// TagNodeClassHash is the hash of the NodeClass that the VM was launched from. A NodeClaim that adopts the VM has no
	// other way to know it: the NodeClass may have changed meanwhile.
	TagNodeClassHash = "karpenter.outscale.com/nodeclass-hash"
)

// Cluster is what makes a VM ours.
type Cluster struct {
	// Name is the cluster's name, which people choose.
	Name string
	// ID is the CCM's cluster ID, the <id> of the tag OscK8sClusterID/<id>.
	ID string
	// UID is the UID of the namespace kube-system: it tells two clusters of one name apart.
	UID string
}

// Owner is the NodeClaim that a VM is made for.
type Owner struct {
	NodeClaim, NodeClaimUID, NodePool, NodeClass string
	// NodeName is empty while it depends on the address that the VM will get.
	NodeName string
	// NodeClassHash is that of the NodeClass as it is now.
	NodeClassHash string
}

// Tags returns the tags of a VM. Tags of the user never override the ones that the parties rely on.
func (c Cluster) Tags(owner Owner, user map[string]string) map[string]string {
	tags := maps.Clone(user)
	if tags == nil {
		tags = map[string]string{}
	}
	delete(tags, TagNodePool)
	delete(tags, TagNodeName)
	delete(tags, TagNodeClassHash)
	maps.Copy(tags, map[string]string{
		TagManagedBy:                      c.Name,
		TagClusterUID:                     c.UID,
		"OscK8sClusterID/" + c.ID:         "owned",
		"kubernetes.io/cluster/" + c.Name: "owned",
		TagNodeClaim:                      owner.NodeClaim,
		TagNodeClaimUID:                   owner.NodeClaimUID,
		TagNodeClass:                      owner.NodeClass,
		"Name":                            c.Name + "-" + owner.NodeName,
	})
	if owner.NodePool != "" {
		tags[TagNodePool] = owner.NodePool
	}
	if owner.NodeClassHash != "" {
		tags[TagNodeClassHash] = owner.NodeClassHash
	}
	if owner.NodeName == "" {
		tags["Name"] = c.Name + "-" + owner.NodeClaim
	} else {
		tags[TagNodeName] = owner.NodeName
	}
	return tags
}

// Owns reports whether the VM is proven to be this cluster's.
func (c Cluster) Owns(v VM) bool {
	return v.Tags[TagManagedBy] == c.Name && v.Tags[TagClusterUID] == c.UID
}

// IsOurs reports whether a VM that a NodeClaim names may be deleted for it: it has the cluster's tags or, where they were
// stripped, a client token that only this cluster makes.
func (c Cluster) IsOurs(v VM) bool { return c.Owns(v) || c.launched(v) }

// isForeign reports whether the VM is proven to be another cluster's, for instance one of the same name.
func (c Cluster) isForeign(v VM) bool {
	uid, ok := v.Tags[TagClusterUID]
	return ok && uid != c.UID && !c.launched(v)
}

// launched reports whether the VM has a client token that only this cluster makes.
func (c Cluster) launched(v VM) bool { return strings.HasPrefix(v.ClientToken, c.marker()) }

func (c Cluster) marker() string { return "kpo-" + digest(c.UID)[:12] + "-" }

// Claims returns what reports whether a VM is of the NodeClaim with this UID: by its tag, or by its client token where
// that was lost. The token is made once, for any number of VMs.
func (c Cluster) Claims(nodeClaimUID string) func(VM) bool {
	prefix := c.tokenPrefix(nodeClaimUID)
	return func(v VM) bool {
		return v.Tags[TagNodeClaimUID] == nodeClaimUID || strings.HasPrefix(v.ClientToken, prefix)
	}
}

// Token returns the client token of one attempt: the same for every repetition, another for another candidate. It
// names cluster and NodeClaim even when all tags are lost.
func (c Cluster) Token(owner Owner, vmType, subnetID string) string {
	return c.tokenPrefix(owner.NodeClaimUID) + digest(vmType, subnetID)[:12]
}

func (c Cluster) tokenPrefix(nodeClaimUID string) string {
	return c.marker() + digest(nodeClaimUID)[:31] + "-"
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// MissingTags returns the wanted tags that the VM lacks or has with another value. The hash of the NodeClass is none of
// them: it is about the launch, and that of today would make an outdated VM look current.
func MissingTags(v VM, want map[string]string) map[string]string {
	missing := map[string]string{}
	for key, value := range want {
		if had, ok := v.Tags[key]; key != TagNodeClassHash && (!ok || had != value) {
			missing[key] = value
		}
	}
	return missing
}

// Tag sets tags on a VM and remembers that it did.
func (p *Provider) Tag(ctx context.Context, id string, tags map[string]string) error {
	request := osc.CreateTagsRequest{ResourceIds: []string{id}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		request.Tags = append(request.Tags, osc.ResourceTag{Key: key, Value: tags[key]})
	}
	if err := p.api.CreateTags(ctx, request); err != nil {
		return fmt.Errorf("tagging VM %q: %w", id, err)
	}
	p.fleet.tagged(id, tags, p.now())
	return nil
}
