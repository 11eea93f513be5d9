package gather

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	karpevents "sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// kubePage is the size of a page of the API server.
const kubePage = 500

// karpenterName is the source of Karpenter's events (AppName in pkg/operator).
const karpenterName = "karpenter"

// lastApplied is a second copy of an object, which can hold what the object itself no longer does.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// kubeSources are the reads of the API server that depend on no other.
func (g *gathering) kubeSources() map[snapshot.Source]func(context.Context) (int, error) {
	return map[snapshot.Source]func(context.Context) (int, error){
		snapshot.SourceNodeClaims: func(ctx context.Context) (int, error) {
			return list(ctx, g.Kube, &karpv1.NodeClaimList{}, func(l *karpv1.NodeClaimList) {
				g.s.NodeClaims = append(g.s.NodeClaims, trimmed(l.Items, func(c *karpv1.NodeClaim) { trimMeta(&c.ObjectMeta) })...)
			})
		},
		snapshot.SourceNodes: func(ctx context.Context) (int, error) {
			return list(ctx, g.Kube, &corev1.NodeList{}, func(l *corev1.NodeList) {
				g.s.Nodes = append(g.s.Nodes, trimmed(l.Items, trimNode)...)
			})
		},
		snapshot.SourceNodePools: func(ctx context.Context) (int, error) {
			return list(ctx, g.Kube, &karpv1.NodePoolList{}, func(l *karpv1.NodePoolList) {
				g.s.NodePools = append(g.s.NodePools, trimmed(l.Items, func(p *karpv1.NodePool) { trimMeta(&p.ObjectMeta) })...)
			})
		},
		snapshot.SourceNodeClasses: func(ctx context.Context) (int, error) {
			return list(ctx, g.Kube, &v1alpha1.OutscaleNodeClassList{}, func(l *v1alpha1.OutscaleNodeClassList) {
				g.s.NodeClasses = append(g.s.NodeClasses, trimmed(l.Items, trimNodeClass)...)
			})
		},
		snapshot.SourceEvents: g.readEvents,
		snapshot.SourceBudgets: func(ctx context.Context) (int, error) {
			return list(ctx, g.Kube, &policyv1.PodDisruptionBudgetList{}, func(l *policyv1.PodDisruptionBudgetList) {
				g.s.Budgets = append(g.s.Budgets, trimmed(l.Items, func(b *policyv1.PodDisruptionBudget) { trimMeta(&b.ObjectMeta) })...)
			})
		},
		snapshot.SourceAttachments: func(ctx context.Context) (int, error) {
			return list(ctx, g.Kube, &storagev1.VolumeAttachmentList{}, func(l *storagev1.VolumeAttachmentList) {
				g.s.Attachments = append(g.s.Attachments, trimmed(l.Items, trimAttachment)...)
			})
		},
		snapshot.SourceClusterUID: func(ctx context.Context) (int, error) {
			var namespace corev1.Namespace
			err := g.Kube.Get(ctx, types.NamespacedName{Name: metav1.NamespaceSystem}, &namespace)
			g.s.Cluster.UID = string(namespace.UID)
			return 1, err
		},
		snapshot.SourceController: g.readController,
		snapshot.SourceCSRs:       g.readCSRs,
		snapshot.SourceCCM:        g.readCCM,
	}
}

// list reads all pages of a list.
func list[L client.ObjectList](ctx context.Context, kube client.Reader, into L, take func(L), options ...client.ListOption) (int, error) {
	count, next := 0, ""
	for {
		page := append(slices.Clone(options), client.Limit(kubePage), client.Continue(next))
		if err := kube.List(ctx, into, page...); err != nil {
			return count, err
		}
		count += meta.LenList(into)
		take(into)
		if next = into.GetContinue(); next == "" {
			return count, nil
		}
		into.SetContinue("")
	}
}

func trimmed[T any](items []T, trim func(*T)) []T {
	for i := range items {
		trim(&items[i])
	}
	return items
}

func trimMeta(object *metav1.ObjectMeta) {
	object.ManagedFields = nil
	delete(object.Annotations, lastApplied)
}

// trimNode leaves out what no rule needs and a large fleet has much of.
func trimNode(node *corev1.Node) {
	trimMeta(&node.ObjectMeta)
	node.Status.Images, node.Status.VolumesInUse = nil, nil
}

// trimNodeClass leaves out the machine config patches: they can hold secrets.
func trimNodeClass(class *v1alpha1.OutscaleNodeClass) {
	trimMeta(&class.ObjectMeta)
	for i := range class.Spec.Talos.Patches {
		class.Spec.Talos.Patches[i] = "withheld"
	}
}

func trimEvent(event *corev1.Event) { trimMeta(&event.ObjectMeta) }

// trimAttachment leaves out the handle of an inline volume, which can hold anything.
func trimAttachment(attachment *storagev1.VolumeAttachment) {
	trimMeta(&attachment.ObjectMeta)
	attachment.Spec.Source.InlineVolumeSpec = nil
	attachment.Status.AttachmentMetadata = nil
}

func trimPod(pod *corev1.Pod) {
	trimMeta(&pod.ObjectMeta)
	snapshot.TrimPod(pod)
}

// readEvents reads what is said of Karpenter's objects, and of the pods that it cannot place.
func (g *gathering) readEvents(ctx context.Context) (int, error) {
	keep := func(drop func(corev1.Event) bool) func(*corev1.EventList) {
		return func(l *corev1.EventList) {
			g.s.Events = append(g.s.Events, trimmed(slices.DeleteFunc(l.Items, drop), trimEvent)...)
		}
	}
	// Events about objects without a namespace are in this one.
	count, err := list(ctx, g.Kube, &corev1.EventList{}, keep(irrelevant), client.InNamespace(metav1.NamespaceDefault))
	if err != nil {
		return count, err
	}
	unplaced := client.MatchingFields{"reason": karpevents.FailedScheduling}
	more, err := list(ctx, g.Kube, &corev1.EventList{}, keep(notKarpenters), unplaced)
	return count + more, err
}

// notKarpenters leaves out what the scheduler of Kubernetes says of pods with the same reason.
func notKarpenters(event corev1.Event) bool {
	return event.InvolvedObject.Kind != "Pod" || event.Reason != karpevents.FailedScheduling ||
		event.Source.Component != karpenterName && event.ReportingController != karpenterName
}

func irrelevant(event corev1.Event) bool {
	return !slices.Contains([]string{"NodeClaim", "Node", "NodePool", "OutscaleNodeClass"}, event.InvolvedObject.Kind)
}

// readPodsOf reads the pending pods, and those of nodes that drain.
func (g *gathering) readPodsOf(ctx context.Context, nodes []string) {
	take := func(l *corev1.PodList) { g.s.Pods = append(g.s.Pods, trimmed(l.Items, trimPod)...) }
	g.read(ctx, snapshot.SourcePods, func(ctx context.Context) (int, error) {
		if _, err := list(ctx, g.Kube, &corev1.PodList{}, take, client.MatchingFields{"status.phase": string(corev1.PodPending)}); err != nil {
			return 0, err
		}
		for _, node := range nodes {
			if _, err := list(ctx, g.Kube, &corev1.PodList{}, take, client.MatchingFields{"spec.nodeName": node}); err != nil {
				return 0, err
			}
		}
		return len(g.s.Pods), nil
	})
}
