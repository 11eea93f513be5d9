// Package clusterwide judges what concerns a whole cluster and its account at Outscale.
package clusterwide

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Rules of the stage, in the order of their numbers.
const (
	LeakedVM       rule.ID = "KPO601"
	ControllerDown rule.ID = "KPO603"
	SameName       rule.ID = "KPO604"
	StrayNode      rule.ID = "KPO605"
	OtherClusterID rule.ID = "KPO608"
	CCMDown        rule.ID = "KPO609"
	WrongAccount   rule.ID = "KPO610"
	ClocksDiffer   rule.ID = "KPO611"
)

// Rules returns the rules of the stage.
func Rules() []rule.Rule {
	return rule.Stage(vmRules(), workloadRules(), clockRules(), accountRules())
}

// vmRules are those of VMs and Nodes without an owner.
func vmRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: LeakedVM, Title: "VM without NodeClaim", Severity: rule.Warning,
			Needs: OrphanSources(),
			Doc: rule.Doc{
				Means: "A VM is ours by tags or client token, older than a launch may take, and no NodeClaim " +
					"has it. It costs money.",
				KnownBy: "VMs are read before NodeClaims; the cluster's UID or token proves whose it is.",
				Fix: "The controller deletes what has our tags, unless there are too many. Else: kubectl kpo " +
					"orphans --delete --dry-run=server.",
				FixedIf: "kubectl kpo orphans exits with 0.",
			},
			Find: orphanFindings,
		},
		{
			ID: StrayNode, Title: "Ready Node without NodeClaim", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodes},
			Doc: rule.Doc{
				Means: "A Node of Karpenter is Ready and no NodeClaim has it: it is never consolidated, " +
					"replaced or deleted.",
				KnownBy: "The Nodes with a NodePool label, and the NodeClaims.",
				Fix:     "Drain and delete the Node; delete its VM by kubectl kpo orphans --delete.",
				FixedIf: "The Node is gone.",
			},
			Find: strayNodes,
		},
	}
}

// workloadRules are those of the controller and the CCM.
func workloadRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: ControllerDown, Title: "controller down", Severity: rule.Error,
			Needs:    []snapshot.Source{snapshot.SourceController},
			Patience: time.Minute,
			Doc: rule.Doc{
				Means: "The controller has no available replica, or its leader has not renewed the lease for a " +
					"minute.",
				KnownBy: "The Deployment with app.kubernetes.io/name=karpenter-provider-outscale, and its Lease.",
				Fix:     "kubectl describe and kubectl logs --previous.",
				FixedIf: "The Deployment is available.",
			},
			Find: controllerDown,
		},
		{
			ID: OtherClusterID, Title: "CCM looks for another cluster ID", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceVMs, snapshot.SourceCCM, snapshot.SourceController, snapshot.SourceClusterNames},
			Doc: rule.Doc{
				Means: "The Outscale CCM looks for VMs of one cluster ID, and the controller tags with another: " +
					"nodes join and vanish.",
				KnownBy: "OSC_CLUSTER_ID of the CCM, or the tags of the control plane's VMs, and --cluster-id of " +
					"the controller.",
				Fix:     "Start the controller with the CCM's ID.",
				FixedIf: "New Nodes stay.",
			},
			Find: ccmID,
		},
		{
			ID: CCMDown, Title: "CCM down", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceCCM},
			Doc: rule.Doc{
				Means:   "The Outscale CCM has no available replica. New nodes get no provider ID.",
				KnownBy: "The Deployment or DaemonSet in kube-system.",
				Fix:     "kubectl describe and kubectl logs --previous.",
				FixedIf: "The workload is available, and new nodes lose their uninitialized taint.",
			},
			Find: ccmDown,
		},
	}
}

// clockRules are those of the clocks that everything here is judged by.
func clockRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: ClocksDiffer, Title: "clocks differ", Severity: rule.Warning,
			Needs: []snapshot.Source{snapshot.SourceController},
			Doc: rule.Doc{
				Means: "The clock of the machine that kpo runs on is behind that of the controller: ages and deadlines " +
					"that kpo shows are wrong. Outscale refuses requests of a clock that is far off.",
				KnownBy: "The leader's lease was renewed more than a minute after kpo's present.",
				Fix:     "Set the clock of both machines by NTP.",
				FixedIf: "date -u says the same on both, and the finding is gone.",
			},
			Find: clocksDiffer,
		},
	}
}

// clocksDiffer sees only a clock of ours that is behind: to one that is ahead the lease looks old, as if no leader ran.
func clocksDiffer(w *rule.World) rule.Verdict {
	const atMost = time.Minute // two clocks that are set by NTP differ by less than a second
	c := w.Cluster.Controller
	if c == nil || c.LeaderSeen == nil || c.LeaderSeen.Sub(w.TakenAt) <= atMost {
		return rule.Verdict{}
	}
	behind := c.LeaderSeen.Sub(w.TakenAt).Truncate(time.Second)
	return rule.Verdict{Findings: []rule.Finding{{
		Subject: w.ClusterRef(), Confidence: rule.Certain,
		Cause: "the clock of this machine and that of the controller's node differ: ages and deadlines on this screen are wrong",
		Evidence: []rule.Evidence{{
			Source: "lease", Text: "renewed " + behind.String() + " after the time of this machine", At: c.LeaderSeen.UTC(),
		}},
		Next: "kubectl get lease -n " + c.Namespace, Fix: "set the clock of this machine, or of the controller's node, by NTP",
	}}}
}

// accountRules are those of the account.
func accountRules() []rule.Rule {
	return []rule.Rule{
		{
			ID: SameName, Title: "another cluster uses this name", Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceVMs, snapshot.SourceClusterUID, snapshot.SourceClusterNames},
			Doc: rule.Doc{
				Means: "VMs carry this cluster's name and another cluster's UID: two clusters of one account " +
					"have one name.",
				KnownBy: "The tags karpenter.sh/managed-by and karpenter.outscale.com/cluster-uid.",
				Fix: "Give each cluster its own --cluster-name. The UID keeps them from deleting each other's " +
					"VMs meanwhile.",
				FixedIf: "No VM has our name and another UID.",
			},
			Find: sameName,
		},
		{
			ID: WrongAccount, Title: "wrong account or region", Severity: rule.Error,
			Needs:       []snapshot.Source{snapshot.SourceNodes, snapshot.SourceVMs},
			FindsUnread: true,
			Doc: rule.Doc{
				Means: "No VM that a Ready Node names exists in the account that kpo asks, and no VM there " +
					"carries this cluster's UID.",
				KnownBy: "The provider IDs of the Ready Nodes, and ReadVms, also by ID. A VM that was deleted is " +
					"still listed for a while.",
				Fix: "Give kpo the credentials and the region of the controller: OSC_ACCESS_KEY, " +
					"OSC_SECRET_KEY and OSC_REGION, or --osc-profile.",
				FixedIf: "The first line of kubectl kpo doctor names the right key and region, and counts VMs.",
			},
			Find: accountOfAnother,
		},
	}
}
