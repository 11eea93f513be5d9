package nodeclass

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

const gib = 1 << 30

// setEphemeral notes how large the nodes' volume EPHEMERAL can become, for who counts the capacity of a node cannot read
// the machine config. It refuses a volume that Talos could not make on any disk: such a node never starts its kubelet.
func setEphemeral(nodeClass *v1alpha1.OutscaleNodeClass, ephemeral talos.Ephemeral) error {
	rootGiB := instancetype.RootGiB(nodeClass)
	room := instancetype.EphemeralRoom(rootGiB)
	smallest, largest := room, room
	if ephemeral.SelectsDisk {
		// The expression cannot be evaluated here: it may be any of the disks.
		for _, volume := range nodeClass.Spec.Volumes() {
			if size := int64(volume.BSU.VolumeSize) * gib; volume.DeviceName != v1alpha1.RootDevice {
				smallest, largest = min(smallest, size), max(largest, size)
			}
		}
	}
	// A volume of a snapshot without volumeSize has a size that is not known here.
	if smallest > 0 && ephemeral.Min > uint64(max(0, largest)) {
		return fmt.Errorf(
			"VolumeConfig EPHEMERAL: minSize %s does not fit on the root volume of %d GiB, of which Talos leaves %s: lower minSize, or raise volumeSize of %s in spec.blockDeviceMappings",
			quantity(int64(ephemeral.Min)), rootGiB, quantity(room), v1alpha1.RootDevice) //nolint:gosec // no disk has so many bytes
	}
	limit, err := ephemeral.Max(uint64(max(0, room)))
	if err != nil {
		return err
	}
	nodeClass.Status.EphemeralMax = nil
	switch most := int64(limit); { //nolint:gosec // as above
	case limit > 0 && most < smallest:
		nodeClass.Status.EphemeralMax = quantity(most)
	case 0 < smallest && smallest < room:
		nodeClass.Status.EphemeralMax = quantity(smallest)
	}
	return nil
}

func quantity(bytes int64) *resource.Quantity { return resource.NewQuantity(bytes, resource.BinarySI) }
