// Package ending judges the deletion of nodes.
package ending

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	Budget          rule.ID = "KPO501"
	DoNotDisrupt    rule.ID = "KPO502"
	VolumesAttached rule.ID = "KPO503"
	Protected       rule.ID = "KPO504"
	FinalizerStays  rule.ID = "KPO505"
	PastGrace       rule.ID = "KPO506"
	NeverDeleted    rule.ID = "KPO507"
	TwoBudgets      rule.ID = "KPO508"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(drainRules(), vmRules(), endRules())
}

// drainRules are those of pods that a drain waits for.
func drainRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: Budget, Title: "drain blocked by a PodDisruptionBudget", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourcePods, snapshot.SourceBudgets},
			Patience: budgetPatience,
			Doc: rule.Doc{
				Means: "A node drains for 2 minutes, and a PodDisruptionBudget with no disruption left covers " +
					"one of its pods.",
				KnownBy: "The budget's status for 2 minutes, and the pods on the node.",
				Fix: "Let the workload become healthy, or change the budget. Never remove the finalizer while " +
					"the VM lives: it would leak.",
				FixedIf: "The NodeClaim is gone.",
			},
			Find: blockedByBudget,
		},
		{
			ID: DoNotDisrupt, Title: "drain blocked by do-not-disrupt", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourcePods},
			Doc: rule.Doc{
				Means: "A node drains, and a pod with karpenter.sh/do-not-disrupt is on it. A duration counts " +
					"from the start of the pod.",
				KnownBy: "The annotations of the pods on the node. Pods of the node itself, and those that " +
					"tolerate karpenter.sh/disrupted, do not count.",
				Fix:     "Let the pod end, or delete it. terminationGracePeriod of the NodePool bounds such waits.",
				FixedIf: "The NodeClaim is gone.",
			},
			Find: blockedByAnnotation,
		},
		{
			ID: TwoBudgets, Title: "drain blocked by two PodDisruptionBudgets", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourcePods, snapshot.SourceBudgets},
			Doc: rule.Doc{
				Means: "A node drains, and a pod on it has two PodDisruptionBudgets. The API server refuses to " +
					"evict such a pod, whatever the budgets allow: the drain does not end by itself.",
				KnownBy: "The selectors of the PodDisruptionBudgets, and the labels of the pods on the node.",
				Fix: "Leave one of the budgets, or narrow their selectors. terminationGracePeriod of the " +
					"NodePool bounds such waits.",
				FixedIf: "The NodeClaim is gone.",
			},
			Find: blockedByTwoBudgets,
		},
	}
}

// vmRules are those of what follows the drain.
func vmRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: VolumesAttached, Title: "volumes not detached", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceAttachments},
			Patience: detachPatience,
			Doc: rule.Doc{
				Means:   "The pods are gone, and their volumes are not detached for 2 minutes.",
				KnownBy: "Condition VolumesDetached, and VolumeAttachments.",
				Fix:     "See that the BSU CSI controller runs.",
				FixedIf: "The VolumeAttachments are gone.",
			},
			Find: volumesAttached,
		},
		{
			ID: Protected, Title: "VM protected from deletion", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceVMs},
			Doc: rule.Doc{
				Means:   "Somebody set DeletionProtection on a VM that should go.",
				KnownBy: "ReadVms.",
				Fix:     "Take the protection off.",
				FixedIf: "The VM shuts down.",
			},
			Find: protected,
		},
		{
			ID: FinalizerStays, Title: "VM gone, NodeClaim stays", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs},
			Patience: goodbyePatience,
			Doc: rule.Doc{
				Means:   "The VM is gone and the NodeClaim is not.",
				KnownBy: "ReadVms, also by ID, 2 minutes after the deletion began.",
				Fix: "Start the controller, or read its log. It removes the finalizer; by hand only if the VM " +
					"is certainly gone.",
				FixedIf: "The NodeClaim is gone.",
			},
			Find: finalizerStays,
		},
	}
}

// endRules are those of deletions that take too long.
func endRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: PastGrace, Title: "past the grace period", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims},
			ExplainedBy: []rule.ID{VolumesAttached, Protected, FinalizerStays},
			Patience:    time.Minute,
			Doc: rule.Doc{
				Means:   "The termination grace period is over and the NodeClaim is still there.",
				KnownBy: "The annotation karpenter.sh/nodeclaim-termination-timestamp.",
				Fix:     "Read the events of NodeClaim and Node, and the controller's log.",
				FixedIf: "The NodeClaim is gone.",
			},
			Find: pastGrace,
		},
		{
			ID: NeverDeleted, Title: "deletion does not end", Severity: rule.Warning,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims},
			CatchAll: true,
			Patience: drainPatience,
			Doc: rule.Doc{
				Means:   "A NodeClaim is being deleted for 5 minutes, and no other check knows why.",
				KnownBy: "deletionTimestamp; events FailedDraining.",
				Fix:     "Read the events of the Node.",
				FixedIf: "The NodeClaim is gone.",
			},
			Find: neverDeleted,
		},
	}
}
