// Package initializing judges the way from a registered Node to one that pods run on.
package initializing

import (
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/running"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	NoNetworkPlugin  rule.ID = "KPO301"
	StartupTaint     rule.ID = "KPO302"
	Uninitialized    rule.ID = "KPO303"
	NoResource       rule.ID = "KPO304"
	NotReady         rule.ID = "KPO305"
	NeverInitialized rule.ID = "KPO306"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(networkRules(), nodeRules())
}

// networkRules are those of the parties that a new Node waits for.
func networkRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: NoNetworkPlugin, Title: "network plugin not ready", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			Patience: initPatience,
			Doc: rule.Doc{
				Means:   "The node is registered, and its network plugin is not ready.",
				KnownBy: "Condition Ready of the Node.",
				Fix:     "See the CNI's pods on the node: their image, and their tolerations.",
				FixedIf: "The Node is Ready.",
			},
			Find: notReady(
				isCNI, "the CNI has not set the node's network up",
				"see that the CNI's DaemonSet tolerates all taints and that its image can be pulled",
			),
		},
		{
			ID: StartupTaint, Title: "startup taint stays", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			Patience: startupPatience,
			Doc: rule.Doc{
				Means:   "A startup taint of the NodePool is still there after 5 minutes.",
				KnownBy: "Condition Initialized has the reason StartupTaintsExist.",
				Fix:     "See the DaemonSet that should remove it. It must tolerate the taint itself.",
				FixedIf: "Condition Initialized is True.",
			},
			Find: initReason(
				"StartupTaintsExist", "a startup taint of the NodePool is not removed",
				"see who should remove the taint; its DaemonSet must tolerate the node's taints",
			),
		},
		{
			ID: Uninitialized, Title: "node not initialised by the CCM", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{tags.CCMTagsMissing, clusterwide.OtherClusterID, clusterwide.CCMDown},
			Patience:    initPatience,
			Doc: rule.Doc{
				Means:   "The Outscale CCM has not initialised the node.",
				KnownBy: "The taint node.cloudprovider.kubernetes.io/uninitialized.",
				Fix:     "See that the CCM runs, and that the VM has the tags it looks for: kubectl kpo tags.",
				FixedIf: "The taint is gone.",
			},
			Find: uninitialized,
		},
	}
}

// nodeRules are those of what the Node itself lacks.
func nodeRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: NoResource, Title: "resource never registered", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			Patience: startupPatience,
			Doc: rule.Doc{
				Means:   "A resource that pods asked for, such as a GPU, never appeared on the node.",
				KnownBy: "Condition Initialized has the reason ResourceNotRegistered.",
				Fix:     "Install the device plugin; use an OMI with the driver's extension.",
				FixedIf: "The Node's allocatable has the resource.",
			},
			Find: initReason(
				"ResourceNotRegistered", "a resource that pods asked for never appeared on the node",
				"install the device plugin, and an OMI with its driver",
			),
		},
		{
			ID: NotReady, Title: "new node not Ready", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{NoNetworkPlugin, Uninitialized, running.VMGone, running.VMStopped},
			Patience:    initPatience,
			Doc: rule.Doc{
				Means:   "A new node is registered, and not Ready, for another reason than its network plugin.",
				KnownBy: "Condition Ready of the Node.",
				Fix:     "Read the message of the condition, and the console.",
				FixedIf: "The Node is Ready.",
			},
			Find: notReady(
				func(message string) bool { return !isCNI(message) }, "the kubelet says that the node is not Ready",
				"read the condition Ready of the Node and the console of the VM",
			),
		},
		{
			ID: NeverInitialized, Title: "never initialised", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{
				running.VMGone, running.VMStopped, tags.CCMTagsMissing, clusterwide.OtherClusterID, clusterwide.CCMDown,
			},
			CatchAll: true,
			Patience: startupPatience,
			Doc: rule.Doc{
				Means: "A node is registered for 5 minutes and not initialised, and no other check knows why. " +
					"Karpenter never gives up on it.",
				KnownBy: "Condition Initialized.",
				Fix:     "Read the condition's reason; delete the NodeClaim if it is stuck for good.",
				FixedIf: "Condition Initialized is True.",
			},
			Find: neverInitialized,
		},
	}
}
