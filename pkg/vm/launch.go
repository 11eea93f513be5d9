package vm

import (
	"context"
	"fmt"
	"maps"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// Device is a volume that is made with the VM.
type Device struct {
	// Name is /dev/sda1 for the root.
	Name string
	// SizeGiB is 0 for the size of the snapshot.
	SizeGiB int32
	// Type is standard, gp2 or io1; IOPS goes with io1 only.
	Type       string
	IOPS       int32
	SnapshotID string
	// Keep leaves the volume behind when the VM is deleted.
	Keep bool
}

// Request is one VM to launch for one NodeClaim.
type Request struct {
	Owner Owner
	// Type is canonical, with the performance flag: Outscale echoes what it is given.
	Type, ImageID, SubnetID, KeypairName string
	SecurityGroupIDs                     []string
	Devices                              []Device
	// Tags are the user's; the cluster's are added.
	Tags map[string]string
	// Placement are the tags that choose the server. They work in the OUTSCALE section only.
	Placement map[string]string
	// UserData is what the guest reads.
	UserData []byte
}

// Launch creates the VM of a NodeClaim and returns as soon as its ID is known. Repeating it with the same owner, type
// and subnet gives the same VM. ErrNotFound means that this VM existed and is terminated already.
func (p *Provider) Launch(ctx context.Context, r Request) (VM, error) {
	tags := p.cluster.Tags(r.Owner, r.Tags)
	section := maps.Clone(tags)
	maps.Copy(section, r.Placement)
	if !p.options.TagsInUserData {
		if len(r.Placement) > 0 {
			return VM{}, ErrPlacementImpossible
		}
		section = nil
	}
	data, err := userData(section, r.UserData)
	if err != nil {
		return VM{}, err
	}
	launched, err := p.create(ctx, r, data)
	if err != nil {
		return VM{}, err
	}
	// The answer of CreateVms has no tags: until a read shows them, they are what was sent, where that has worked so far.
	if p.tagsArrive() {
		launched.Tags = tags
	}
	p.fleet.launched(launched, p.now())
	p.attempts.launched(r.Owner.NodeClaimUID)
	return launched, nil
}

// create makes the call, and notes for Adopt how it ended.
func (p *Provider) create(ctx context.Context, r Request, data string) (VM, error) {
	// The struct is built literally: the SDK's constructor presets Performance and more.
	response, err := p.api.CreateVms(ctx, osc.CreateVmsRequest{
		ClientToken:         new(p.cluster.Token(r.Owner, r.Type, r.SubnetID)),
		MinVmsCount:         new(int32(1)),
		MaxVmsCount:         new(int32(1)),
		ImageId:             r.ImageID,
		VmType:              &r.Type,
		SubnetId:            &r.SubnetID,
		SecurityGroupIds:    &r.SecurityGroupIDs,
		KeypairName:         optional(r.KeypairName),
		BlockDeviceMappings: mappings(r.Devices),
		UserData:            &data,
	})
	if err != nil {
		if isUnclear(ctx, err) {
			p.attempts.unclear(r.Owner.NodeClaimUID, p.now())
		}
		return VM{}, fmt.Errorf("creating a %s in subnet %q: %w", r.Type, r.SubnetID, err)
	}
	if len(response.GetVms()) != 1 {
		p.attempts.unclear(r.Owner.NodeClaimUID, p.now())
		return VM{}, fmt.Errorf("creating a %s in subnet %q: Outscale returned %d VMs, want 1", r.Type, r.SubnetID, len(response.GetVms()))
	}
	launched := fromAPI(response.GetVms()[0])
	if launched.Leaving() {
		return VM{}, fmt.Errorf("VM %q of NodeClaim %q is %s already: %w", launched.ID, r.Owner.NodeClaim, launched.State, ErrNotFound)
	}
	return launched, nil
}

// tagsArrive reports whether the tags in the user data have worked so far. Where they are ignored, a VM counts as
// untagged from its launch on, so that whoever compares its tags sets them at once: the kubelet comes soon.
func (p *Provider) tagsArrive() bool {
	return p.options.TagsInUserData && !p.fleet.sectionWasIgnored()
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func mappings(devices []Device) *[]osc.BlockDeviceMappingVmCreation {
	out := make([]osc.BlockDeviceMappingVmCreation, 0, len(devices))
	for _, d := range devices {
		bsu := &osc.BsuToCreate{
			DeleteOnVmDeletion: new(!d.Keep),
			SnapshotId:         optional(d.SnapshotID),
			VolumeType:         optional(d.Type),
		}
		if d.SizeGiB > 0 {
			bsu.VolumeSize = &d.SizeGiB
		}
		if d.IOPS > 0 {
			bsu.Iops = &d.IOPS
		}
		out = append(out, osc.BlockDeviceMappingVmCreation{DeviceName: &d.Name, Bsu: bsu})
	}
	return &out
}
