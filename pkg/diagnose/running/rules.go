// Package running judges nodes that pods run on.
package running

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	ServingCertificate rule.ID = "KPO218"
	NotReady           rule.ID = "KPO401"
	VMGone             rule.ID = "KPO402"
	Smaller            rule.ID = "KPO403"
	DriftBlocked       rule.ID = "KPO404"
	Silent             rule.ID = "KPO411"
	VMStopped          rule.ID = "KPO412"
	RebootLoop         rule.ID = "KPO413"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(kubeletRules(), bootRules(), nodeRules())
}

// kubeletRules are those of what the kubelet says, or no longer says.
func kubeletRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: ServingCertificate, Title: "serving certificate not approved", Severity: rule.Warning,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceCSRs},
			Patience: time.Minute,
			Doc: rule.Doc{
				Means: "The kubelet of a node asked for its serving certificate, and does not get it: kubectl " +
					"logs, kubectl exec and metrics fail on the node.",
				KnownBy: "The CertificateSigningRequests of signer kubernetes.io/kubelet-serving.",
				Fix: "Kubernetes has no approver for this signer. Run one, for instance " +
					"kubelet-serving-cert-approver, or take rotate-server-certificates off the kubelet.",
				FixedIf: "The request is Approved,Issued, and kubectl logs works.",
			},
			Find: servingCertificates,
		},
		{
			ID: NotReady, Title: "node not Ready", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{VMGone, Silent, VMStopped},
			Patience:    notReadyPatience,
			Doc: rule.Doc{
				Means:   "A node that was initialised is not Ready, while its VM may run.",
				KnownBy: "Condition Ready of the Node; the VM's state.",
				Fix:     "Read the end of the console.",
				FixedIf: "The Node is Ready.",
			},
			Find: nodeNotReady,
		},
		{
			ID: Silent, Title: "node silent", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes},
			ExplainedBy: []rule.ID{VMGone, VMStopped},
			Patience:    notReadyPatience,
			Doc: rule.Doc{
				Means: "The kubelet of a node stopped reporting: Ready is Unknown. The finding says whether " +
					"node repair will act, and when.",
				KnownBy: "Condition Ready of the Node, its annotation karpenter.sh/do-not-repair, the feature " +
					"gate NodeRepair in the controller's Deployment.",
				Fix: "Read the end of the console. With node repair, the VM is rebooted after 10 minutes of " +
					"silence; without it, act by hand.",
				FixedIf: "The Node is Ready.",
			},
			Find: nodeSilent,
		},
	}
}

// bootRules are those of machines that boot although they have run.
func bootRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: RebootLoop, Title: "reboot loop", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceEvents},
			ExplainedBy: []rule.ID{NotReady, VMGone, Silent, VMStopped},
			Doc: rule.Doc{
				Means: "A machine boots again and again. Its Node is Ready in between, so that pods come and " +
					"die with each boot.",
				KnownBy: "Three events Rebooted of the Node within 6 hours, the last of them in the last 90 " +
					"minutes; or services that are not up after 5 minutes, on a console that was read.",
				Fix: "Read the present boot: kubectl kpo console TARGET. Talos reboots a machine whose " +
					"services are not up after 70 minutes. An ext- service belongs to an extension of the " +
					"OMI; apid needs TCP 50001 of the control plane.",
				FixedIf: "The console says boot sequence: done, and no event Rebooted follows.",
			},
			Find: rebootsAgain,
		},
	}
}

// nodeRules are those of a node and its VM, as others see them.
func nodeRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: VMGone, Title: "VM gone, Node still there", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs},
			Doc: rule.Doc{
				Means:   "The VM of a Node is gone, and Karpenter did not do it.",
				KnownBy: "ReadVms, also by ID.",
				Fix: "Karpenter replaces the node by itself a few minutes after its Node stops being Ready. " +
					"ReadApiLogs shows who deleted the VM.",
				FixedIf: "The Node is gone, and its pods run elsewhere.",
			},
			Find: vmGone,
		},
		{
			ID: Smaller, Title: "node smaller than promised", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims},
			Doc: rule.Doc{
				Means:   "The node has less memory or CPU than its NodeClaim promised.",
				KnownBy: "Condition ConsistentStateFound is False.",
				Fix:     "Set kubelet sizes in the NodeClass, not in the worker config.",
				FixedIf: "The condition is True on a new node.",
			},
			Find: inconsistent,
		},
		{
			ID: DriftBlocked, Title: "drifted and not replaced", Severity: rule.Warning,
			Needs:    []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceEvents},
			Patience: 30 * time.Minute,
			Doc: rule.Doc{
				Means: "A node differs from its NodeClass or NodePool for 30 minutes, and something keeps " +
					"Karpenter from replacing it.",
				KnownBy: "Condition Drifted, and an event DisruptionBlocked.",
				Fix:     "The event names the budget, the PodDisruptionBudget or the pod.",
				FixedIf: "The NodeClaim is replaced.",
			},
			Find: driftBlocked,
		},
		{
			ID: VMStopped, Title: "VM stopped, Node still there", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs},
			Doc: rule.Doc{
				Means:   "The VM of a Node is stopped, and Karpenter did not do it.",
				KnownBy: "ReadVms, also by ID.",
				Fix: "Wait: the controller replaces the node about a minute after it is not Ready any more. " +
					"With karpenter.sh/do-not-repair it does not: start the VM, or delete the NodeClaim and " +
					"its pods get another node. ReadApiLogs shows who stopped it.",
				FixedIf: "The Node is Ready, or gone.",
			},
			Find: vmStopped,
		},
	}
}
