package launch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// request is one VM of one candidate.
func (a *attempt) request(candidate candidate) (vm.Request, error) {
	spec := a.nodeClass.Spec
	taints := append([]corev1.Taint{karpv1.UnregisteredNoExecuteTaint}, a.claim.Spec.Taints...)
	data, err := talos.Render(a.workerConfig, spec.Talos.Patches, talos.Node{
		Hostname:       a.owner.NodeName,
		Labels:         Labels(a.claim, candidate.instanceType, candidate.subnet.Subregion),
		Taints:         append(taints, a.claim.Spec.StartupTaints...),
		BootstrapToken: a.token,
		Kubelet:        spec.Kubelet.WithDefaults(),
	})
	if err != nil {
		return vm.Request{}, fmt.Errorf("rendering the machine config: %w", err)
	}
	return vm.Request{
		Owner:            a.owner,
		Type:             candidate.instanceType.Name,
		ImageID:          a.nodeClass.LaunchImage(),
		SubnetID:         candidate.subnet.ID,
		SecurityGroupIDs: a.nodeClass.LaunchSecurityGroups(),
		KeypairName:      spec.KeypairName,
		Devices:          devices(a.nodeClass),
		Tags:             spec.Tags,
		Placement:        spec.Placement.Tags(),
		UserData:         data,
	}, nil
}

// devices returns the volumes of the NodeClass, or its default root volume.
func devices(nodeClass *v1alpha1.OutscaleNodeClass) []vm.Device {
	var out []vm.Device
	for _, mapping := range nodeClass.Spec.Volumes() {
		out = append(out, vm.Device{
			Name:       mapping.DeviceName,
			SizeGiB:    mapping.BSU.VolumeSize,
			Type:       mapping.BSU.VolumeType,
			IOPS:       mapping.BSU.IOPS,
			SnapshotID: mapping.BSU.SnapshotID,
			Keep:       !*mapping.BSU.DeleteOnVMDeletion,
		})
	}
	return out
}
