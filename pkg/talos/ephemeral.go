package talos

import (
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
)

// Ephemeral is what a machine config says of the volume EPHEMERAL, which holds images, logs and what pods write.
type Ephemeral struct {
	// Min is the size in bytes below which Talos does not make the volume, and starts no kubelet. 0 is Talos' default.
	Min uint64
	// SelectsDisk means that it may be on another disk than the root.
	SelectsDisk bool

	size block.PartitionSpec
}

// ReadEphemeral reads the VolumeConfig EPHEMERAL of a worker config and its patches, which Render takes.
func ReadEphemeral(workerConfig []byte, patches []string) (Ephemeral, error) {
	cfg, err := load(workerConfig, patches)
	if err != nil {
		return Ephemeral{}, err
	}
	return ephemeralOf(cfg), nil
}

// ephemeralOf reads the document as Talos does (v1.13.0 block/internal/volumes/volumeconfig/system_volumes.go).
func ephemeralOf(cfg config.Provider) Ephemeral {
	given, _ := cfg.Volumes().ByName(constants.EphemeralPartitionLabel)
	provisioning := given.Provisioning()
	out := Ephemeral{
		Min: provisioning.MinSize().ValueOrZero(),
		size: block.PartitionSpec{
			MaxSize:         provisioning.MaxSize().ValueOrZero(),
			RelativeMaxSize: provisioning.RelativeMaxSize().ValueOrZero(),
			NegativeMaxSize: provisioning.MaxSizeNegative(),
		},
	}
	if match := provisioning.DiskSelector(); match.IsPresent() {
		text, err := match.ValueOrZero().MarshalText()
		out.SelectsDisk = err != nil || string(text) != "system_disk"
	}
	return out
}

// Max is the largest size in bytes that the volume gets on a disk with so much room, or 0 without a limit. Talos takes
// percentages of the whole disk; of the room it is a little less, and a node may be larger than Karpenter thinks.
func (e Ephemeral) Max(room uint64) (uint64, error) {
	limit, err := e.size.ResolveMaxSize(room)
	if err != nil {
		return 0, fmt.Errorf("VolumeConfig EPHEMERAL: maxSize leaves nothing of the disk: %w", err)
	}
	return limit, nil
}
