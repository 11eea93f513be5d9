package nodeclass

import (
	"context"
	"fmt"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// resolveImage looks up the image. One that is not found leaves the last one in the status: nothing is launched of it.
func (c *Controller) resolveImage(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	image, found, err := c.discovery.Image(ctx, nodeClass.Spec.ImageID)
	switch {
	case err != nil:
		couldNotLook(nodeClass, v1alpha1.ConditionImageReady, "spec.imageId: "+oapi.Summary(err))
		return err
	case !found:
		conditions.SetFalse(v1alpha1.ConditionImageReady, "ImageNotFound", fmt.Sprintf("spec.imageId: the account sees no image %s", nodeClass.Spec.ImageID))
		return nil
	case image.State != "available":
		conditions.SetFalse(v1alpha1.ConditionImageReady, "ImageNotAvailable", fmt.Sprintf("spec.imageId: image %s is %s", image.ID, image.State))
		return nil
	}
	nodeClass.Status.Image = &v1alpha1.Image{ID: image.ID, Name: image.Name, TalosVersion: image.TalosVersion}
	for i, mapping := range nodeClass.Spec.BlockDeviceMappings {
		if mapping.DeviceName == v1alpha1.RootDevice && mapping.BSU.VolumeSize > 0 && mapping.BSU.VolumeSize < image.RootGiB {
			conditions.SetFalse(v1alpha1.ConditionImageReady, "RootTooSmall", fmt.Sprintf(
				"spec.blockDeviceMappings[%d].bsu.volumeSize: %d GiB is less than the %d GiB of image %s", i, mapping.BSU.VolumeSize, image.RootGiB, image.ID))
			return nil
		}
	}
	if len(nodeClass.Spec.BlockDeviceMappings) == 0 && image.RootGiB > v1alpha1.DefaultRootGiB {
		conditions.SetFalse(v1alpha1.ConditionImageReady, "RootTooSmall", fmt.Sprintf(
			"spec.blockDeviceMappings: the default root volume of %d GiB is less than the %d GiB of image %s: add %s with a larger volumeSize",
			v1alpha1.DefaultRootGiB, image.RootGiB, image.ID, v1alpha1.RootDevice))
		return nil
	}
	conditions.SetTrue(v1alpha1.ConditionImageReady)
	return nil
}
