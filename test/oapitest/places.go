package oapitest

import (
	"fmt"

	osc "github.com/outscale/osc-sdk-go/v2"
)

func (r *Region) subregion(i int) string { return r.Name + "abc"[i:i+1] }

func (r *Region) subregions() []string {
	var out []string
	for i := range r.Subregions {
		out = append(out, r.subregion(i))
	}
	return out
}

func readRegions(_ *Region, _ *call, _ struct{}) (reply, error) {
	var items []osc.Region
	for _, name := range []string{"ap-northeast-1", "cloudgouv-eu-west-1", "eu-west-2", "us-east-2", "us-west-1"} {
		items = append(items, osc.Region{RegionName: new(name), Endpoint: new(fmt.Sprintf("api.%s.outscale.com", name))})
	}
	return reply{"Regions": items}, nil
}

func readSubregions(r *Region, c *call, q query) (reply, error) {
	var items []osc.Subregion
	for i, name := range r.subregions() {
		items = append(items, osc.Subregion{
			SubregionName: new(name), RegionName: new(r.Name), State: new("available"), LocationCode: new(fmt.Sprintf("PAR%d", 1+3*i)),
		})
	}
	return read(r, c, q, list[osc.Subregion]{
		name: "Subregions", items: items, key: func(s osc.Subregion) string { return s.GetSubregionName() },
		filter: filters[osc.Subregion]{paths: map[string]string{
			"RegionNames": "RegionName", "States": "State", "SubregionNames": "SubregionName",
		}},
	})
}

func readAccounts(_ *Region, _ *call, _ struct{}) (reply, error) {
	return reply{"Accounts": []osc.Account{{
		AccountId: new(accountID), CompanyName: new("Emulated"), CustomerId: new("00000001"), Country: new("France"),
		City: new("Saint-Cloud"), Email: new("owner@example.com"), FirstName: new("Ada"), LastName: new("Owner"), ZipCode: new("92210"),
	}}}, nil
}

func readConsoleOutput(r *Region, _ *call, req osc.ReadConsoleOutputRequest) (reply, error) {
	machines, err := r.named([]string{req.VmId})
	if err != nil {
		return nil, err
	}
	return reply{"VmId": req.VmId, "ConsoleOutput": base64Text(machines[0].console)}, nil
}

func readKeypairs(r *Region, c *call, q query) (reply, error) {
	var items []osc.Keypair
	for _, k := range r.world.keypairs {
		item := k.value
		item.Tags = resourceTags(k.tags.current())
		items = append(items, item)
	}
	return read(r, c, q, list[osc.Keypair]{
		name: "Keypairs", items: items, key: func(k osc.Keypair) string { return k.GetKeypairId() },
		filter: filters[osc.Keypair]{paths: tagPaths(map[string]string{
			"KeypairFingerprints": "KeypairFingerprint", "KeypairIds": "KeypairId", "KeypairNames": "KeypairName", "KeypairTypes": "KeypairType",
		})},
	})
}

func readSecurityGroups(r *Region, c *call, q query) (reply, error) {
	var items []osc.SecurityGroup
	for _, g := range r.world.groups {
		item := g.value
		item.Tags = resourceTags(g.tags.current())
		items = append(items, item)
	}
	return read(r, c, q, list[osc.SecurityGroup]{
		name: "SecurityGroups", items: items, key: func(g osc.SecurityGroup) string { return g.GetSecurityGroupId() },
		filter: securityGroupFilters(),
	})
}

func securityGroupFilters() filters[osc.SecurityGroup] {
	return filters[osc.SecurityGroup]{paths: tagPaths(map[string]string{
		"Descriptions": "Description", "NetIds": "NetId", "SecurityGroupIds": "SecurityGroupId",
		"SecurityGroupNames":        "SecurityGroupName",
		"InboundRuleAccountIds":     "InboundRules.SecurityGroupsMembers.AccountId",
		"InboundRuleFromPortRanges": "InboundRules.FromPortRange", "InboundRuleToPortRanges": "InboundRules.ToPortRange",
		"InboundRuleIpRanges": "InboundRules.IpRanges", "InboundRuleProtocols": "InboundRules.IpProtocol",
		"InboundRuleSecurityGroupIds":   "InboundRules.SecurityGroupsMembers.SecurityGroupId",
		"InboundRuleSecurityGroupNames": "InboundRules.SecurityGroupsMembers.SecurityGroupName",
		"OutboundRuleAccountIds":        "OutboundRules.SecurityGroupsMembers.AccountId",
		"OutboundRuleFromPortRanges":    "OutboundRules.FromPortRange", "OutboundRuleToPortRanges": "OutboundRules.ToPortRange",
		"OutboundRuleIpRanges": "OutboundRules.IpRanges", "OutboundRuleProtocols": "OutboundRules.IpProtocol",
		"OutboundRuleSecurityGroupIds":   "OutboundRules.SecurityGroupsMembers.SecurityGroupId",
		"OutboundRuleSecurityGroupNames": "OutboundRules.SecurityGroupsMembers.SecurityGroupName",
	})}
}

func readNics(r *Region, c *call, q query) (reply, error) {
	var items []osc.Nic
	for _, m := range r.machines {
		for _, n := range m.nics {
			if !n.public {
				items = append(items, r.fullNic(m, n))
			}
		}
	}
	return read(r, c, q, list[osc.Nic]{
		name: "Nics", items: items, key: func(n osc.Nic) string { return n.GetNicId() }, filter: nicFilters(),
	})
}

func (r *Region) fullNic(m *vm, n *nic) osc.Nic {
	light := r.lightNic(n)
	var ips []osc.PrivateIp
	for _, ip := range light.GetPrivateIps() {
		ips = append(ips, osc.PrivateIp{IsPrimary: ip.IsPrimary, PrivateIp: ip.PrivateIp, PrivateDnsName: ip.PrivateDnsName})
	}
	return osc.Nic{
		AccountId: light.AccountId, NicId: light.NicId, SubnetId: light.SubnetId, NetId: light.NetId, State: light.State,
		MacAddress: light.MacAddress, Description: light.Description, IsSourceDestChecked: light.IsSourceDestChecked,
		PrivateDnsName: light.PrivateDnsName, PrivateIps: &ips, SecurityGroups: light.SecurityGroups,
		SubregionName: new(m.subregion), Tags: &[]osc.ResourceTag{}, LinkNic: &osc.LinkNic{
			DeleteOnVmDeletion: light.LinkNic.DeleteOnVmDeletion, DeviceNumber: light.LinkNic.DeviceNumber,
			LinkNicId: light.LinkNic.LinkNicId, State: light.LinkNic.State, VmAccountId: new(accountID), VmId: new(m.id),
		},
	}
}

func nicFilters() filters[osc.Nic] {
	return filters[osc.Nic]{paths: tagPaths(map[string]string{
		"Descriptions": "Description", "IsSourceDestCheck": "IsSourceDestChecked", "MacAddresses": "MacAddress",
		"LinkNicDeleteOnVmDeletion": "LinkNic.DeleteOnVmDeletion", "LinkNicDeviceNumbers": "LinkNic.DeviceNumber",
		"LinkNicLinkNicIds": "LinkNic.LinkNicId", "LinkNicStates": "LinkNic.State", "LinkNicVmIds": "LinkNic.VmId",
		"LinkNicVmAccountIds": "LinkNic.VmAccountId", "NetIds": "NetId", "NicIds": "NicId", "States": "State",
		"PrivateDnsNames": "PrivateDnsName", "PrivateIpsPrimaryIp": "PrivateIps.IsPrimary",
		"PrivateIpsPrivateIps": "PrivateIps.PrivateIp", "SecurityGroupIds": "SecurityGroups.SecurityGroupId",
		"SecurityGroupNames": "SecurityGroups.SecurityGroupName", "SubnetIds": "SubnetId", "SubregionNames": "SubregionName",
		"LinkPublicIpPublicIps": "LinkPublicIp.PublicIp",
	})}
}
