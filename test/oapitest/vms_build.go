package oapitest

import (
	"fmt"
	"net/netip"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// plannedNic is a network interface that CreateVms asks for.
type plannedNic struct {
	subnet *subnet
	public bool
	groups []*group
	ips    []string
	spare  int
	device int
	keep   bool
	about  string
}

func (r *Region) planNics(p *plan) error {
	wanted := p.req.GetNics()
	if len(wanted) > 0 && (p.req.SubnetId != nil || p.req.SecurityGroupIds != nil || p.req.PrivateIps != nil) {
		return fail("3002", "Nics excludes SubnetId, SecurityGroupIds and PrivateIps")
	}
	if len(wanted) == 0 {
		wanted = []osc.NicForVmCreation{r.onlyNic(p.req)}
	}
	for _, w := range wanted {
		n, err := r.planNic(w)
		if err != nil {
			return err
		}
		p.nics = append(p.nics, n)
	}
	if p.nics[0].device != 0 {
		return fail("7000", "the NIC with device number 0 is missing")
	}
	return nil
}

func (r *Region) onlyNic(req osc.CreateVmsRequest) osc.NicForVmCreation {
	n := osc.NicForVmCreation{SubnetId: req.SubnetId, SecurityGroupIds: req.SecurityGroupIds, DeviceNumber: new(int32(0))}
	var ips []osc.PrivateIpLight
	for _, ip := range req.GetPrivateIps() {
		ips = append(ips, osc.PrivateIpLight{PrivateIp: new(ip)})
	}
	n.PrivateIps = &ips
	return n
}

func (r *Region) planNic(w osc.NicForVmCreation) (plannedNic, error) {
	n := plannedNic{
		device: int(w.GetDeviceNumber()), spare: int(w.GetSecondaryPrivateIpCount()), about: w.GetDescription(),
		keep: w.DeleteOnVmDeletion != nil && !*w.DeleteOnVmDeletion,
	}
	if n.device < 0 || n.device > 7 {
		return n, fail("4047", "the device number %d is not between 0 and 7", n.device)
	}
	if w.NicId != nil {
		return n, fail("5036", "the NIC %s does not exist", *w.NicId)
	}
	for _, ip := range w.GetPrivateIps() {
		n.ips = append(n.ips, ip.GetPrivateIp())
	}
	if w.SubnetId == nil {
		n.subnet, n.public = publicCloud(), true
		return n, nil
	}
	var err error
	if n.subnet, err = r.world.subnet(*w.SubnetId); err != nil {
		return n, err
	}
	if n.groups, err = r.world.securityGroups(w.GetSecurityGroupIds()); err != nil {
		return n, err
	}
	return n, r.checkFree(n)
}

func (r *Region) checkFree(n plannedNic) error {
	for _, text := range n.ips {
		probe := &nic{subnet: n.subnet}
		if err := r.claim(probe, text); err != nil {
			return err
		}
		delete(r.used, probe.key(probe.ips[0]))
	}
	return nil
}

// publicCloud stands for the network of VMs that are in no net.
func publicCloud() *subnet {
	return &subnet{id: "public", prefix: netip.MustParsePrefix("10.8.0.0/16")}
}

// build makes a VM of a plan that has room.
func (r *Region) build(p *plan, number int) (*vm, error) {
	now := r.Clock.Now()
	m := &vm{
		id: r.newID(prefixVM), createdAt: now, launchNumber: number, vmType: p.vmType, shape: p.shape,
		performance: p.shape.performance(), imageID: p.image.id(), subregion: p.subregion, keypair: p.req.GetKeypairName(),
		clientToken: p.req.GetClientToken(), userData: p.req.GetUserData(), guestData: p.guestData,
		guestAction: p.guestAction, hostAction: p.host, bootMode: "legacy", tenancy: "default",
		protected: p.req.GetDeletionProtection(), bsuOptimized: p.req.GetBsuOptimized(),
		nested: p.req.GetNestedVirtualization(), tpm: p.req.GetTpmEnabled(), tags: newTags(now, nil),
	}
	if p.req.BootMode != nil {
		m.bootMode = string(*p.req.BootMode)
	}
	if p.req.Placement != nil && p.req.Placement.GetTenancy() != "" {
		m.tenancy = p.req.Placement.GetTenancy()
	}
	for _, wanted := range p.nics {
		n, err := r.plug(wanted)
		if err != nil {
			return nil, err
		}
		m.nics = append(m.nics, n)
	}
	m.dnsName = r.privateDNS(m.nics[0].ips[0])
	if p.nics[0].public && !p.section.privateOnly {
		m.publicIP = fmt.Sprintf("203.0.113.%d", 1+r.rand.Intn(254))
	}
	r.attachDisks(m, p.disks)
	return m, nil
}

func (r *Region) plug(w plannedNic) (*nic, error) {
	n := &nic{
		id: r.newID(prefixNic), linkID: r.newID(prefixLink), subnet: w.subnet, public: w.public, device: w.device,
		groups: w.groups, keep: w.keep, description: w.about,
		mac: fmt.Sprintf("aa:%02x:%02x:%02x:%02x:%02x", r.rand.Intn(256), r.rand.Intn(256), r.rand.Intn(256), r.rand.Intn(256), r.rand.Intn(256)),
	}
	for _, ip := range w.ips {
		if err := r.claim(n, ip); err != nil {
			return nil, err
		}
	}
	for len(n.ips) < max(1, len(w.ips))+w.spare {
		if err := r.allocate(n); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// start puts a VM into the region with the tags of its section, and lets it boot.
func (r *Region) start(m *vm, p *plan, faults faultSet) {
	r.sequence++
	m.sequence = r.sequence
	m.bootFails, m.failsAfter = faults.bootFails, faults.hostFailure
	if !r.Uncertain.SectionIgnored && !faults.tagsStripped {
		m.tags = newTags(m.createdAt, p.section.tags)
	}
	r.machines = append(r.machines, m)
	r.byID[m.id] = m
	r.dirty = true
	if p.req.BootOnCreation != nil && !*p.req.BootOnCreation {
		m.state = stateStopped
		return
	}
	r.boot(m)
}

func (r *Region) boot(m *vm) {
	r.enter(m, statePending)
	if m.bootFails {
		m.reason = reasonInternal
		r.schedule(m, stateTerminated, r.Timings.Boot)
		return
	}
	r.schedule(m, stateRunning, r.Timings.Boot)
}

func (m *vm) subnetID() string {
	if len(m.nics) == 0 || m.nics[0].public {
		return ""
	}
	return m.nics[0].subnet.id
}

func (m *vm) privateIP() string {
	if len(m.nics) == 0 {
		return ""
	}
	return m.nics[0].ips[0].String()
}
