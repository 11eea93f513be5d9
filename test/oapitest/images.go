package oapitest

import (
	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	rootDevice       = "/dev/sda1"
	defaultVolume    = "standard"
	outscaleAccount  = "000000000001"
	talosSnapshotGiB = 10
)

type image struct {
	value osc.Image
	tags  tagHistory
}

func (i *image) id() string { return i.value.GetImageId() }

func (w *world) image(id string) (*image, error) {
	if err := checkIDs(prefixImage, id); err != nil {
		return nil, err
	}
	for _, i := range w.images {
		if i.id() == id {
			return i, nil
		}
	}
	return nil, fail("5023", "the image %s does not exist", id)
}

// root is the snapshot that the image boots from and its size.
func (i *image) root() osc.BsuToCreate {
	for _, m := range i.value.GetBlockDeviceMappings() {
		if m.GetDeviceName() == rootDevice {
			return m.GetBsu()
		}
	}
	return osc.BsuToCreate{}
}

// snapshotGiB is the size of a snapshot that an image uses.
func (w *world) snapshotGiB(id string) (int32, error) {
	if err := checkIDs(prefixSnapshot, id); err != nil {
		return 0, err
	}
	for _, i := range w.images {
		if root := i.root(); root.GetSnapshotId() == id {
			return root.GetVolumeSize(), nil
		}
	}
	return 0, fail("5054", "the snapshot %s does not exist", id)
}

// SetImageSize makes the snapshot that an image boots from as large as that.
func (r *Region) SetImageSize(id string, gib int32) error {
	r.lock()
	defer r.unlock()
	i, err := r.world.image(id)
	if err != nil {
		return err
	}
	for _, m := range i.value.GetBlockDeviceMappings() {
		if m.GetDeviceName() == rootDevice {
			m.Bsu.VolumeSize = new(gib)
		}
	}
	return nil
}

// readSnapshots lists what the images boot from: the region has no other snapshots.
func readSnapshots(r *Region, c *call, q query) (reply, error) {
	items := make([]osc.Snapshot, 0, len(r.world.images))
	for _, i := range r.world.images {
		root := i.root()
		items = append(items, osc.Snapshot{
			AccountId: i.value.AccountId, AccountAlias: i.value.AccountAlias, CreationDate: i.value.CreationDate,
			Description: i.value.Description, PermissionsToCreateVolume: i.value.PermissionsToLaunch, Progress: new(int32(100)),
			SnapshotId: root.SnapshotId, State: new("completed"), Tags: &[]osc.ResourceTag{}, VolumeSize: root.VolumeSize,
		})
	}
	return read(r, c, q, list[osc.Snapshot]{
		name: "Snapshots", items: items, key: func(s osc.Snapshot) string { return s.GetSnapshotId() }, filter: snapshotFilters(),
	})
}

func snapshotFilters() filters[osc.Snapshot] {
	return filters[osc.Snapshot]{paths: tagPaths(map[string]string{
		"AccountAliases": "AccountAlias", "AccountIds": "AccountId", "ClientTokens": "ClientToken", "Descriptions": "Description",
		"PermissionsToCreateVolumeAccountIds":       "PermissionsToCreateVolume.AccountIds",
		"PermissionsToCreateVolumeGlobalPermission": "PermissionsToCreateVolume.GlobalPermission",
		"Progresses": "Progress", "SnapshotIds": "SnapshotId", "States": "State", "VolumeIds": "VolumeId", "VolumeSizes": "VolumeSize",
	})}
}

func readImages(r *Region, c *call, q query) (reply, error) {
	items := make([]osc.Image, 0, len(r.world.images))
	for _, i := range r.world.images {
		item := i.value
		item.Tags = resourceTags(i.tags.current())
		items = append(items, item)
	}
	return read(r, c, q, list[osc.Image]{
		name: "Images", items: items, key: func(i osc.Image) string { return i.GetImageId() }, filter: imageFilters(),
	})
}

func imageFilters() filters[osc.Image] {
	return filters[osc.Image]{
		wildcards: []string{"ImageNames"},
		paths: tagPaths(map[string]string{
			"AccountAliases": "AccountAlias", "AccountIds": "AccountId", "Architectures": "Architecture",
			"BlockDeviceMappingDeleteOnVmDeletion": "BlockDeviceMappings.Bsu.DeleteOnVmDeletion",
			"BlockDeviceMappingDeviceNames":        "BlockDeviceMappings.DeviceName",
			"BlockDeviceMappingSnapshotIds":        "BlockDeviceMappings.Bsu.SnapshotId",
			"BlockDeviceMappingVolumeSizes":        "BlockDeviceMappings.Bsu.VolumeSize",
			"BlockDeviceMappingVolumeTypes":        "BlockDeviceMappings.Bsu.VolumeType",
			"BootModes":                            "BootModes", "Descriptions": "Description", "FileLocations": "FileLocation",
			"ImageIds": "ImageId", "ImageNames": "ImageName", "ProductCodes": "ProductCodes",
			"PermissionsToLaunchAccountIds":       "PermissionsToLaunch.AccountIds",
			"PermissionsToLaunchGlobalPermission": "PermissionsToLaunch.GlobalPermission",
			"RootDeviceNames":                     "RootDeviceName", "RootDeviceTypes": "RootDeviceType",
			"SecureBoot": "SecureBoot", "States": "State", "TpmMandatory": "TpmMandatory",
		}),
	}
}
