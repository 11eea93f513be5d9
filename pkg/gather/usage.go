package gather

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/karpenter/pkg/utils/resources"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// readUsage adds up page by page: nothing of the pods is kept.
func (g *gathering) readUsage(ctx context.Context) {
	if !g.reads(snapshot.SourceUsage) {
		return
	}
	read := func(ctx context.Context) (map[string]snapshot.Usage, int, error) {
		usage := map[string]snapshot.Usage{}
		count, err := list(ctx, g.Kube, &corev1.PodList{}, func(l *corev1.PodList) {
			for i := range l.Items {
				pod := &l.Items[i]
				if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
					continue
				}
				usage[pod.Spec.NodeName] = with(usage[pod.Spec.NodeName], pod)
			}
		})
		return usage, count, err
	}
	g.s.Usage = maps.Clone(ask(ctx, g, snapshot.SourceUsage, &g.kept.usage, read))
}

func with(u snapshot.Usage, pod *corev1.Pod) snapshot.Usage {
	requests := resources.RequestsForPods(pod)
	u.Pods++
	u.MilliCPU += requests.Cpu().MilliValue()
	u.Memory += requests.Memory().Value()
	return u
}
