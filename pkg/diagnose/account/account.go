package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// wrongAccount is the check that looks at whose VMs were read.
const wrongAccount = "KPO610"

// leaseAge is how old the leader's lease may be: it is renewed every few seconds.
const leaseAge = time.Minute

func fleetChecks() []Check {
	return []Check{
		{ID: "KPO601", Title: "VM without NodeClaim", Severity: Warning, Needs: OrphanSources(), Find: orphanFindings},
		{ID: "KPO603", Title: "controller down", Severity: Error, Needs: []fleet.Source{fleet.SourceController}, Find: controllerDown},
		{ID: "KPO604", Title: "another cluster uses this name", Severity: Error, Needs: []fleet.Source{fleet.SourceVMs, fleet.SourceClusterUID, fleet.SourceClusterNames}, Find: sameName},
		{ID: "KPO605", Title: "Ready Node without NodeClaim", Severity: Warning, Needs: []fleet.Source{fleet.SourceVMs, fleet.SourceNodeClaims, fleet.SourceNodes}, Find: strayNodes},
		{ID: "KPO608", Title: "CCM looks for another cluster ID", Severity: Error, Needs: []fleet.Source{fleet.SourceVMs, fleet.SourceCCM, fleet.SourceController, fleet.SourceClusterNames}, Find: ccmID},
		{ID: "KPO609", Title: "CCM down", Severity: Error, Needs: []fleet.Source{fleet.SourceCCM}, Find: ccmDown},
		{ID: wrongAccount, Title: "wrong account or region", Severity: Error, Needs: []fleet.Source{fleet.SourceNodes, fleet.SourceVMs}, Find: accountOfAnother},
	}
}

func orphanFindings(w *World) Verdict {
	var out Verdict
	for _, l := range Orphans(w.Snapshot) {
		if !l.Deletable() {
			continue
		}
		text := fmt.Sprintf("%s %s %s", l.VM.ID, l.VM.State, l.VM.Type)
		if l.Priced {
			text += fmt.Sprintf(", EUR %.2f a day without volumes", l.EURPerDay)
		}
		out.Findings = append(out.Findings, Finding{
			Subject: Ref{Kind: "VM", Name: l.VM.ID, VM: l.VM.ID}, Confidence: Likely, Cause: l.Why,
			Evidence: []Evidence{{Source: "vm", Text: text}}, Next: "kubectl kpo orphans",
			Fix: "the controller deletes what has our tags within minutes; if it does not: kubectl kpo orphans --delete --dry-run=server",
		})
	}
	return out
}

func (w *World) clusterRef() Ref { return Ref{Kind: "Cluster", Name: w.Cluster.Name} }

func controllerDown(w *World) Verdict {
	c := w.Cluster.Controller
	switch {
	case c == nil:
		return Verdict{} // it may run outside the cluster: KPO110 and KPO505 see what it does not do
	case c.Available == 0:
		return w.workloadDown(c, fmt.Sprintf("the controller has no available replica of %d: nothing is launched, replaced or deleted", c.Wanted))
	case c.LeaderSeen != nil && w.since(c.LeaderSeen.Time) > leaseAge:
		return w.workloadDown(c, "no replica of the controller has renewed the leader's lease")
	}
	return Verdict{}
}

func ccmDown(w *World) Verdict {
	if c := w.Cluster.CCM; c != nil && c.Available == 0 {
		return w.workloadDown(c, "the Outscale CCM has no available replica: new nodes get no provider ID and stay tainted")
	}
	return Verdict{}
}

// accountOfAnother is what makes every Node look as if its VM was gone.
func accountOfAnother(w *World) Verdict {
	if w.WrongAccount == "" {
		return Verdict{}
	}
	return Verdict{Findings: []Finding{{
		Subject: w.clusterRef(), Confidence: Likely, Cause: w.WrongAccount,
		Next: "kubectl kpo doctor --osc-profile PROFILE",
		Fix:  "set OSC_ACCESS_KEY, OSC_SECRET_KEY and OSC_REGION to the account and region of the controller; nothing of Outscale was judged",
	}}}
}

func (w *World) workloadDown(c *fleet.Workload, cause string) Verdict {
	f := Finding{
		Subject: w.clusterRef(), Confidence: Certain, Cause: cause,
		Evidence: []Evidence{{Source: "workload", Text: fmt.Sprintf("%s %s/%s: %d of %d available, image %s", c.Kind, c.Namespace, c.Name, c.Available, c.Wanted, c.Image)}},
		Next:     "kubectl describe " + strings.ToLower(c.Kind) + " -n " + c.Namespace + " " + c.Name, Fix: "read the log of the last replica: kubectl logs --previous",
	}
	if c.LeaderSeen != nil {
		f.Subject.Since = c.LeaderSeen.UTC()
	}
	return Verdict{Findings: []Finding{f}}
}

func sameName(w *World) Verdict {
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
		return Verdict{}
	}
	slices.Sort(ids)
	return Verdict{Findings: []Finding{{
		Subject: w.clusterRef(), Confidence: Certain, Cause: "VMs carry this cluster's name and another cluster's UID",
		Evidence: []Evidence{{Source: "vm", Text: short(fmt.Sprintf("%d VMs of cluster UID %s: %s", len(ids), other, strings.Join(ids, ", ")))}},
		Next:     "kubectl kpo orphans", Fix: "give each cluster of the account its own --cluster-name; never delete the other's VMs",
	}}}
}

// strayNodes are alive and belong to no NodeClaim: the NodeClaim was deleted by force.
func strayNodes(w *World) Verdict {
	var out Verdict
	for _, m := range w.machines {
		if m.Claim != nil || m.Node == nil || fleet.Ready(m.Node).Status != "True" {
			continue
		}
		out.Findings = append(out.Findings, Finding{
			Subject: nodeRef(m, time.Time{}), Confidence: Likely, Cause: "a Node of Karpenter runs pods and no NodeClaim has it: somebody removed the NodeClaim's finalizer",
			Evidence: []Evidence{{Source: "node", Text: m.Node.Name + " " + m.Node.Spec.ProviderID}},
			Next:     "kubectl drain " + m.Node.Name + " --ignore-daemonsets --dry-run=client", Fix: "drain and delete the Node; its VM is then an orphan (kubectl kpo orphans)",
		})
	}
	return out
}

func ccmID(w *World) Verdict {
	if w.Cluster.CCMID == "" {
		return Verdict{Unknown: []string{"the CCM's cluster ID is not known: no OSC_CLUSTER_ID on it, and no one ID in the tags of the control plane's VMs"}}
	}
	if w.Cluster.ID == "" {
		return Verdict{Unknown: []string{unknownClusterID}}
	}
	if w.Cluster.CCMID == w.Cluster.ID {
		return Verdict{}
	}
	confidence := Certain
	if w.Cluster.CCM == nil || !strings.HasPrefix(w.Cluster.CCMFrom, w.Cluster.CCM.Kind+" ") {
		confidence = Likely // tags of the control plane are what the CCM takes where it is not told another ID
	}
	return Verdict{Findings: []Finding{{
		Subject: w.clusterRef(), Confidence: confidence,
		Cause: "the CCM looks for VMs of one cluster ID and the controller tags with another: each new Node is deleted seconds after it joins",
		Evidence: []Evidence{
			{Source: "ccm", Text: fmt.Sprintf("%q, says %s", w.Cluster.CCMID, w.Cluster.CCMFrom)}, {Source: "controller", Text: fmt.Sprintf("%q, says %s", w.Cluster.ID, cmp.Or(w.Cluster.IDFrom, w.Cluster.From))},
		},
		Next: "kubectl kpo tags", Fix: "start the controller with --cluster-id " + w.Cluster.CCMID,
	}}}
}
