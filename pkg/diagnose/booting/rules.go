// Package booting judges the way from a VM to its Node.
package booting

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/initializing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	VMNotRunning            rule.ID = "KPO201"
	ConfigNotFetched        rule.ID = "KPO202"
	NoConfig                rule.ID = "KPO203"
	BadDisk                 rule.ID = "KPO204"
	NoNetwork               rule.ID = "KPO205"
	ControlPlaneUnreachable rule.ID = "KPO206"
	JoinRefused             rule.ID = "KPO207"
	KubeletDown             rule.ID = "KPO208"
	Crashes                 rule.ID = "KPO209"
	ConsoleEmpty            rule.ID = "KPO210"
	OtherProviderID         rule.ID = "KPO211"
	TwinNodes               rule.ID = "KPO212"
	CertificateNotApproved  rule.ID = "KPO213"
	ConfigRefused           rule.ID = "KPO214"
	LabelsRefused           rule.ID = "KPO215"
	NeverRegistered         rule.ID = "KPO216"
	NodeDeleted             rule.ID = "KPO217"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(vmRules(), consoleRules(), nodeRules(), joinRules())
}

// vmRules are those of what Outscale shows of the VM.
func vmRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: VMNotRunning, Title: "VM does not run", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs},
			Patience: bootPatience,
			Doc: rule.Doc{
				Means:   "The VM of a NodeClaim that waits for its Node is stopped, terminated or gone.",
				KnownBy: "ReadVms, also by ID.",
				Fix: "Terminated or gone: the controller deletes the NodeClaim within about a minute; act if " +
					"it is still there after 3 minutes. Stopped: start the VM, or delete the NodeClaim; else " +
					"Karpenter deletes it 15 minutes after it was made. ReadApiLogs shows who stopped the VM.",
				FixedIf: "The next NodeClaim registers.",
			},
			Find: vmNotRunning,
		},
		{
			ID: ConsoleEmpty, Title: "console empty", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs, snapshot.SourceConsoles},
			ExplainedBy: []rule.ID{VMNotRunning},
			Patience:    bootPatience,
			Doc: rule.Doc{
				Means:   "The VM runs for minutes and its console is empty.",
				KnownBy: "ReadConsoleOutput.",
				Fix:     "The OMI needs console=ttyS0, and a boot mode that the VM type has.",
				FixedIf: "The console has lines.",
			},
			Find: emptyConsoles,
		},
	}
}

// nodeRules are those of what the API server shows of the Node.
func nodeRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: OtherProviderID, Title: "provider ID differs", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{TwinNodes, tags.CCMTagsMissing, clusterwide.OtherClusterID},
			Patience:    time.Minute,
			Doc: rule.Doc{
				Means: "A Node is there, and Karpenter does not take it for the NodeClaim's: their provider IDs " +
					"differ in a byte.",
				KnownBy: "spec.providerID of the Node, status.providerID of the NodeClaim.",
				Fix: "Only the Outscale CCM may set the provider ID. If it is empty, the kubelet lacks " +
					"cloud-provider: external.",
				FixedIf: "Condition Registered is True.",
			},
			Find: providerIDs,
		},
		{
			ID: TwinNodes, Title: "two Nodes with one provider ID", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			Doc: rule.Doc{
				Means: "Two Nodes have one provider ID: the machine changed its host name. Karpenter registers " +
					"neither.",
				KnownBy: "The Nodes' spec.providerID.",
				Fix:     "Pin the host name (spec.talos.hostname), and delete the Node that is not Ready.",
				FixedIf: "One Node is left, and the next NodeClaim registers.",
			},
			Find: twins,
		},
		{
			ID: CertificateNotApproved, Title: "certificate not approved", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceCSRs},
			ExplainedBy: []rule.ID{VMNotRunning, TwinNodes},
			Patience:    time.Minute,
			Doc: rule.Doc{
				Means: "The kubelet of a new machine asked for its certificate, and it is not approved, was " +
					"denied, or is not signed. It waits, and makes no Node.",
				KnownBy: "The CertificateSigningRequests of signer kubernetes.io/kube-apiserver-client-kubelet " +
					"that name the machine.",
				Fix: "kube-controller-manager approves them where ClusterRole " +
					"system:certificates.k8s.io:certificatesigningrequests:nodeclient is bound to the group " +
					"of the bootstrap token. By hand: kubectl certificate approve NAME, which changes the " +
					"cluster.",
				FixedIf: "The request is Approved,Issued, and a Node appears.",
			},
			Find: certificatesNotApproved,
		},
	}
}

// joinRules are those of Nodes that do not come or do not stay.
func joinRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: NeverRegistered, Title: "launched, never registered", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{
				initializing.Uninitialized, tags.CCMTagsMissing, clusterwide.OtherClusterID, clusterwide.CCMDown,
			},
			CatchAll: true,
			Patience: 5 * time.Minute,
			Doc: rule.Doc{
				Means:   "A NodeClaim is launched for 5 minutes and no Node came of it, and no other check knows why.",
				KnownBy: "Condition Registered.",
				Fix: "Read the console: kubectl kpo console TARGET. Karpenter deletes the VM 15 minutes after " +
					"the NodeClaim was made.",
				FixedIf: "Condition Registered is True.",
			},
			Find: neverRegistered,
		},
		{
			ID: NodeDeleted, Title: "Node deleted before it registered", Severity: rule.Warning,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceEvents},
			ExplainedBy: []rule.ID{tags.CCMTagsMissing, clusterwide.OtherClusterID},
			Doc: rule.Doc{
				Means: "A Node was deleted before it had registered. The controller reboots its VM once, and " +
					"replaces the NodeClaim if that does not help.",
				KnownBy: "Event NodeDeletedBeforeRegistration of the NodeClaim, while it has no Node.",
				Fix:     "Look at the VM's tags for the CCM: kubectl kpo tags. Else find what deletes Nodes.",
				FixedIf: "The NodeClaim becomes Registered.",
			},
			Find: deletedNodes,
		},
	}
}
