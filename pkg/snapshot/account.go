package snapshot

import (
	"fmt"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// cloudSources are what is read from Outscale.
func cloudSources() []Source {
	return []Source{SourceVMs, SourceConsoles, SourceQuotas, SourcePrices}
}

// CheckAccount compares the account with the cluster: a kubelet that reports runs on a VM, so that an account without any
// of these VMs is not the one of the cluster. All that was read from it then says nothing, and counts as unreadable.
//
// Outscale lists a terminated VM for a while: one VM that the cluster names, or that carries its UID, is proof enough.
func (s *Snapshot) CheckAccount() {
	if s.Why(SourceVMs) != "" {
		return
	}
	ready := s.readyVMs()
	if len(ready) == 0 {
		return
	}
	named := s.NamedVMs()
	for _, v := range s.VMs {
		if named[v.ID] || s.ProvenOurs(v) || s.Cluster.UID != "" && v.Tags[vm.TagClusterUID] == s.Cluster.UID {
			return
		}
	}
	s.WrongAccount = fmt.Sprintf("none of the %d VMs that Ready Nodes name exists in this account", len(ready))
	if len(ready) == 1 {
		s.WrongAccount = "the VM that the only Ready Node names does not exist in this account"
	}
	if account := s.Access.Account(); account != "" {
		s.WrongAccount += " (" + account + ")"
	}
	s.WrongAccount += ": wrong credentials or region?"
	for _, source := range cloudSources() {
		if s.Sources[source].State == StateOK {
			s.Sources[source] = SourceStatus{State: StateFailed, Reason: "not those of this cluster's account"}
		}
	}
	s.Sources[SourceVMs] = SourceStatus{State: StateFailed, Reason: s.WrongAccount}
}

// readyVMs are the VMs that Ready Nodes name.
func (s *Snapshot) readyVMs() map[string]bool {
	ready := map[string]bool{}
	for i := range s.Nodes {
		id, err := utils.ParseProviderID(s.Nodes[i].Spec.ProviderID)
		if err == nil && Ready(&s.Nodes[i]).Status == "True" {
			ready[id] = true
		}
	}
	return ready
}

// NamedVMs are the VMs that NodeClaims and Nodes refer to.
func (s *Snapshot) NamedVMs() map[string]bool {
	named := map[string]bool{}
	add := func(providerID string) {
		if id, err := utils.ParseProviderID(providerID); err == nil {
			named[id] = true
		}
	}
	for i := range s.NodeClaims {
		add(s.NodeClaims[i].Status.ProviderID)
	}
	for i := range s.Nodes {
		add(s.Nodes[i].Spec.ProviderID)
	}
	return named
}

// Account names the account, "" where there was no access to any.
func (a Access) Account() string {
	var parts []string
	if a.Key != "" {
		parts = append(parts, "key ..."+a.Key)
	}
	if a.Region != "" {
		parts = append(parts, a.Region)
	}
	return strings.Join(parts, ", ")
}
