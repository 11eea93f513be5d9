package nodeclass

import (
	"context"
	"fmt"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// resolveVolumes looks up the snapshots that volumes are made from. Without one, nothing is read.
func (c *Controller) resolveVolumes(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	var ids []string
	for _, mapping := range nodeClass.Spec.BlockDeviceMappings {
		if mapping.BSU.SnapshotID != "" {
			ids = append(ids, mapping.BSU.SnapshotID)
		}
	}
	if len(ids) == 0 {
		conditions.SetTrue(v1alpha1.ConditionVolumesReady)
		return nil
	}
	sizes, err := c.discovery.Snapshots(ctx, ids)
	if err != nil {
		couldNotLook(nodeClass, v1alpha1.ConditionVolumesReady, "spec.blockDeviceMappings: "+oapi.Summary(err))
		return err
	}
	for i, mapping := range nodeClass.Spec.BlockDeviceMappings {
		bsu, field := mapping.BSU, fmt.Sprintf("spec.blockDeviceMappings[%d].bsu", i)
		size, found := sizes[bsu.SnapshotID]
		switch {
		case bsu.SnapshotID == "":
			continue
		case !found:
			conditions.SetFalse(v1alpha1.ConditionVolumesReady, "SnapshotNotFound", fmt.Sprintf("%s.snapshotId: the account sees no snapshot %s", field, bsu.SnapshotID))
			return nil
		case bsu.VolumeSize > 0 && bsu.VolumeSize < size:
			conditions.SetFalse(v1alpha1.ConditionVolumesReady, "VolumeTooSmall", fmt.Sprintf(
				"%s.volumeSize: %d GiB is less than the %d GiB of snapshot %s", field, bsu.VolumeSize, size, bsu.SnapshotID))
			return nil
		}
	}
	conditions.SetTrue(v1alpha1.ConditionVolumesReady)
	return nil
}
