package clusterwide

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func orphanFindings(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, l := range Orphans(w.Snapshot) {
		if !l.Deletable() {
			continue
		}
		text := fmt.Sprintf("%s %s %s", l.VM.ID, l.VM.State, l.VM.Type)
		if l.Priced {
			text += fmt.Sprintf(", EUR %.2f a day without volumes", l.EURPerDay)
		}
		out.Findings = append(out.Findings, rule.Finding{
			Subject: rule.Ref{Kind: "VM", Name: l.VM.ID, VM: l.VM.ID}, Confidence: rule.Likely, Cause: l.Why,
			Evidence: []rule.Evidence{{Source: "vm", Text: text}}, Next: "kubectl kpo orphans",
			Fix: "the controller deletes what has our tags within minutes; if it does not: kubectl kpo orphans --delete --dry-run=server",
		})
	}
	return out
}

func controllerDown(w *rule.World) rule.Verdict {
	c := w.Cluster.Controller
	switch {
	case c == nil:
		return rule.Verdict{} // it may run outside the cluster: launching.NotLaunched and ending.FinalizerStays see what it does not do
	case c.Available == 0:
		return workloadDown(w, c, fmt.Sprintf("the controller has no available replica of %d: nothing is launched, replaced or deleted", c.Wanted))
	case c.LeaderSeen != nil && !w.Early(c.LeaderSeen.Time):
		return workloadDown(w, c, "no replica of the controller has renewed the leader's lease")
	}
	return rule.Verdict{}
}

func ccmDown(w *rule.World) rule.Verdict {
	if c := w.Cluster.CCM; c != nil && c.Available == 0 {
		return workloadDown(w, c, "the Outscale CCM has no available replica: new nodes get no provider ID and stay tainted")
	}
	return rule.Verdict{}
}

// accountOfAnother is what makes every Node look as if its VM was gone.
func accountOfAnother(w *rule.World) rule.Verdict {
	if w.WrongAccount == "" {
		return rule.Verdict{}
	}
	return rule.Verdict{Findings: []rule.Finding{{
		Subject: w.ClusterRef(), Confidence: rule.Likely, Cause: w.WrongAccount,
		Next: "kubectl kpo doctor --osc-profile PROFILE",
		Fix:  "set OSC_ACCESS_KEY, OSC_SECRET_KEY and OSC_REGION to the account and region of the controller; nothing of Outscale was judged",
	}}}
}

func workloadDown(w *rule.World, c *snapshot.Workload, cause string) rule.Verdict {
	f := rule.Finding{
		Subject: w.ClusterRef(), Confidence: rule.Certain, Cause: cause,
		Evidence: []rule.Evidence{{Source: "workload", Text: fmt.Sprintf("%s %s/%s: %d of %d available, image %s", c.Kind, c.Namespace, c.Name, c.Available, c.Wanted, c.Image)}},
		Next:     "kubectl describe " + strings.ToLower(c.Kind) + " -n " + c.Namespace + " " + c.Name, Fix: "read the log of the last replica: kubectl logs --previous",
	}
	if c.LeaderSeen != nil {
		f.Subject.Since = c.LeaderSeen.UTC()
	}
	return rule.Verdict{Findings: []rule.Finding{f}}
}

func sameName(w *rule.World) rule.Verdict {
	var ids []string
	other := ""
	for _, v := range w.VMs {
		uid := v.Tags[vm.TagClusterUID]
		if v.Tags[vm.TagManagedBy] == w.Cluster.Name && uid != "" && uid != w.Cluster.UID && !v.Gone() {
			ids = append(ids, v.ID)
			other = max(other, uid)
		}
	}
	if len(ids) == 0 {
		return rule.Verdict{}
	}
	slices.Sort(ids)
	return rule.Verdict{Findings: []rule.Finding{{
		Subject: w.ClusterRef(), Confidence: rule.Certain, Cause: "VMs carry this cluster's name and another cluster's UID",
		Evidence: []rule.Evidence{{Source: "vm", Text: facts.Short(fmt.Sprintf("%d VMs of cluster UID %s: %s", len(ids), other, strings.Join(ids, ", ")))}},
		Next:     "kubectl kpo orphans", Fix: "give each cluster of the account its own --cluster-name; never delete the other's VMs",
	}}}
}

// strayNodes are alive and belong to no NodeClaim: the NodeClaim was deleted by force.
func strayNodes(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Machines() {
		if m.Claim != nil || m.Node == nil || snapshot.Ready(m.Node).Status != "True" {
			continue
		}
		out.Findings = append(out.Findings, rule.Finding{
			Subject: facts.NodeRef(m, time.Time{}), Confidence: rule.Likely, Cause: "a Node of Karpenter runs pods and no NodeClaim has it: somebody removed the NodeClaim's finalizer",
			Evidence: []rule.Evidence{{Source: "node", Text: m.Node.Name + " " + m.Node.Spec.ProviderID}},
			Next:     "kubectl drain " + m.Node.Name + " --ignore-daemonsets --dry-run=client", Fix: "drain and delete the Node; its VM is then an orphan (kubectl kpo orphans)",
		})
	}
	return out
}

func ccmID(w *rule.World) rule.Verdict {
	if w.Cluster.CCMID == "" {
		return rule.Verdict{Unknown: []string{"the CCM's cluster ID is not known: no OSC_CLUSTER_ID on it, and no one ID in the tags of the control plane's VMs"}}
	}
	if w.Cluster.ID == "" {
		return rule.Verdict{Unknown: []string{facts.UnknownClusterID}}
	}
	if w.Cluster.CCMID == w.Cluster.ID {
		return rule.Verdict{}
	}
	confidence := rule.Certain
	if w.Cluster.CCM == nil || !strings.HasPrefix(w.Cluster.CCMFrom, w.Cluster.CCM.Kind+" ") {
		confidence = rule.Likely // tags of the control plane are what the CCM takes where it is not told another ID
	}
	return rule.Verdict{Findings: []rule.Finding{{
		Subject: w.ClusterRef(), Confidence: confidence,
		Cause: "the CCM looks for VMs of one cluster ID and the controller tags with another: each new Node is deleted seconds after it joins",
		Evidence: []rule.Evidence{
			{Source: "ccm", Text: fmt.Sprintf("%q, says %s", w.Cluster.CCMID, w.Cluster.CCMFrom)}, {Source: "controller", Text: fmt.Sprintf("%q, says %s", w.Cluster.ID, cmp.Or(w.Cluster.IDFrom, w.Cluster.From))},
		},
		Next: "kubectl kpo tags", Fix: "start the controller with --cluster-id " + w.Cluster.CCMID,
	}}}
}
