// Package launching judges the way from a NodeClaim to a VM.
package launching

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	NodeClassNotReady rule.ID = "KPO101"
	NoCapacity        rule.ID = "KPO102"
	QuotaReached      rule.ID = "KPO103"
	AccessRefused     rule.ID = "KPO104"
	ImageNotUsable    rule.ID = "KPO105"
	SubnetFull        rule.ID = "KPO106"
	LaunchRefused     rule.ID = "KPO107"
	APIUnavailable    rule.ID = "KPO108"
	NoNodeClass       rule.ID = "KPO109"
	NotLaunched       rule.ID = "KPO110"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(classRules(), refusalRules(), accessRules())
}

// classRules are those of NodeClasses and of the images that they name.
func classRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: NodeClassNotReady, Title: "NodeClass not ready", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClasses},
			ExplainedBy: []rule.ID{ImageNotUsable},
			Doc: rule.Doc{
				Means:   "An OutscaleNodeClass has the condition Ready=False, so that nothing is launched from it.",
				KnownBy: "The status of the NodeClass, which the controller writes.",
				Fix:     "Correct the field that the message names. The controller looks again within a minute.",
				FixedIf: "kubectl get oscnc shows Ready=True.",
			},
			Find: notReadyClasses,
		},
		{
			ID: ImageNotUsable, Title: "image not usable", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClasses},
			Doc: rule.Doc{
				Means:   "The OMI of a NodeClass cannot be used.",
				KnownBy: "Condition ImageReady of the NodeClass is False.",
				Fix:     "Correct spec.imageId, share the OMI with the account, or build it for platform aws.",
				FixedIf: "Condition ImageReady is True.",
			},
			Find: badImages,
		},
		{
			ID: NoNodeClass, Title: "NodePool without NodeClass", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodePools, snapshot.SourceNodeClasses},
			Doc: rule.Doc{
				Means:   "A NodePool names an OutscaleNodeClass that does not exist.",
				KnownBy: "nodeClassRef of the NodePool, and the list of OutscaleNodeClasses.",
				Fix:     "Create the OutscaleNodeClass, or correct nodeClassRef.",
				FixedIf: "kubectl get nodepools shows READY True.",
			},
			Find: poolsWithoutClass,
		},
	}
}

// refusalRules are those of launches that Outscale refuses.
func refusalRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: NoCapacity, Title: "no capacity", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceEvents},
			Doc: rule.Doc{
				Means: "Outscale had no room (error 10001) for any VM type and subregion that the NodePool allows.",
				KnownBy: "Events InsufficientCapacityError of NodeClaims of the last 15 minutes, with no launch " +
					"after them, while something waits for one.",
				Fix: "Allow more generations, performances, sizes or subregions. The controller tries a " +
					"sold-out type again after a while.",
				FixedIf: "A NodeClaim of the pool becomes Launched.",
			},
			Find: noCapacity,
		},
		{
			ID: QuotaReached, Title: "quota reached", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceEvents, snapshot.SourceQuotas},
			Doc: rule.Doc{
				Means: "A quota of the account (VMs, cores, memory) is reached or used up.",
				KnownBy: "Events QuotaExceeded while something waits for a launch, and ReadQuotas. A limit of 0 " +
					"means none.",
				Fix:     "Have the quota raised, or delete what is not needed: kubectl kpo orphans.",
				FixedIf: "ReadQuotas has room, and a NodeClaim becomes Launched.",
			},
			Find: quotaReached,
		},
		{
			ID: SubnetFull, Title: "subnet full", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceEvents},
			Doc: rule.Doc{
				Means:   "A subnet of the NodeClass has no free address.",
				KnownBy: "Events SubnetFull of the last 15 minutes, with no launch after them.",
				Fix:     "Add a subnet of the same subregion to spec.subnetIds.",
				FixedIf: "A NodeClaim becomes Launched.",
			},
			Find: lastEvent(eventRule{
				reasons: []string{"SubnetFull"}, cause: "a subnet of the NodeClass has no free address",
				next: "kubectl get oscnc -o wide", fix: "add a subnet to spec.subnetIds of the OutscaleNodeClass",
			}),
		},
		{
			ID: LaunchRefused, Title: "launch refused", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceEvents},
			ExplainedBy: []rule.ID{NodeClassNotReady},
			Doc: rule.Doc{
				Means:   "Outscale refuses the request itself: a value that it does not take.",
				KnownBy: "Events LaunchRefused of the last 15 minutes, with no launch after them.",
				Fix:     "Correct the field of the OutscaleNodeClass that the message names.",
				FixedIf: "A NodeClaim becomes Launched.",
			},
			Find: lastEvent(eventRule{
				reasons: []string{"LaunchRefused"}, cause: "Outscale refuses the request to create the VM",
				next: "kubectl get oscnc -o yaml", fix: "correct the field of the OutscaleNodeClass that the message names",
			}),
		},
	}
}

// accessRules are those of a controller that does not get through to Outscale, or does not work at all.
func accessRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: AccessRefused, Title: "API access refused", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims},
			Doc: rule.Doc{
				Means: "Outscale refuses the access key of the controller. After four bad signatures the " +
					"account is locked, so that the controller stops asking.",
				KnownBy: "Condition Launched has the reason APIUnauthorized.",
				Fix: "Check Secret osc-secret, the EIM policy, and the clock of the controller's node; then " +
					"restart the controller.",
				FixedIf: "The NodeClaim becomes Launched.",
			},
			Find: launchReason(
				"APIUnauthorized", "Outscale refuses the controller's access key",
				"check the key in Secret osc-secret, its EIM policy, and the clock of the controller's node",
			),
		},
		{
			ID: APIUnavailable, Title: "API throttled or unavailable", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims},
			Doc: rule.Doc{
				Means:   "Outscale throttles the account, or does not answer.",
				KnownBy: "Condition Launched has the reason APIThrottled, APIUnavailable or PricesUnavailable.",
				Fix: "Find who else calls with this account (ReadApiLogs); lower --oapi-rate-limit. Nothing " +
					"is launched twice: the same client token is used again.",
				FixedIf: "The NodeClaim becomes Launched.",
			},
			Find: throttled,
		},
		{
			ID: NotLaunched, Title: "launch does not happen", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims},
			ExplainedBy: []rule.ID{clusterwide.ControllerDown},
			CatchAll:    true,
			Patience:    time.Minute,
			Doc: rule.Doc{
				Means: "A NodeClaim is not launched after a minute, and no other check knows why. Mostly the " +
					"controller does not run.",
				KnownBy: "Condition Launched, and the age of the NodeClaim.",
				Fix:     "Start the controller, or read its log. Karpenter deletes the NodeClaim after 5 minutes.",
				FixedIf: "The NodeClaim becomes Launched.",
			},
			Find: stuckLaunches,
		},
	}
}
