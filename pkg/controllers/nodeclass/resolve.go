package nodeclass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awslabs/operatorpkg/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

const (
	rootCondition = status.ConditionReady
)

// couldNotLook says so in a condition, which is never a reason to call the class bad. What was found good for the same
// spec stays good: a launch does not depend on this read, and one outage of the API must not stop every NodePool.
func couldNotLook(nodeClass *v1alpha1.OutscaleNodeClass, condition, message string) {
	conditions := nodeClass.StatusConditions()
	last := conditions.Get(condition)
	if last.IsTrue() && last.ObservedGeneration == nodeClass.Generation {
		return
	}
	conditions.SetUnknownWithReason(condition, "Unreadable", message)
}

// resolve checks every field of the spec and sets one condition for each. The error is about what could not be looked at.
func (c *Controller) resolve(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	c.resolveLaunches(nodeClass)
	return errors.Join(
		c.resolveImage(ctx, nodeClass),
		c.resolveVolumes(ctx, nodeClass),
		c.resolveSubnets(ctx, nodeClass),
		c.resolveKeypair(ctx, nodeClass),
		c.resolveTalos(ctx, nodeClass),
	)
}

// resolveLaunches shows what Outscale says of the last launches. Once the time of a refusal has passed the class can be
// used again: the next launch goes alone, and its answer decides.
func (c *Controller) resolveLaunches(nodeClass *v1alpha1.OutscaleNodeClass) {
	conditions := nodeClass.StatusConditions()
	why, until := c.refusals.OfClass(instancetype.Class(nodeClass))
	switch {
	case why == "":
		conditions.SetTrue(v1alpha1.ConditionLaunchReady)
	case c.clock.Now().Before(until):
		conditions.SetFalse(v1alpha1.ConditionLaunchReady, "LaunchRefused", "Outscale refuses to launch VMs of this class, change what it names: "+why)
	default:
		conditions.SetTrueWithReason(v1alpha1.ConditionLaunchReady, "LaunchRetried", "the last launch was refused, the next one is a trial: "+why)
	}
}

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
	nodeClass.Status.ImageName, nodeClass.Status.TalosVersion = image.Name, image.TalosVersion
	for i, mapping := range nodeClass.Spec.BlockDeviceMappings {
		if mapping.DeviceName == instancetype.RootDevice && mapping.BSU.VolumeSize > 0 && mapping.BSU.VolumeSize < image.RootGiB {
			conditions.SetFalse(v1alpha1.ConditionImageReady, "RootTooSmall", fmt.Sprintf(
				"spec.blockDeviceMappings[%d].bsu.volumeSize: %d GiB is less than the %d GiB of image %s", i, mapping.BSU.VolumeSize, image.RootGiB, image.ID))
			return nil
		}
	}
	if len(nodeClass.Spec.BlockDeviceMappings) == 0 && image.RootGiB > instancetype.DefaultRootGiB {
		conditions.SetFalse(v1alpha1.ConditionImageReady, "RootTooSmall", fmt.Sprintf(
			"spec.blockDeviceMappings: the default root volume of %d GiB is less than the %d GiB of image %s: add %s with a larger volumeSize",
			instancetype.DefaultRootGiB, image.RootGiB, image.ID, instancetype.RootDevice))
		return nil
	}
	conditions.SetTrue(v1alpha1.ConditionImageReady)
	return nil
}

// resolveSubnets checks subnets and security groups together: all must be of one Net.
func (c *Controller) resolveSubnets(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	subnets, err := c.discovery.Subnets(ctx, nodeClass.Spec.SubnetIDs)
	if err != nil {
		couldNotLook(nodeClass, v1alpha1.ConditionSubnetsReady, "spec.subnetIds: "+oapi.Summary(err))
		return err
	}
	groups, err := c.discovery.SecurityGroups(ctx, nodeClass.Spec.SecurityGroupIDs)
	if err != nil {
		couldNotLook(nodeClass, v1alpha1.ConditionSecurityGroupsReady, "spec.securityGroupIds: "+oapi.Summary(err))
		return err
	}
	netID := ""
	if len(subnets) > 0 {
		netID = subnets[0].NetID
	}
	setSubnets(conditions, nodeClass.Spec.SubnetIDs, subnets)
	setGroups(conditions, nodeClass.Spec.SecurityGroupIDs, groups, netID)
	// A spec that cannot be right takes nothing away: without the subregions of its nodes the class has no instance types
	// for them, and core takes them for drifted. Nothing is launched of the class meanwhile.
	verified := conditions.IsTrue(v1alpha1.ConditionSubnetsReady, v1alpha1.ConditionSecurityGroupsReady)
	if verified || len(nodeClass.Status.Subnets) == 0 {
		nodeClass.Status.Subnets = statusOf(subnets)
	}
	nodeClass.Status.Subregions = instancetype.Subregions(nodeClass)
	return nil
}

func statusOf(found []discovery.Subnet) []v1alpha1.Subnet {
	var out []v1alpha1.Subnet
	for _, s := range found {
		out = append(out, v1alpha1.Subnet{ID: s.ID, Subregion: s.Subregion, CIDR: s.CIDR, AvailableIPs: new(s.AvailableIPs)})
	}
	return out
}

// setSubnets leaves out a subnet that is not found, and says so: the others are enough for a launch.
func setSubnets(conditions status.ConditionSet, want []string, found []discovery.Subnet) {
	missing := slices.DeleteFunc(slices.Clone(want), func(id string) bool {
		return slices.ContainsFunc(found, func(s discovery.Subnet) bool { return s.ID == id })
	})
	notFound := "spec.subnetIds: the account has no subnet " + strings.Join(missing, ", ")
	if len(found) == 0 {
		conditions.SetFalse(v1alpha1.ConditionSubnetsReady, "SubnetNotFound", notFound)
		return
	}
	for _, s := range found {
		if s.NetID != found[0].NetID {
			conditions.SetFalse(v1alpha1.ConditionSubnetsReady, "SubnetsOfSeveralNets", fmt.Sprintf("spec.subnetIds: %s is of Net %s, %s of %s", s.ID, s.NetID, found[0].ID, found[0].NetID))
			return
		}
	}
	if len(missing) > 0 {
		conditions.SetTrueWithReason(v1alpha1.ConditionSubnetsReady, "SubnetNotFound", notFound+", only the others are used")
		return
	}
	conditions.SetTrue(v1alpha1.ConditionSubnetsReady)
}

func setGroups(conditions status.ConditionSet, want []string, found []discovery.SecurityGroup, netID string) {
	for _, id := range want {
		i := slices.IndexFunc(found, func(g discovery.SecurityGroup) bool { return g.ID == id })
		switch {
		case i < 0:
			conditions.SetFalse(v1alpha1.ConditionSecurityGroupsReady, "SecurityGroupNotFound", fmt.Sprintf("spec.securityGroupIds: the account has no security group %s", id))
			return
		case netID != "" && found[i].NetID != netID:
			conditions.SetFalse(v1alpha1.ConditionSecurityGroupsReady, "SecurityGroupOfAnotherNet", fmt.Sprintf("spec.securityGroupIds: %s is not of the subnets' Net %s", id, netID))
			return
		}
	}
	conditions.SetTrue(v1alpha1.ConditionSecurityGroupsReady)
}

func (c *Controller) resolveKeypair(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	if nodeClass.Spec.KeypairName == "" {
		conditions.SetTrue(v1alpha1.ConditionKeypairReady)
		return nil
	}
	found, err := c.discovery.HasKeypair(ctx, nodeClass.Spec.KeypairName)
	switch {
	case err != nil:
		couldNotLook(nodeClass, v1alpha1.ConditionKeypairReady, "spec.keypairName: "+oapi.Summary(err))
		return err
	case !found:
		conditions.SetFalse(v1alpha1.ConditionKeypairReady, "KeypairNotFound", fmt.Sprintf("spec.keypairName: the account has no keypair %q", nodeClass.Spec.KeypairName))
	default:
		conditions.SetTrue(v1alpha1.ConditionKeypairReady)
	}
	return nil
}

// resolveTalos renders the config of a node that is never launched: what fails here would fail on every node, and
// only on its console.
func (c *Controller) resolveTalos(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	workerConfig, err := talos.ReadWorkerConfig(ctx, c.uncached, nodeClass.Spec.Talos.WorkerConfigSecretRef)
	switch {
	case apierrors.IsNotFound(err):
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigNotFound", "spec.talos.workerConfigSecretRef: "+err.Error())
		return nil
	case errors.Is(err, talos.ErrNoKey):
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigNotFound", "spec.talos.workerConfigSecretRef.key: "+err.Error())
		return nil
	case apierrors.IsForbidden(err):
		// No outage: every launch would be refused until somebody changes the role.
		ref := nodeClass.Spec.Talos.WorkerConfigSecretRef
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigForbidden", fmt.Sprintf(
			"spec.talos.workerConfigSecretRef: the controller may not read Secret %s/%s: add it to the value workerConfigSecrets of the chart", ref.Namespace, ref.Name))
		return nil
	case err != nil:
		couldNotLook(nodeClass, v1alpha1.ConditionTalosReady, "spec.talos.workerConfigSecretRef: "+oapi.Summary(err))
		return err
	}
	hostname := "node"
	if nodeClass.Spec.Talos.Hostname == v1alpha1.HostnamePrivateIP {
		hostname = ""
	}
	_, err = talos.Render(workerConfig, nodeClass.Spec.Talos.Patches, talos.Node{Hostname: hostname, Kubelet: nodeClass.Spec.Kubelet.WithDefaults()})
	if err != nil {
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigInvalid", "spec.talos: "+strings.TrimSpace(err.Error()))
		return nil
	}
	ephemeral, err := talos.ReadEphemeral(workerConfig, nodeClass.Spec.Talos.Patches)
	if err == nil {
		err = setEphemeral(nodeClass, ephemeral)
	}
	if err != nil {
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "EphemeralDoesNotFit", "spec.talos: "+err.Error())
		return nil //nolint:nilerr // the condition says it, and no retry changes it
	}
	conditions.SetTrue(v1alpha1.ConditionTalosReady)
	return nil
}
