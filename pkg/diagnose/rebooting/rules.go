// Package rebooting judges the reboots of node repair.
package rebooting

import (
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/running"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	Failed    rule.ID = "KPO408"
	NotIssued rule.ID = "KPO409"
	Endless   rule.ID = "KPO410"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(rebootRules())
}

// rebootRules are those of reboots.
func rebootRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: Failed, Title: "reboot failed", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceEvents},
			Doc: rule.Doc{
				Means: "A reboot by node repair failed. Karpenter replaces the node, except where the request " +
					"itself was not valid.",
				KnownBy: "Events RebootFailed and RebootForbidden, or condition Rebooting=False with reason " +
					"RebootFailed.",
				Fix: "As the finding says. Where RebootVms is not allowed, add \"api:RebootVms\" to the EIM " +
					"policy of the controller.",
				FixedIf: "The next unhealthy node is rebooted: condition Rebooting has the reason RebootSucceeded.",
			},
			Find: rebootFailed,
		},
		{
			ID: NotIssued, Title: "reboot not issued", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{running.VMGone, running.VMStopped, clusterwide.ControllerDown},
			Patience:    rebootPatience,
			Doc: rule.Doc{
				Means: "A reboot was requested 5 minutes ago, and Outscale has not taken the call: the node " +
					"drains, or the call fails.",
				KnownBy: "Condition Rebooting=True with reason RebootRequested. The annotation " +
					"karpenter.sh/reboot-pre-boot-id is there after the drain.",
				Fix:     "Let the pods go that block the drain. After the drain, read the controller's log.",
				FixedIf: "Condition Rebooting has the reason RebootIssued.",
			},
			Find: rebootNotIssued,
		},
		{
			ID: Endless, Title: "reboot does not end", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{running.VMGone, running.VMStopped, clusterwide.ControllerDown},
			Patience:    rebootPatience,
			Doc: rule.Doc{
				Means: "Outscale took the reboot 5 minutes ago, and the node is not back. Karpenter waits 20 " +
					"minutes, then replaces it.",
				KnownBy: "Condition Rebooting=True with reason RebootIssued. Initialized became Unknown when the " +
					"call was taken. A new boot ID of the Node shows that the machine booted.",
				Fix:     "Read the end of the console before the VM is deleted: kubectl kpo console TARGET.",
				FixedIf: "Condition Rebooting has the reason RebootSucceeded.",
			},
			Find: rebootEndless,
		},
	}
}
