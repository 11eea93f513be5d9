// Package pools judges whether a NodePool can grow.
package pools

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/launching"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	AtLimit  rule.ID = "KPO113"
	NotReady rule.ID = "KPO114"
	NoType   rule.ID = "KPO115"
	NoPool   rule.ID = "KPO116"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(poolRules())
}

// poolRules are those of NodePools.
func poolRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: AtLimit, Title: "NodePool at its limit", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodePools, snapshot.SourcePods, snapshot.SourceEvents, snapshot.SourceNodeClaims},
			Patience: time.Minute,
			Doc: rule.Doc{
				Means:   "A NodePool has reached its limit, and pods are pending.",
				KnownBy: "spec.limits and status.resources of the NodePool, and Karpenter's events FailedScheduling.",
				Fix:     "Raise spec.limits, or allow smaller VM types: what is left may be less than the smallest.",
				FixedIf: "A NodeClaim of the NodePool becomes Launched.",
			},
			Find: poolsAtLimit,
		},
		{
			ID: NotReady, Title: "NodePool not Ready", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodePools},
			ExplainedBy: []rule.ID{launching.NodeClassNotReady, launching.ImageNotUsable, launching.NoNodeClass},
			Doc: rule.Doc{
				Means:   "A NodePool has the condition Ready=False: Karpenter launches nothing from it.",
				KnownBy: "The conditions Ready, ValidationSucceeded and NodeClassReady of the NodePool.",
				Fix:     "Correct what the message names.",
				FixedIf: "kubectl get nodepools shows Ready=True.",
			},
			Find: notReadyPools,
		},
		{
			ID: NoType, Title: "no VM type fits the NodePool", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodePools, snapshot.SourcePods, snapshot.SourceEvents, snapshot.SourceNodeClaims},
			ExplainedBy: []rule.ID{
				AtLimit, NotReady, launching.NodeClassNotReady, launching.NoCapacity, launching.QuotaReached,
				launching.ImageNotUsable, launching.NoNodeClass,
			},
			Doc: rule.Doc{
				Means: "The requirements of a NodePool leave no VM type that can be had, and something waits " +
					"for one.",
				KnownBy: "Events NoCompatibleInstanceTypes of the NodePool of the last 15 minutes, with no launch " +
					"after them.",
				Fix: "Compare the requirements with kubectl kpo types. A type that was sold out is left out " +
					"for some minutes.",
				FixedIf: "A NodeClaim of the NodePool becomes Launched.",
			},
			Find: poolsWithoutTypes,
		},
		{
			ID: NoPool, Title: "no NodePool", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceNodePools},
			Doc: rule.Doc{
				Means:   "The cluster has no NodePool: Karpenter launches nothing.",
				KnownBy: "The NodePools.",
				Fix:     "Create a NodePool and an OutscaleNodeClass.",
				FixedIf: "kubectl get nodepools lists one that is Ready.",
			},
			Find: noPool,
		},
	}
}
