package oapitest

import (
	"regexp"
	"slices"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	maxVolumeGiB = 14901
	minIops      = 100
	maxIops      = 13000
	iopsPerGiB   = 300
	standardIops = 100
	dataDiskGiB  = 10
)

// disk is a volume that CreateVms asks for.
type disk struct {
	device, kind, snapshot string
	size, iops             int32
	keep                   bool
}

type volume struct {
	disk

	id, subregion, vmID string
	createdAt           time.Time
	tags                tagHistory
}

// planDisks lays the mappings of the request over those of the image.
func (r *Region) planDisks(p *plan) error {
	root := p.image.root()
	p.disks = []disk{{device: rootDevice, kind: defaultVolume, snapshot: root.GetSnapshotId(), size: root.GetVolumeSize()}}
	name := regexp.MustCompile(`^/dev/(sd[b-z][a-z]?|xvd[b-z][a-z]?|sda1)$`)
	for _, m := range p.req.GetBlockDeviceMappings() {
		if !name.MatchString(m.GetDeviceName()) {
			return fail("4019", "the device name %q is invalid", m.GetDeviceName())
		}
		if m.NoDevice != nil {
			continue
		}
		at := slices.IndexFunc(p.disks, func(d disk) bool { return d.device == m.GetDeviceName() })
		if at < 0 {
			at = len(p.disks)
			p.disks = append(p.disks, disk{device: m.GetDeviceName(), kind: defaultVolume})
		}
		if err := r.planDisk(&p.disks[at], m.GetBsu()); err != nil {
			return err
		}
	}
	return nil
}

func (r *Region) planDisk(d *disk, bsu osc.BsuToCreate) error {
	least := d.size
	if bsu.SnapshotId != nil {
		size, err := r.world.snapshotGiB(*bsu.SnapshotId)
		if err != nil {
			return err
		}
		d.snapshot, least = *bsu.SnapshotId, size
	}
	if d.size = least; bsu.VolumeSize != nil {
		d.size = *bsu.VolumeSize
	}
	if d.size == 0 {
		return fail("7000", "the volume %s has neither a size nor a snapshot", d.device)
	}
	if d.size < 1 || d.size > maxVolumeGiB {
		return fail("4125", "the volume size %d is not between 1 and %d GiB", d.size, maxVolumeGiB)
	}
	if d.size < least {
		return fail("4078", "the volume size %d is below the %d GiB of the snapshot", d.size, least)
	}
	d.keep = bsu.DeleteOnVmDeletion != nil && !*bsu.DeleteOnVmDeletion
	return d.setType(bsu)
}

func (d *disk) setType(bsu osc.BsuToCreate) error {
	if kind := bsu.GetVolumeType(); kind != "" {
		d.kind = kind
	}
	d.iops = bsu.GetIops()
	switch d.kind {
	case "standard", "gp2":
		if bsu.Iops != nil {
			return fail("4029", "only an io1 volume has IOPS")
		}
	case "io1":
		if bsu.Iops == nil {
			return fail("7000", "an io1 volume needs Iops")
		}
		if d.iops < minIops || d.iops > maxIops {
			return fail("4029", "the IOPS %d are not between %d and %d", d.iops, minIops, maxIops)
		}
		if d.iops > iopsPerGiB*d.size {
			return fail("4202", "the IOPS %d are more than %d per GiB", d.iops, iopsPerGiB)
		}
	default:
		return fail("4047", "the volume type %q is unknown", d.kind)
	}
	return nil
}

func (r *Region) attachDisks(m *vm, disks []disk) {
	for _, d := range disks {
		v := &volume{disk: d, id: r.newID(prefixVolume), subregion: m.subregion, vmID: m.id, createdAt: r.Clock.Now()}
		v.tags = newTags(v.createdAt, nil)
		m.volumes = append(m.volumes, v)
		r.volumes = append(r.volumes, v)
		if d.device == rootDevice {
			m.rootGiB = int(d.size)
		}
	}
}

// releaseVolumes deletes the volumes of a terminated VM, but for those that were to stay.
func (r *Region) releaseVolumes(m *vm) {
	r.volumes = slices.DeleteFunc(r.volumes, func(v *volume) bool { return v.vmID == m.id && !v.keep })
	for _, v := range m.volumes {
		v.vmID = ""
	}
	m.volumes = nil
}

func (v *volume) describe() osc.Volume {
	out := osc.Volume{
		VolumeId: new(v.id), VolumeType: new(v.kind), Size: new(v.size), State: new("available"),
		SubregionName: new(v.subregion), CreationDate: new(v.createdAt.UTC().Format(creationTime)),
		LinkedVolumes: &[]osc.LinkedVolume{}, Tags: resourceTags(v.tags.current()),
	}
	if v.snapshot != "" {
		out.SnapshotId = new(v.snapshot)
	}
	switch v.kind {
	case "io1":
		out.Iops = new(v.iops)
	case "gp2":
		out.Iops = new(min(max(3*v.size, standardIops), 10_000))
	}
	if v.vmID != "" {
		out.State = new("in-use")
		out.LinkedVolumes = &[]osc.LinkedVolume{{
			DeleteOnVmDeletion: new(!v.keep), DeviceName: new(v.device), State: new("attached"), VmId: new(v.vmID), VolumeId: new(v.id),
		}}
	}
	return out
}

func readVolumes(r *Region, c *call, q query) (reply, error) {
	items := make([]osc.Volume, 0, len(r.volumes))
	for _, v := range r.volumes {
		items = append(items, v.describe())
	}
	return read(r, c, q, list[osc.Volume]{
		name: "Volumes", items: items, key: func(v osc.Volume) string { return v.GetVolumeId() }, filter: volumeFilters(),
	})
}

func volumeFilters() filters[osc.Volume] {
	return filters[osc.Volume]{paths: tagPaths(map[string]string{
		"ClientTokens": "ClientToken", "CreationDates": "CreationDate", "SnapshotIds": "SnapshotId",
		"LinkVolumeDeleteOnVmDeletion": "LinkedVolumes.DeleteOnVmDeletion", "LinkVolumeDeviceNames": "LinkedVolumes.DeviceName",
		"LinkVolumeLinkStates": "LinkedVolumes.State", "LinkVolumeVmIds": "LinkedVolumes.VmId",
		"SubregionNames": "SubregionName", "VolumeIds": "VolumeId", "VolumeSizes": "Size",
		"VolumeStates": "State", "VolumeTypes": "VolumeType",
	})}
}
