// Package tags compares the tags of VMs with those that the controller sets.
package tags

import (
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	OwnershipTagsMissing rule.ID = "KPO405"
	CCMTagsMissing       rule.ID = "KPO406"
	OtherTagsDiffer      rule.ID = "KPO407"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(tagRules())
}

// tagRules are those of tags.
func tagRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: OwnershipTagsMissing, Title: "ownership tags missing", Severity: rule.Error,
			Needs: []snapshot.Source{
				snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodeClasses, snapshot.SourceClusterUID, snapshot.SourceClusterNames,
			},
			Patience: Patience,
			Doc: rule.Doc{
				Means: "A VM lost the tags that make it ours. The controller then reads it by ID, or not at " +
					"all, and Karpenter deletes a NodeClaim whose VM it does not see.",
				KnownBy: "ReadVms, compared with what the controller's own code would set.",
				Fix: "The controller puts tags back within a minute. If they go again, somebody's script " +
					"removes them (ReadApiLogs, DeleteTags).",
				FixedIf: "kubectl kpo tags exits with 0.",
			},
			Find: differ(isOwnership,
				"without karpenter.sh/managed-by the controller does not list the VM, and Karpenter deletes its NodeClaim as if it were gone",
			),
		},
		{
			ID: CCMTagsMissing, Title: "CCM tags missing", Severity: rule.Error,
			Needs: []snapshot.Source{
				snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodeClasses, snapshot.SourceClusterUID, snapshot.SourceClusterNames,
			},
			ExplainedBy: []rule.ID{OwnershipTagsMissing},
			Patience:    Patience,
			Doc: rule.Doc{
				Means: "A VM lacks the tags by which the Outscale CCM finds it. A Node without VM is deleted as " +
					"soon as it is not Ready: it joins and vanishes.",
				KnownBy: "ReadVms, compared with what the controller's own code would set.",
				Fix:     "As KPO405. With host name mode PrivateIP the tag can only come after the launch.",
				FixedIf: "kubectl kpo tags exits with 0, and the Node stays.",
			},
			Find: ccmTags,
		},
		{
			ID: OtherTagsDiffer, Title: "other tags differ", Severity: rule.Warning,
			Needs: []snapshot.Source{
				snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodeClasses, snapshot.SourceClusterUID, snapshot.SourceClusterNames,
			},
			ExplainedBy: []rule.ID{OwnershipTagsMissing, CCMTagsMissing},
			Patience:    Patience,
			Doc: rule.Doc{
				Means: "Tags that no other party depends on differ: Name, node pool, node class, " +
					"kubernetes.io/cluster.",
				KnownBy: "ReadVms, compared with what the controller's own code would set.",
				Fix:     "Nothing burns. The controller puts them back.",
				FixedIf: "kubectl kpo tags exits with 0.",
			},
			Find: differ(isOther, "tags for people and tools differ from what the controller sets"),
		},
	}
}
