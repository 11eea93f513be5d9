package oapitest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	reservedFirst = 4
	reservedLast  = 1
)

// world is what stands in the account besides its VMs.
type world struct {
	netID    string
	netRange string
	netTags  tagHistory
	subnets  []*subnet
	groups   []*group
	images   []*image
	keypairs []*keypair
}

type subnet struct {
	id, subregion string
	prefix        netip.Prefix
	tags          tagHistory
}

type group struct {
	value osc.SecurityGroup
	tags  tagHistory
}

type keypair struct {
	value osc.Keypair
	tags  tagHistory
}

// nic is one network interface of a VM; one without a net belongs to the public cloud.
type nic struct {
	id, linkID, mac, description string
	subnet                       *subnet
	public                       bool
	device                       int
	ips                          []netip.Addr
	groups                       []*group
	keep                         bool
}

func (n *nic) key(ip netip.Addr) string { return n.subnet.id + "/" + ip.String() }

func (w *world) taggable(id string) (taggable, bool) {
	if id == w.netID {
		return taggable{"vpc", &w.netTags}, true
	}
	for _, s := range w.subnets {
		if s.id == id {
			return taggable{"subnet", &s.tags}, true
		}
	}
	for _, g := range w.groups {
		if g.value.GetSecurityGroupId() == id {
			return taggable{"security-group", &g.tags}, true
		}
	}
	for _, i := range w.images {
		if i.id() == id {
			return taggable{"image", &i.tags}, true
		}
	}
	for _, k := range w.keypairs {
		if k.value.GetKeypairId() == id {
			return taggable{"keypair", &k.tags}, true
		}
	}
	return taggable{}, false
}

func (w *world) ids() []string {
	ids := []string{w.netID}
	for _, s := range w.subnets {
		ids = append(ids, s.id)
	}
	for _, g := range w.groups {
		ids = append(ids, g.value.GetSecurityGroupId())
	}
	for _, i := range w.images {
		ids = append(ids, i.id())
	}
	for _, k := range w.keypairs {
		ids = append(ids, k.value.GetKeypairId())
	}
	return ids
}

func (w *world) subnet(id string) (*subnet, error) {
	if err := checkIDs(prefixSubnet, id); err != nil {
		return nil, err
	}
	for _, s := range w.subnets {
		if s.id == id {
			return s, nil
		}
	}
	return nil, fail("5057", "the subnet %s does not exist", id)
}

func (w *world) securityGroups(ids []string) ([]*group, error) {
	if err := checkIDs(prefixGroup, ids...); err != nil {
		return nil, err
	}
	out := make([]*group, 0, len(ids))
	for _, id := range ids {
		at := slices.IndexFunc(w.groups, func(g *group) bool { return g.value.GetSecurityGroupId() == id })
		if at < 0 {
			return nil, fail("5022", "the security group %s does not exist", id)
		}
		out = append(out, w.groups[at])
	}
	return out, nil
}

// size is the number of addresses that VMs can have in a subnet.
func (s *subnet) size() int { return 1<<(32-s.prefix.Bits()) - reservedFirst - reservedLast }

func (r *Region) free(s *subnet) int {
	taken := 0
	for key := range r.used {
		if strings.HasPrefix(key, s.id+"/") {
			taken++
		}
	}
	return s.size() - taken
}

// FillSubnet takes every free address of a subnet, as load balancers and machines of others do.
func (r *Region) FillSubnet(id string) error {
	r.lock()
	defer r.unlock()
	s, err := r.world.subnet(id)
	for err == nil && r.free(s) > 0 {
		err = r.allocate(&nic{subnet: s})
	}
	return err
}

// allocate takes the lowest free address of a subnet.
func (r *Region) allocate(n *nic) error {
	base := n.subnet.prefix.Masked().Addr().As4()
	first := binary.BigEndian.Uint32(base[:]) + reservedFirst
	for i := range n.subnet.size() {
		var raw [4]byte
		binary.BigEndian.PutUint32(raw[:], first+uint32(i))
		ip := netip.AddrFrom4(raw)
		if !r.used[n.key(ip)] {
			r.used[n.key(ip)] = true
			n.ips = append(n.ips, ip)
			return nil
		}
	}
	return noAddress(n.subnet)
}

func noAddress(s *subnet) error { return fail("10021", "the subnet %s has no free IP", s.id) }

// claim takes an address that the caller chose.
func (r *Region) claim(n *nic, text string) error {
	ip, err := netip.ParseAddr(text)
	switch {
	case err != nil || !n.subnet.prefix.Contains(ip):
		return fail("4014", "the private IP %q is not in %s", text, n.subnet.prefix)
	case r.used[n.key(ip)]:
		return fail("9045", "the private IP %s is in use", text)
	}
	r.used[n.key(ip)] = true
	n.ips = append(n.ips, ip)
	return nil
}

func (r *Region) privateDNS(ip netip.Addr) string {
	return fmt.Sprintf("ip-%s.%s.compute.internal", strings.ReplaceAll(ip.String(), ".", "-"), r.Name)
}

func readSubnets(r *Region, c *call, q query) (reply, error) {
	items := make([]osc.Subnet, 0, len(r.world.subnets))
	for _, s := range r.world.subnets {
		items = append(items, osc.Subnet{
			SubnetId: new(s.id), NetId: new(r.world.netID), IpRange: new(s.prefix.String()), SubregionName: new(s.subregion),
			AvailableIpsCount: new(int32(r.free(s))), MapPublicIpOnLaunch: new(false), State: new("available"), //nolint:gosec // small
			Tags: resourceTags(s.tags.current()),
		})
	}
	return read(r, c, q, list[osc.Subnet]{
		name: "Subnets", items: items, key: func(s osc.Subnet) string { return s.GetSubnetId() }, filter: subnetFilters(),
	})
}

func readNets(r *Region, c *call, q query) (reply, error) {
	items := []osc.Net{{
		NetId: new(r.world.netID), IpRange: new(r.world.netRange), State: new("available"), Tenancy: new("default"),
		DhcpOptionsSetId: new("dopt-00000001"), Tags: resourceTags(r.world.netTags.current()),
	}}
	return read(r, c, q, list[osc.Net]{
		name: "Nets", items: items, key: func(n osc.Net) string { return n.GetNetId() }, filter: netFilters(),
	})
}

// tagPaths adds the filters by tag that most resources have.
func tagPaths(paths map[string]string) map[string]string {
	maps.Copy(paths, map[string]string{"TagKeys": "Tags.Key", "TagValues": "Tags.Value"})
	return paths
}

func subnetFilters() filters[osc.Subnet] {
	return filters[osc.Subnet]{paths: tagPaths(map[string]string{
		"AvailableIpsCounts": "AvailableIpsCount", "IpRanges": "IpRange", "NetIds": "NetId", "States": "State",
		"SubnetIds": "SubnetId", "SubregionNames": "SubregionName",
	})}
}

func netFilters() filters[osc.Net] {
	return filters[osc.Net]{paths: tagPaths(map[string]string{
		"DhcpOptionsSetIds": "DhcpOptionsSetId", "IpRanges": "IpRange", "NetIds": "NetId", "States": "State",
	})}
}
