package instancetype

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

const (
	mib = 1 << 20
	gib = 1 << 30
	// talosPartitions is what Talos keeps of the root volume: EFI, BIOS, BOOT, META and STATE.
	talosPartitions = 2202 * mib
)

// capacity is what a node of the type will have, on the low side: a node that turns out larger wastes a little, one
// that turns out smaller makes Karpenter launch the next one for the same pod, for ever.
func capacity(t vmtype.Type, ephemeral int64, kubelet v1alpha1.Kubelet) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(t.VCores), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(memory(t.MemoryGiB), resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(int64(kubelet.MaxPods), resource.DecimalSI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(ephemeral, resource.BinarySI),
	}
}

// memory is what the kernel will see of the nominal size: hypervisor, firmware and page tables take 2 to 6 %. The
// formula stays below all that was measured (4 GiB 3820 MiB, 16 GiB 15614 MiB).
func memory(nominalGiB int) int64 {
	return (int64(nominalGiB)*1024*94/100 - 64) * mib
}

// EphemeralRoom is what Talos leaves of a root volume for its EPHEMERAL partition.
func EphemeralRoom(rootGiB int) int64 { return max(0, int64(rootGiB)*gib-talosPartitions) }

// ephemeral is the size of the EPHEMERAL partition, less 2 % for the file system. The machine config may limit it.
func ephemeral(nodeClass *v1alpha1.OutscaleNodeClass, rootGiB int) int64 {
	room := EphemeralRoom(rootGiB)
	if limit := nodeClass.Status.EphemeralMax; limit != nil {
		room = min(room, limit.Value())
	}
	return room * 98 / 100
}

// overhead is what of the capacity pods cannot use: the same numbers go into the machine config.
func overhead(capacity corev1.ResourceList, kubelet v1alpha1.Kubelet) *cloudprovider.InstanceTypeOverhead {
	return &cloudprovider.InstanceTypeOverhead{
		SystemReserved: reserved(kubelet.SystemReserved),
		KubeReserved:   reserved(kubelet.KubeReserved),
		EvictionThreshold: corev1.ResourceList{
			corev1.ResourceMemory:           threshold(kubelet.EvictionHard["memory.available"], capacity[corev1.ResourceMemory]),
			corev1.ResourceEphemeralStorage: threshold(kubelet.EvictionHard["nodefs.available"], capacity[corev1.ResourceEphemeralStorage]),
		},
	}
}

// reserved keeps the resources that pods ask for; process IDs are none of them. Quantities were checked by the CRD.
func reserved(in map[string]v1alpha1.Amount) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, value := range in {
		if quantity, err := resource.ParseQuantity(string(value)); err == nil && name != "pid" {
			out[corev1.ResourceName(name)] = quantity
		}
	}
	return out
}

// threshold reads an eviction threshold: a quantity, or a percentage of the capacity.
func threshold(amount v1alpha1.Amount, of resource.Quantity) resource.Quantity {
	value := string(amount)
	if number, found := strings.CutSuffix(value, "%"); found {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil {
			percent = 0
		}
		return *resource.NewQuantity(int64(float64(of.Value())*percent/100), resource.BinarySI)
	}
	quantity, err := resource.ParseQuantity(value)
	if err != nil {
		return resource.Quantity{}
	}
	return quantity
}
