package oapitest

import (
	"net/netip"
	"slices"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// ReachesControlPlane reports whether the security group of the control plane lets a VM in on a TCP port: by the address
// of one of its network cards, or by a group that one is in. What no rule allows is dropped.
func (r *Region) ReachesControlPlane(vmID string, port int32) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[vmID]
	if !ok {
		return false
	}
	return slices.ContainsFunc(r.controlPlaneGroup().value.GetInboundRules(), func(rule osc.SecurityGroupRule) bool {
		return covers(rule, port) && slices.ContainsFunc(m.nics, func(n *nic) bool { return comesFrom(rule, n) })
	})
}

// LetIn makes the security group of the control plane let in on a port from these ranges only, and from nowhere without
// one.
func (r *Region) LetIn(port int32, ranges ...string) {
	r.lock()
	defer r.unlock()
	g := r.controlPlaneGroup()
	rules := slices.Clone(g.value.GetInboundRules())
	for i := range rules {
		if covers(rules[i], port) {
			rules[i].SetIpRanges(ranges)
		}
	}
	g.value.SetInboundRules(rules)
}

func (r *Region) controlPlaneGroup() *group {
	at := slices.IndexFunc(r.world.groups, func(g *group) bool {
		return g.value.GetSecurityGroupId() == r.fixture.ControlPlaneSecurityGroupID
	})
	return r.world.groups[at]
}

func covers(rule osc.SecurityGroupRule, port int32) bool {
	switch rule.GetIpProtocol() {
	case "-1":
		return true
	case "tcp", "6":
		return rule.GetFromPortRange() == -1 || rule.GetFromPortRange() <= port && port <= rule.GetToPortRange()
	}
	return false
}

func comesFrom(rule osc.SecurityGroupRule, n *nic) bool {
	for _, text := range rule.GetIpRanges() {
		prefix, err := netip.ParsePrefix(text)
		if err == nil && slices.ContainsFunc(n.ips, prefix.Contains) {
			return true
		}
	}
	return slices.ContainsFunc(rule.GetSecurityGroupsMembers(), func(member osc.SecurityGroupsMember) bool {
		return slices.ContainsFunc(n.groups, func(g *group) bool { return g.value.GetSecurityGroupId() == member.GetSecurityGroupId() })
	})
}
