package v1alpha1

import "maps"

// WithDefaults fills in what is not given with what the node would use. The machine config then states every key: the
// kubelet and Talos drop their own defaults as soon as one key of a map is given, and a node would turn out smaller or
// larger than Karpenter thinks.
func (k *Kubelet) WithDefaults() Kubelet {
	out := *k
	if out.MaxPods == 0 {
		out.MaxPods = 110
	}
	out.SystemReserved = merged(map[string]Amount{
		// Talos constants of a worker (machinery/constants.go).
		"cpu": "50m", "memory": "384Mi", "ephemeral-storage": "256Mi", "pid": "100",
	}, k.SystemReserved)
	out.KubeReserved = merged(map[string]Amount{}, k.KubeReserved)
	out.EvictionHard = merged(map[string]Amount{
		// The kubelet's own defaults.
		"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
		"imagefs.available": "15%", "imagefs.inodesFree": "5%",
	}, k.EvictionHard)
	return out
}

func merged(defaults, given map[string]Amount) map[string]Amount {
	maps.Copy(defaults, given)
	return defaults
}
