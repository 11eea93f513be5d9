package oapitest

import (
	osc "github.com/outscale/osc-sdk-go/v2"
)

func readVMs(r *Region, c *call, q query) (reply, error) {
	if err := checkFilterIDs(q, prefixVM, "VmIds"); err != nil {
		return nil, err
	}
	now := r.Clock.Now()
	items := make([]osc.Vm, 0, len(r.machines))
	for _, m := range r.machines {
		if c.faults.staleMachines > 0 && m.createdAt.After(now.Add(-c.faults.staleMachines)) {
			continue
		}
		items = append(items, r.describe(m, m.tags.asOf(now.Add(-c.faults.staleTags))))
	}
	return read(r, c, q, list[osc.Vm]{
		name: "Vms", items: items, key: func(v osc.Vm) string { return v.GetVmId() }, filter: vmFilters(),
	})
}

// checkFilterIDs refuses malformed IDs in a filter; well-formed ones that match nothing are no error.
func checkFilterIDs(q query, prefix, name string) error {
	raw, ok := q.Filters[name]
	if !ok {
		return nil
	}
	ids, err := filterValues(name, raw)
	if err != nil {
		return err
	}
	return checkIDs(prefix, ids...)
}

// describe words a VM as the API does; a terminated one lacks what it held.
func (r *Region) describe(m *vm, tags map[string]string) osc.Vm {
	out := osc.Vm{
		VmId: new(m.id), VmType: new(m.vmType), State: new(m.state), StateReason: new(m.reason), ImageId: new(m.imageID),
		CreationDate: new(m.createdAt.UTC().Format(creationTime)), ReservationId: new(m.reservation),
		LaunchNumber: new(int32(m.launchNumber)), Performance: new(m.performance), Architecture: new("x86_64"), //nolint:gosec // small
		Hypervisor: new("xen"), BootMode: new(osc.BootMode(m.bootMode)), BsuOptimized: new(m.bsuOptimized),
		DeletionProtection: new(m.protected), NestedVirtualization: new(m.nested), TpmEnabled: new(m.tpm),
		IsSourceDestChecked: new(true), ProductCodes: &[]string{"0001"}, RootDeviceName: new(rootDevice), RootDeviceType: new("ebs"),
		Placement:                   &osc.Placement{SubregionName: new(m.subregion), Tenancy: new(m.tenancy)},
		VmInitiatedShutdownBehavior: new(m.guestAction),
		ShutdownBehaviorConfiguration: &osc.ShutdownBehaviorConfiguration{
			GuestAction: new(guestActionOf(m)), HostAction: new(m.hostAction),
		},
		BlockDeviceMappings: m.describeDisks(), UserData: new(m.userData), Tags: resourceTags(tags),
	}
	setIf(&out.KeypairName, m.keypair)
	setIf(&out.ClientToken, m.clientToken)
	if m.alive() {
		r.describeNetwork(m, &out)
	}
	return out
}

// guestActionOf maps the older behavior, which has one more word, to the newer one.
func guestActionOf(m *vm) string {
	if m.guestAction == actionTerminate {
		return actionTerminate
	}
	return actionStop
}

func setIf(to **string, value string) {
	if value != "" {
		*to = new(value)
	}
}

func (r *Region) describeNetwork(m *vm, out *osc.Vm) {
	out.PrivateDnsName, out.PrivateIp = new(m.dnsName), new(m.privateIP())
	groups := lightGroups(m.nics[0].groups)
	out.SecurityGroups = &groups
	setIf(&out.PublicIp, m.publicIP)
	if m.nics[0].public {
		out.Nics = &[]osc.NicLight{}
		return
	}
	out.NetId, out.SubnetId = new(r.world.netID), new(m.subnetID())
	nics := make([]osc.NicLight, 0, len(m.nics))
	for _, n := range m.nics {
		nics = append(nics, r.lightNic(n))
	}
	out.Nics = &nics
}

func lightGroups(groups []*group) []osc.SecurityGroupLight {
	out := make([]osc.SecurityGroupLight, 0, len(groups))
	for _, g := range groups {
		out = append(out, osc.SecurityGroupLight{
			SecurityGroupId: g.value.SecurityGroupId, SecurityGroupName: g.value.SecurityGroupName,
		})
	}
	return out
}

func (r *Region) lightNic(n *nic) osc.NicLight {
	groups := lightGroups(n.groups)
	ips := make([]osc.PrivateIpLightForVm, 0, len(n.ips))
	for i, ip := range n.ips {
		ips = append(ips, osc.PrivateIpLightForVm{
			IsPrimary: new(i == 0), PrivateIp: new(ip.String()), PrivateDnsName: new(r.privateDNS(ip)),
		})
	}
	return osc.NicLight{
		AccountId: new(accountID), NicId: new(n.id), SubnetId: new(n.subnet.id), NetId: new(r.world.netID),
		State: new("in-use"), MacAddress: new(n.mac), Description: new(n.description), IsSourceDestChecked: new(true),
		PrivateDnsName: new(r.privateDNS(n.ips[0])), PrivateIps: &ips, SecurityGroups: &groups,
		LinkNic: &osc.LinkNicLight{
			DeleteOnVmDeletion: new(!n.keep), DeviceNumber: new(int32(n.device)), LinkNicId: new(n.linkID), State: new("attached"), //nolint:gosec // 0 to 7
		},
	}
}

func (m *vm) describeDisks() *[]osc.BlockDeviceMappingCreated {
	out := make([]osc.BlockDeviceMappingCreated, 0, len(m.volumes))
	for _, v := range m.volumes {
		out = append(out, osc.BlockDeviceMappingCreated{DeviceName: new(v.device), Bsu: &osc.BsuCreated{
			VolumeId: new(v.id), State: new("attached"), DeleteOnVmDeletion: new(!v.keep), LinkDate: new(v.createdAt.UTC().Format(creationTime)),
		}})
	}
	return &out
}

func readVMsState(r *Region, c *call, q struct {
	query
	AllVms bool
},
) (reply, error) {
	if err := checkFilterIDs(q.query, prefixVM, "VmIds"); err != nil {
		return nil, err
	}
	var items []osc.VmStates
	for _, m := range r.machines {
		if !q.AllVms && m.state != stateRunning {
			continue
		}
		events := make([]osc.MaintenanceEvent, 0, len(m.maintenance))
		for _, e := range m.maintenance {
			events = append(events, osc.MaintenanceEvent{
				Code: new(e.Code), Description: new(e.Description),
				NotBefore: new(e.NotBefore.UTC().Format(creationTime)), NotAfter: new(e.NotAfter.UTC().Format(creationTime)),
			})
		}
		items = append(items, osc.VmStates{
			VmId: new(m.id), VmState: new(m.state), SubregionName: new(m.subregion), MaintenanceEvents: &events,
		})
	}
	return read(r, c, q.query, list[osc.VmStates]{
		name: "VmStates", items: items, key: func(v osc.VmStates) string { return v.GetVmId() }, filter: vmStateFilters(),
	})
}

func readVMsStopHistory(r *Region, c *call, q query) (reply, error) {
	var items []osc.VmsStopHistory
	for _, s := range r.history {
		items = append(items, osc.VmsStopHistory{
			VmId: new(s.vmID), StateReason: new(s.reason), StopDate: new(s.at.UTC().Format(creationTime)),
		})
	}
	return read(r, c, q, list[osc.VmsStopHistory]{
		name: "VmsStopHistory", items: items, filter: stopHistoryFilters(),
		key: func(s osc.VmsStopHistory) string { return s.GetVmId() + " " + s.GetStopDate() },
	})
}
