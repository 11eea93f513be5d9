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
