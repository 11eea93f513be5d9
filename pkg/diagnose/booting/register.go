package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
)

// registrationPatience is how long a machine that boots well takes to become a Node.
const registrationPatience = 5 * time.Minute

func registerChecks() []Check {
	joined := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes}
	explained := []string{"KPO201", "KPO210", "KPO211", "KPO212", "KPO213", "KPO217", "KPO303", "KPO406", "KPO608", "KPO609"}
	for _, s := range symptoms() {
		explained = append(explained, s.id)
	}
	return []Check{
		{ID: "KPO211", Title: "provider ID differs", Severity: Error, Needs: joined, Find: providerIDs, ExplainedBy: []string{"KPO212", "KPO406", "KPO608"}},
		{ID: "KPO212", Title: "two Nodes with one provider ID", Severity: Error, Needs: joined, Find: twins},
		{ID: "KPO216", Title: "launched, never registered", Severity: Warning, Needs: joined, Find: neverRegistered, ExplainedBy: explained},
		{
			ID: "KPO217", Title: "Node deleted before it registered", Severity: Warning, Needs: append(joined, fleet.SourceEvents),
			Find: deletedNodes, ExplainedBy: []string{"KPO406", "KPO608"},
		},
	}
}

// providerIDs finds Nodes that are there and that Karpenter does not recognise.
func providerIDs(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseRegistering) {
		switch {
		case m.Node == nil || m.Node.Spec.ProviderID == m.Claim.Status.ProviderID || w.since(m.Node.CreationTimestamp.Time) < time.Minute,
			m.Node.Spec.ProviderID == "" && hasTaint(m.Node, taintUninitialized): // it waits for the CCM: KPO303
			continue
		}
		f := registering(m, "the Node has another provider ID than the NodeClaim: Karpenter matches them by that string")
		f.Fix = "nothing but the Outscale CCM may set spec.providerID: remove --provider-id from the kubelet's arguments"
		if m.Node.Spec.ProviderID == "" {
			f.Cause = "the Node has no provider ID, and does not wait for the Outscale CCM to set it"
			f.Fix = "give the kubelet cloud-provider: external (cluster.externalCloudProvider of the worker config)"
		}
		f.Subject.Since = m.Node.CreationTimestamp.UTC()
		f.Evidence = append(f.Evidence, Evidence{Source: "node", Text: fmt.Sprintf("%s has %q, NodeClaim %q", m.Node.Name, m.Node.Spec.ProviderID, m.Claim.Status.ProviderID)})
		f.Next = "kubectl get node " + m.Node.Name + " -o yaml"
		out.Findings = append(out.Findings, f)
	}
	return out
}

func twins(w *World) Verdict {
	var out Verdict
	for _, m := range w.machines {
		if len(m.Twins) == 0 || m.Claim == nil {
			continue
		}
		names := []string{m.Node.Name}
		for _, twin := range m.Twins {
			names = append(names, twin.Name)
		}
		slices.Sort(names)
		f := registering(m, "two Nodes have the provider ID of the NodeClaim: the machine registered under two names")
		f.Evidence = append(f.Evidence, Evidence{Source: "node", Text: strings.Join(names, " and ") + " share " + m.Node.Spec.ProviderID})
		f.Next = "kubectl get nodes " + strings.Join(names, " ") + " -o wide"
		f.Fix = "the host name changed between two boots: pin it by spec.talos.hostname of the NodeClass, and delete the Node that is not Ready"
		out.Findings = append(out.Findings, f)
	}
	return out
}

// deletedNodes are those that the controller brings back: pkg/controllers/registration says so in an event.
func deletedNodes(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseRegistering) {
		events := w.eventsOf("NodeClaim", m.Claim.Name, "NodeDeletedBeforeRegistration")
		if m.Node != nil || len(events) == 0 {
			continue
		}
		f := registering(m, "something deleted the Node before it registered, most often the Outscale CCM; the controller reboots the VM, so that the Node comes back")
		f.Confidence = Likely // the event names who it was not
		f.Subject.Since = fleet.Seen(events[0]).UTC()
		f.Evidence = append([]Evidence{evidenceOf(events[len(events)-1])}, f.Evidence...)
		f.Fix = "look at the tags of the VM for the CCM (kubectl kpo tags), and at what else deletes Nodes"
		f.Next = "kubectl kpo tags " + m.Claim.Name
		out.Findings = append(out.Findings, f)
	}
	return out
}

// neverRegistered is the first of the guide's stories, where no other check knows why.
func neverRegistered(w *World) Verdict {
	var out Verdict
	booting := w.booting()
	for _, m := range w.in(fleet.PhaseRegistering) {
		launched := m.Condition("Launched").LastTransitionTime.Time
		if w.since(launched) < registrationPatience {
			continue
		}
		f := registering(m, "the NodeClaim is launched and no Node came of it")
		f.Confidence, f.Fix = Possible, "read the console: the last stage that it shows is where the machine stands"
		w.kubeletIsSilent(&f, m)
		w.likeItsPeers(&f, m, booting)
		if m.VM == nil {
			if id, err := utils.ParseProviderID(m.Claim.Status.ProviderID); err == nil {
				f.Subject.VM = id
			}
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// kubeletIsSilent names what is left where the console shows a healthy kubelet and no error. A kubelet without a
// certificate gives up after 5 minutes, and says so, only while the API server answers
// (k8s.io/kubernetes cmd/kubelet/app/server.go, "the server is responsive").
func (w *World) kubeletIsSilent(f *Finding, m fleet.Machine) {
	if m.VM == nil {
		return
	}
	report := w.boots[m.VM.ID]
	if _, bad := report.Cause(); bad || !report.Passed(bootlog.StageHealthy) {
		return
	}
	f.Cause = "the kubelet is healthy, and does not reach the API server or has no answer from it"
	f.Fix = "open TCP 6443 from the security group of the nodes to that of the control plane, and compare " +
		"cluster.controlPlane.endpoint of the worker config with the control plane"
	f.Evidence = append(f.Evidence, Evidence{Source: "console", Text: m.VM.ID + " kubelet healthy, and no error after that"})
}
