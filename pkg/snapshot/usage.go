package snapshot

import corev1 "k8s.io/api/core/v1"

// Usage is what the pods of a Node request, counted as Karpenter counts when it looks for a smaller Node.
type Usage struct {
	Pods     int   `json:"pods"`
	MilliCPU int64 `json:"milliCPU,omitempty"`
	// Memory is in bytes.
	Memory int64 `json:"memory,omitempty"`
}

// Share returns which part of what the Node can give is requested, and false where the Node does not say what that is.
func (u Usage) Share(node *corev1.Node) (cpu, memory float64, known bool) {
	cores, bytes := node.Status.Allocatable.Cpu().MilliValue(), node.Status.Allocatable.Memory().Value()
	if cores <= 0 || bytes <= 0 {
		return 0, 0, false
	}
	return float64(u.MilliCPU) / float64(cores), float64(u.Memory) / float64(bytes), true
}
