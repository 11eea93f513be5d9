package fleet

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/karpenter/pkg/utils/resources"
)

// SourceUsage is all pods of the cluster. It is read only when Inputs ask for it: there are many.
const SourceUsage Source = "pods of all nodes"

// Usage is what the pods of a Node request, counted as Karpenter counts when it looks for a smaller Node.
type Usage struct {
	Pods     int   `json:"pods"`
	MilliCPU int64 `json:"milliCPU,omitempty"`
	// Memory is in bytes.
	Memory int64 `json:"memory,omitempty"`
}

// readUsage adds up page by page: nothing of the pods is kept.
func (g *gathering) readUsage(ctx context.Context) {
	if !g.Usage {
		return
	}
	usage := map[string]Usage{}
	take := func(l *corev1.PodList) {
		for i := range l.Items {
			pod := &l.Items[i]
			if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
				continue
			}
			usage[pod.Spec.NodeName] = usage[pod.Spec.NodeName].with(pod)
		}
	}
	g.read(ctx, SourceUsage, func(ctx context.Context) (int, error) {
		count, err := list(ctx, g.Kube, &corev1.PodList{}, take)
		if err == nil {
			g.s.Usage = usage
		}
		return count, err
	})
}

func (u Usage) with(pod *corev1.Pod) Usage {
	requests := resources.RequestsForPods(pod)
	u.Pods++
	u.MilliCPU += requests.Cpu().MilliValue()
	u.Memory += requests.Memory().Value()
	return u
}

// Share returns which part of what the Node can give is requested, and false where the Node does not say what that is.
func (u Usage) Share(node *corev1.Node) (cpu, memory float64, known bool) {
	cores, bytes := node.Status.Allocatable.Cpu().MilliValue(), node.Status.Allocatable.Memory().Value()
	if cores <= 0 || bytes <= 0 {
		return 0, 0, false
	}
	return float64(u.MilliCPU) / float64(cores), float64(u.Memory) / float64(bytes), true
}
