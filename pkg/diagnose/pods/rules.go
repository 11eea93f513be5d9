// Package pods judges pods that wait for a node.
package pods

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/booting"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/initializing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/launching"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/pools"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	NoNode  rule.ID = "KPO111"
	Pending rule.ID = "KPO112"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(podRules())
}

// podRules are those of pods that are pending.
func podRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: NoNode, Title: "no node for pods", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourcePods, snapshot.SourceNodeClaims, snapshot.SourceNodePools, snapshot.SourceEvents},
			ExplainedBy: []rule.ID{
				launching.NodeClassNotReady, launching.NoCapacity, launching.QuotaReached, launching.ImageNotUsable,
				launching.SubnetFull, launching.LaunchRefused, pools.AtLimit, clusterwide.ControllerDown,
			},
			Doc: rule.Doc{
				Means: "Pods are pending, and Karpenter says that it can make no node for them.",
				KnownBy: "Pods with PodScheduled=False Unschedulable, and Karpenter's events FailedScheduling of " +
					"the last 6 minutes, after which nothing was launched.",
				Fix: "Compare the message with the pod's requests, selectors and tolerations, and with the " +
					"NodePool's requirements, taints and limits.",
				FixedIf: "The pod is scheduled.",
			},
			Find: unplaced,
		},
		{
			ID: Pending, Title: "pods pending", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourcePods, snapshot.SourceNodeClaims, snapshot.SourceNodePools},
			ExplainedBy: append(
				rule.IDs(launching.Rules(), pools.Rules(), booting.Rules(), initializing.Rules()),
				clusterwide.ControllerDown, clusterwide.OtherClusterID, clusterwide.CCMDown, clusterwide.WrongAccount,
			),
			CatchAll: true,
			Patience: time.Minute,
			Doc: rule.Doc{
				Means:   "Pods are pending, no node starts for them, and Karpenter does not say why.",
				KnownBy: "Pods with PodScheduled=False Unschedulable for a minute; for 5 minutes while machines start.",
				Fix: "kubectl describe the pod. A pod that waits for a volume, or that no NodePool is for, " +
					"gets no node of Karpenter.",
				FixedIf: "The pod is scheduled.",
			},
			Find: waitingPods,
		},
	}
}
