package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// tokenSuffix is the length of the part of a client token that names the attempt.
const tokenSuffix = 12

// Machine is one row of the full outer join of NodeClaims, Nodes and VMs: any one of them can be missing.
type Machine struct {
	Claim *karpv1.NodeClaim
	Node  *corev1.Node
	VM    *VM
	// Twins are further Nodes with the same provider ID: Karpenter registers none of them.
	Twins []*corev1.Node
}

// Name returns the most telling name there is.
func (m Machine) Name() string {
	switch {
	case m.Claim != nil:
		return m.Claim.Name
	case m.Node != nil:
		return m.Node.Name
	default:
		return m.VM.ID
	}
}

// Machines joins what is Karpenter's: each NodeClaim, each of its Nodes and each VM with this cluster's mark. The order
// is that of their names, whatever the order of what was read.
func (s *Snapshot) Machines() []Machine {
	j := s.newJoin()
	out := make([]Machine, 0, len(s.NodeClaims))
	for i := range s.NodeClaims {
		out = append(out, j.claim(&s.NodeClaims[i]))
	}
	for i := range s.Nodes {
		if node := &s.Nodes[i]; !j.usedNodes[node.Name] && j.isKarpenters(node) {
			out = append(out, j.node(node))
		}
	}
	for i := range s.VMs {
		if v := &s.VMs[i]; !j.usedVMs[v.ID] && !v.Gone() && s.Ours(*v) {
			out = append(out, Machine{VM: v})
		}
	}
	slices.SortFunc(out, func(a, b Machine) int { return cmp.Compare(a.Name(), b.Name()) })
	return out
}

// Ours reports whether the VM carries this cluster's mark: the tag with its name, or a client token that only it makes.
func (s *Snapshot) Ours(v VM) bool {
	if v.Tags[vm.TagManagedBy] != "" && v.Tags[vm.TagManagedBy] == s.Cluster.Name {
		return true
	}
	if s.Cluster.UID == "" {
		return false
	}
	return v.Tags[vm.TagClusterUID] == s.Cluster.UID || strings.HasPrefix(v.ClientToken, clusterToken(s.Cluster))
}

// ProvenOurs reports whether the VM can be no other cluster's: a name can be used twice, the UID of a cluster cannot.
func (s *Snapshot) ProvenOurs(v VM) bool {
	return s.Cluster.UID != "" && (s.Cluster.Owned().Owns(v.Core()) || strings.HasPrefix(v.ClientToken, clusterToken(s.Cluster)))
}

// clusterToken is the beginning of the client tokens of a cluster.
func clusterToken(c Cluster) string {
	const length = len("kpo-") + tokenSuffix + len("-")
	return c.Owned().Token(vm.Owner{}, "", "")[:length]
}

// claimToken is the beginning of the client tokens of a NodeClaim.
func claimToken(c Cluster, uid string) string {
	token := c.Owned().Token(vm.Owner{NodeClaimUID: uid}, "", "")
	return token[:len(token)-tokenSuffix]
}

// join finds what belongs together in constant time.
type join struct {
	nodesByVM, nodesByName map[string][]*corev1.Node
	vms, vmsByMark         map[string]*VM
	cluster                Cluster
	usedNodes, usedVMs     map[string]bool
}

func (s *Snapshot) newJoin() *join {
	j := &join{
		nodesByVM: map[string][]*corev1.Node{}, nodesByName: map[string][]*corev1.Node{},
		vms: map[string]*VM{}, vmsByMark: map[string]*VM{}, cluster: s.Cluster,
		usedNodes: map[string]bool{}, usedVMs: map[string]bool{},
	}
	for i := range s.Nodes {
		node := &s.Nodes[i]
		j.nodesByName[node.Name] = append(j.nodesByName[node.Name], node)
		if id, err := utils.ParseProviderID(node.Spec.ProviderID); err == nil {
			j.nodesByVM[id] = append(j.nodesByVM[id], node)
		}
	}
	for _, nodes := range j.nodesByVM {
		slices.SortFunc(nodes, func(a, b *corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	}
	for i := range s.VMs {
		v := &s.VMs[i]
		j.vms[v.ID] = v
		if v.Gone() {
			continue
		}
		if uid := v.Tags[vm.TagNodeClaimUID]; uid != "" {
			j.vmsByMark[uid] = v
		}
		if len(v.ClientToken) > tokenSuffix {
			j.vmsByMark[v.ClientToken[:len(v.ClientToken)-tokenSuffix]] = v
		}
	}
	return j
}

// claim joins by provider ID first, then by the marks that the launch left on the VM.
func (j *join) claim(claim *karpv1.NodeClaim) Machine {
	m := Machine{Claim: claim}
	if id, err := utils.ParseProviderID(claim.Status.ProviderID); err == nil {
		m.VM = j.vms[id]
		m = m.with(j.nodesByVM[id])
	} else {
		m.VM = cmp.Or(j.vmsByMark[string(claim.UID)], j.vmsByMark[claimToken(j.cluster, string(claim.UID))])
	}
	if m.Node == nil {
		m = m.with(j.nodesByName[cmp.Or(claim.Status.NodeName, j.nodeName(claim, m.VM))])
	}
	j.use(m)
	return m
}

// nodeName is the name that the Node of a claim will have.
func (j *join) nodeName(claim *karpv1.NodeClaim, v *VM) string {
	if v != nil && v.Tags[vm.TagNodeName] != "" {
		return v.Tags[vm.TagNodeName]
	}
	if v != nil {
		if name := utils.IPToHostname(v.PrivateIP); len(j.nodesByName[name]) > 0 {
			return name
		}
	}
	return utils.NodeName(claim.Name)
}

func (j *join) node(node *corev1.Node) Machine {
	m := Machine{Node: node}
	if id, err := utils.ParseProviderID(node.Spec.ProviderID); err == nil {
		m.VM = j.vms[id]
		m = m.with(j.nodesByVM[id])
	}
	j.use(m)
	return m
}

// isKarpenters reports whether a Node without NodeClaim is one that Karpenter made.
func (j *join) isKarpenters(node *corev1.Node) bool {
	if node.Labels[karpv1.NodePoolLabelKey] != "" {
		return true
	}
	id, err := utils.ParseProviderID(node.Spec.ProviderID)
	return err == nil && j.vms[id] != nil && j.vms[id].Tags[vm.TagManagedBy] != ""
}

func (j *join) use(m Machine) {
	if m.VM != nil {
		j.usedVMs[m.VM.ID] = true
	}
	if m.Node != nil {
		j.usedNodes[m.Node.Name] = true
	}
	for _, twin := range m.Twins {
		j.usedNodes[twin.Name] = true
	}
}

// with is the machine with its Nodes: the first one, and twins.
func (m Machine) with(nodes []*corev1.Node) Machine {
	if len(nodes) > 0 {
		m.Node, m.Twins = nodes[0], nodes[1:]
	}
	return m
}

// Find returns the machine that a target names: NodeClaim, Node, VM ID, provider ID or IP address, or the beginning of
// a name that only one machine has.
func Find(machines []Machine, target string) (Machine, error) {
	if id, err := utils.ParseProviderID(target); err == nil {
		target = id
	}
	var starts []Machine
	for _, m := range machines {
		names := m.names()
		if slices.Contains(names, target) {
			return m, nil
		}
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, target) }) {
			starts = append(starts, m)
		}
	}
	switch len(starts) {
	case 1:
		return starts[0], nil
	case 0:
		return Machine{}, fmt.Errorf("no NodeClaim, Node or VM matches %q", target)
	default:
		candidates := make([]string, 0, 5)
		for _, m := range starts[:min(5, len(starts))] {
			candidates = append(candidates, m.Name())
		}
		return Machine{}, fmt.Errorf("%q is the beginning of %d names: %s", target, len(starts), strings.Join(candidates, ", "))
	}
}

// names are all that the machine is called.
func (m Machine) names() []string {
	var out []string
	if m.Claim != nil {
		out = append(out, m.Claim.Name)
		if id, err := utils.ParseProviderID(m.Claim.Status.ProviderID); err == nil {
			out = append(out, id)
		}
	}
	if m.Node != nil {
		out = append(out, m.Node.Name)
		for _, address := range m.Node.Status.Addresses {
			if address.Type == corev1.NodeInternalIP || address.Type == corev1.NodeExternalIP {
				out = append(out, address.Address)
			}
		}
	}
	if m.VM != nil {
		out = append(out, m.VM.ID)
		if m.VM.PrivateIP != "" {
			out = append(out, m.VM.PrivateIP)
		}
	}
	return out
}
