package machines

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

const (
	mebibyte = 1 << 20
	// systemPartitionsMiB is what Talos takes of the disk before EPHEMERAL: EFI, BIOS, BOOT, META and STATE.
	systemPartitionsMiB = 2202
)

// memoryMiB is what the guest's kernel sees of the nominal memory.
func (m *machine) memoryMiB() int {
	return int(float64(m.vm.MemoryGiB<<10) * m.fleet.MemoryShare)
}

// ephemeralMiB is the size of the EPHEMERAL partition.
func (m *machine) ephemeralMiB() int {
	return max(m.vm.RootGiB<<10-systemPartitionsMiB, 0)
}

// capacity is what the kubelet finds on this machine.
func (m *machine) capacity(maxPods int32) corev1.ResourceList {
	const filesystemShare = 0.985
	storage := int64(float64(m.ephemeralMiB()) * filesystemShare)
	return corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(m.vm.VCores), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(int64(m.memoryMiB())*mebibyte, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(storage*mebibyte, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(int64(maxPods), resource.DecimalSI),
		"hugepages-1Gi":                 *resource.NewQuantity(0, resource.BinarySI),
		"hugepages-2Mi":                 *resource.NewQuantity(0, resource.BinarySI),
	}
}

// reservations are the parts of the capacity that pods never get.
type reservations struct {
	system, kube corev1.ResourceList
	eviction     map[corev1.ResourceName]threshold
}

// threshold is an amount, or a share of the capacity.
type threshold struct {
	amount resource.Quantity
	share  float64
}

func parseReservations(cfg *kubeletconfig.KubeletConfiguration) (reservations, error) {
	var out reservations
	var err error
	if out.system, err = parseReserved(cfg.SystemReserved); err != nil {
		return out, fmt.Errorf("--system-reserved value failed to parse: %w", err)
	}
	if out.kube, err = parseReserved(cfg.KubeReserved); err != nil {
		return out, fmt.Errorf("--kube-reserved value failed to parse: %w", err)
	}
	out.eviction, err = parseEviction(cfg.EvictionHard)
	return out, err
}

func parseReserved(reserved map[string]string) (corev1.ResourceList, error) {
	list := corev1.ResourceList{}
	for name, value := range reserved {
		switch name {
		case "cpu", "memory", "ephemeral-storage", "pid":
		default:
			return nil, fmt.Errorf("cannot reserve %q resource", name)
		}
		quantity, err := resource.ParseQuantity(value)
		if err != nil {
			return nil, fmt.Errorf("failed to parse quantity %q for %q resource: %w", value, name, err)
		}
		if quantity.Sign() == -1 {
			return nil, fmt.Errorf("resource quantity for %q cannot be negative: %v", name, value)
		}
		list[corev1.ResourceName(name)] = quantity
	}
	return list, nil
}

func parseEviction(hard map[string]string) (map[corev1.ResourceName]threshold, error) {
	thresholds := map[corev1.ResourceName]threshold{}
	for signal, value := range hard {
		parsed, err := parseThreshold(value)
		if err != nil {
			return nil, fmt.Errorf("--eviction-hard value of %q failed to parse: %w", signal, err)
		}
		switch signal {
		case "memory.available":
			thresholds[corev1.ResourceMemory] = parsed
		case "nodefs.available":
			thresholds[corev1.ResourceEphemeralStorage] = parsed
		case "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "containerfs.available",
			"containerfs.inodesFree", "pid.available", "allocatableMemory.available":
		default:
			return nil, fmt.Errorf("unknown eviction signal %v", signal)
		}
	}
	return thresholds, nil
}

func parseThreshold(value string) (threshold, error) {
	percent, isPercent := strings.CutSuffix(value, "%")
	if !isPercent {
		amount, err := resource.ParseQuantity(value)
		return threshold{amount: amount}, err
	}
	share, err := strconv.ParseFloat(percent, 32)
	// In single precision, as the kubelet keeps it: allocatable must agree to the byte.
	return threshold{share: float64(float32(share) / 100)}, err
}

// allocatable is the capacity without the reservations, never negative.
func (r reservations) allocatable(capacity corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, total := range capacity {
		left := total.DeepCopy()
		left.Sub(r.system[name])
		left.Sub(r.kube[name])
		if limit, ok := r.eviction[name]; ok {
			amount := limit.amount
			if limit.share > 0 {
				amount = *resource.NewQuantity(int64(float64(total.Value())*limit.share), resource.BinarySI)
			}
			left.Sub(amount)
		}
		if left.Sign() < 0 {
			left.Set(0)
		}
		out[name] = left
	}
	return out
}
