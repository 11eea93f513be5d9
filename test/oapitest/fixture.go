package oapitest

import (
	"fmt"
	"net/netip"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// Fixture names what stands in the region from the start.
type Fixture struct {
	NetID                       string
	Subnets                     []Subnet
	WorkerSecurityGroupID       string
	ControlPlaneSecurityGroupID string
	ImageID, OldImageID         string
	OtherImageID                string
	// SnapshotID is what the image boots from.
	SnapshotID             string
	KeypairName, ClusterID string
	AccessKey, SecretKey   string
	AccountID              string
	ControlPlane           []string
}

// Subnet is one subnet of the net of the cluster.
type Subnet struct {
	ID, Subregion, CIDR string
}

// Fixture returns the known IDs of the region, so that a test needs no literals.
func (r *Region) Fixture() Fixture {
	r.lock()
	defer r.unlock()
	return r.fixture
}

const (
	keypairName    = "talos-operators"
	controlPlanes  = 3
	talosVersion   = "v1.13.0"
	olderTalos     = "v1.12.4"
	controlType    = "tinav6.c4r8p1"
	apiServerPort  = 6443
	apidPort       = 50000
	trustdPort     = 50001
	kubeletPort    = 10250
	firstUserImage = 24 * time.Hour
)

// populate builds the account of a Talos cluster.
func (r *Region) populate() {
	now := r.Clock.Now()
	r.fixture = Fixture{
		ClusterID: r.ClusterID, AccessKey: r.AccessKey, SecretKey: r.SecretKey, KeypairName: keypairName, AccountID: accountID,
	}
	owned := map[string]string{"OscK8sClusterID/" + r.ClusterID: "owned"}
	r.populateNet(now, owned)
	r.populateGroups(now, owned)
	r.populateImages(now)
	r.world.keypairs = []*keypair{{tags: newTags(now, nil), value: osc.Keypair{
		KeypairId: new(r.newID(prefixKeypair)), KeypairName: new(keypairName), KeypairType: new("ssh-rsa"),
		KeypairFingerprint: new("11:22:33:44:55:66:77:88:99:00:aa:bb:cc:dd:ee:ff"),
	}}}
	for i := range controlPlanes {
		r.populateControlPlane(now, i)
	}
	r.due = time.Time{}
}

func (r *Region) populateNet(now time.Time, owned map[string]string) {
	r.world.netID, r.world.netRange = r.newID(prefixNet), "10.0.0.0/16"
	r.world.netTags = newTags(now, owned)
	r.fixture.NetID = r.world.netID
	for i, subregion := range r.subregions() {
		s := &subnet{
			id: r.newID(prefixSubnet), subregion: subregion, prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i + 1), 0}), 24),
		}
		s.tags = newTags(now, owned)
		s.tags.set(now, map[string]string{"Name": "nodes-" + subregion, "karpenter.sh/discovery": r.ClusterID})
		r.world.subnets = append(r.world.subnets, s)
		r.fixture.Subnets = append(r.fixture.Subnets, Subnet{ID: s.id, Subregion: subregion, CIDR: s.prefix.String()})
	}
}

func (r *Region) populateGroups(now time.Time, owned map[string]string) {
	add := func(name string, rules ...osc.SecurityGroupRule) string {
		id := r.newID(prefixGroup)
		tags := newTags(now, owned)
		tags.set(now, map[string]string{"Name": name, "karpenter.sh/discovery": r.ClusterID})
		r.world.groups = append(r.world.groups, &group{tags: tags, value: osc.SecurityGroup{
			AccountId: new(accountID), SecurityGroupId: new(id), SecurityGroupName: new(name), Description: new(name),
			NetId: new(r.world.netID), InboundRules: &rules, OutboundRules: &[]osc.SecurityGroupRule{rule("-1", -1, "0.0.0.0/0")},
		}})
		return id
	}
	r.fixture.WorkerSecurityGroupID = add("workers", rule("tcp", kubeletPort, "10.0.0.0/16"), rule("tcp", apidPort, "10.0.0.0/16"))
	r.fixture.ControlPlaneSecurityGroupID = add("control-plane", rule("tcp", apiServerPort, "10.0.0.0/16"), rule("tcp", apidPort, "10.0.0.0/16"), rule("tcp", trustdPort, "10.0.0.0/16"))
	// Discovery by the cluster's tag must find the groups of workers only.
	r.world.groups[1].tags.remove(now, "karpenter.sh/discovery")
}

func rule(protocol string, port int32, from string) osc.SecurityGroupRule {
	return osc.SecurityGroupRule{
		IpProtocol: new(protocol), FromPortRange: new(port), ToPortRange: new(port), IpRanges: &[]string{from},
		SecurityGroupsMembers: &[]osc.SecurityGroupsMember{}, ServiceIds: &[]string{},
	}
}

func (r *Region) populateImages(now time.Time) {
	talos := func(version string) map[string]string {
		return map[string]string{"talos.dev/version": version, "talos.dev/platform": "aws", "talos.dev/arch": "amd64"}
	}
	older := r.addImage("talos-"+olderTalos+"-amd64", accountID, now.Add(-60*firstUserImage), talos(olderTalos))
	newer := r.addImage("talos-"+talosVersion+"-amd64", accountID, now.Add(-firstUserImage), talos(talosVersion))
	other := r.addImage("Ubuntu-24.04-2026.01", outscaleAccount, now.Add(-30*firstUserImage), nil)
	r.fixture.OldImageID, r.fixture.ImageID, r.fixture.OtherImageID = older, newer, other
	r.fixture.SnapshotID = snapshotOf(r.world.images[1])
}

func (r *Region) addImage(name, account string, created time.Time, tags map[string]string) string {
	id := r.newID(prefixImage)
	value := osc.Image{
		AccountId: new(account), Architecture: new("x86_64"), BootModes: &[]osc.BootMode{"legacy", "uefi"},
		CreationDate: new(created.UTC().Format(creationTime)), Description: new(name), FileLocation: new(account + "/" + name),
		ImageId: new(id), ImageName: new(name), ImageType: new("machine"), ProductCodes: &[]string{"0001"},
		PermissionsToLaunch: &osc.PermissionsOnResource{AccountIds: &[]string{}, GlobalPermission: new(account == outscaleAccount)},
		RootDeviceName:      new(rootDevice), RootDeviceType: new("bsu"), SecureBoot: new(false), State: new("available"),
		StateComment: &osc.StateComment{}, TpmMandatory: new(false),
		BlockDeviceMappings: &[]osc.BlockDeviceMappingImage{{DeviceName: new(rootDevice), Bsu: &osc.BsuToCreate{
			DeleteOnVmDeletion: new(true), SnapshotId: new(r.newID(prefixSnapshot)), VolumeSize: new(int32(talosSnapshotGiB)),
			VolumeType: new(defaultVolume),
		}}},
	}
	if account == outscaleAccount {
		value.AccountAlias = new("Outscale")
	}
	r.world.images = append(r.world.images, &image{value: value, tags: newTags(created, tags)})
	return id
}

func (r *Region) populateControlPlane(now time.Time, i int) {
	s := r.world.subnets[i%len(r.world.subnets)]
	size, name, _ := resolveType(controlType, "")
	p := &plan{
		req: osc.CreateVmsRequest{KeypairName: new(keypairName)}, shape: size, vmType: name, image: r.world.images[1],
		subregion: s.subregion, nics: []plannedNic{{subnet: s, groups: r.world.groups[1:2]}},
		disks:       []disk{{device: rootDevice, kind: "gp2", snapshot: snapshotOf(r.world.images[1]), size: 50}},
		guestAction: actionStop, host: actionRestart,
	}
	m, err := r.build(p, 0)
	if err != nil {
		r.Log.Error("making a control plane VM", "error", err)
		return
	}
	m.reservation, m.fixture = r.newID(prefixLaunch), true
	r.start(m, p, faultSet{})
	r.enter(m, stateRunning)
	nodeName := fmt.Sprintf("%s-cp-%d", r.ClusterID, i+1)
	m.tags = newTags(now, map[string]string{
		"Name": nodeName, "OscK8sNodeName": nodeName, "OscK8sClusterID/" + r.ClusterID: "owned", "OscK8sRole/control-plane": "true",
	})
	r.fixture.ControlPlane = append(r.fixture.ControlPlane, m.id)
}

func snapshotOf(i *image) string {
	root := i.root()
	return root.GetSnapshotId()
}
