package booting

import (
	"fmt"
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/certificates"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
)

// providerIDs finds Nodes that are there and that Karpenter does not recognise.
func providerIDs(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseRegistering) {
		switch {
		case m.Node == nil || m.Node.Spec.ProviderID == m.Claim.Status.ProviderID || w.Early(m.Node.CreationTimestamp.Time),
			m.Node.Spec.ProviderID == "" && facts.HasTaint(m.Node, facts.TaintUninitialized): // it waits for the CCM: KPO303
			continue
		}
		f := registering(m, "the Node has another provider ID than the NodeClaim: Karpenter matches them by that string")
		f.Fix = "nothing but the Outscale CCM may set spec.providerID: remove --provider-id from the kubelet's arguments"
		if m.Node.Spec.ProviderID == "" {
			f.Cause = "the Node has no provider ID, and does not wait for the Outscale CCM to set it"
			f.Fix = "give the kubelet cloud-provider: external (cluster.externalCloudProvider of the worker config)"
		}
		f.Subject.Since = m.Node.CreationTimestamp.UTC()
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "node", Text: fmt.Sprintf("%s has %q, NodeClaim %q", m.Node.Name, m.Node.Spec.ProviderID, m.Claim.Status.ProviderID)})
		f.Next = "kubectl get node " + m.Node.Name + " -o yaml"
		out.Findings = append(out.Findings, f)
	}
	return out
}

func twins(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Machines() {
		if len(m.Twins) == 0 || m.Claim == nil {
			continue
		}
		names := []string{m.Node.Name}
		for _, twin := range m.Twins {
			names = append(names, twin.Name)
		}
		slices.Sort(names)
		f := registering(m, "two Nodes have the provider ID of the NodeClaim: the machine registered under two names")
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "node", Text: strings.Join(names, " and ") + " share " + m.Node.Spec.ProviderID})
		f.Next = "kubectl get nodes " + strings.Join(names, " ") + " -o wide"
		f.Fix = "the host name changed between two boots: pin it by spec.talos.hostname of the NodeClass, and delete the Node that is not Ready"
		out.Findings = append(out.Findings, f)
	}
	return out
}

// deletedNodes are those that the controller brings back: pkg/controllers/registration says so in an event.
func deletedNodes(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseRegistering) {
		events := w.EventsOf("NodeClaim", m.Claim.Name, "NodeDeletedBeforeRegistration")
		if m.Node != nil || len(events) == 0 {
			continue
		}
		f := registering(m, "something deleted the Node before it registered, most often the Outscale CCM; the controller reboots the VM, so that the Node comes back")
		f.Confidence = rule.Likely // the event names who it was not
		f.Subject.Since = snapshot.Seen(events[0]).UTC()
		f.Evidence = append([]rule.Evidence{facts.Event(events[len(events)-1])}, f.Evidence...)
		f.Fix = "look at the tags of the VM for the CCM (kubectl kpo tags), and at what else deletes Nodes"
		f.Next = "kubectl kpo tags " + m.Claim.Name
		out.Findings = append(out.Findings, f)
	}
	return out
}

// neverRegistered is the first of the guide's stories, where no other check knows why.
func neverRegistered(w *rule.World) rule.Verdict {
	var out rule.Verdict
	booting := w.Booting()
	for _, m := range w.In(snapshot.PhaseRegistering) {
		launched := m.Condition("Launched").LastTransitionTime.Time
		if w.Early(launched) {
			continue
		}
		f := registering(m, "the NodeClaim is launched and no Node came of it")
		f.Confidence, f.Fix = rule.Possible, "read the console: the last stage that it shows is where the machine stands"
		kubeletIsSilent(w, &f, m)
		likeItsPeers(w, &f, m, booting)
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
func kubeletIsSilent(w *rule.World, f *rule.Finding, m snapshot.Machine) {
	if m.VM == nil {
		return
	}
	report, _ := w.Boot(m.VM.ID)
	if _, bad := report.Cause(); bad || !report.Passed(bootlog.StageHealthy) {
		return
	}
	f.Cause = "the kubelet is healthy, and does not reach the API server or has no answer from it"
	f.Fix = "open TCP 6443 from the security group of the nodes to that of the control plane, and compare " +
		"cluster.controlPlane.endpoint of the worker config with the control plane"
	f.Evidence = append(f.Evidence, rule.Evidence{Source: "console", Text: m.VM.ID + " kubelet healthy, and no error after that"})
}

// certificatesNotApproved are those without which a kubelet makes no Node.
func certificatesNotApproved(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Booting() {
		csr, ok := certificates.RequestOf(w, m, certificates.Join)
		cause, since := certificates.Stuck(csr)
		if !ok || m.Node != nil || cause == "" || w.Early(since) {
			continue
		}
		f := registering(m, "the kubelet asked for its certificate, and "+cause)
		f.Subject.Since, f.Evidence = since.UTC(), append([]rule.Evidence{certificates.Evidence(csr)}, f.Evidence...)
		f.Next = "kubectl describe csr " + csr.Name
		f.Fix = "bind ClusterRole system:certificates.k8s.io:certificatesigningrequests:nodeclient to the group of the bootstrap token, " +
			"and see that kube-controller-manager runs: it approves and signs; or approve the request by hand"
		out.Findings = append(out.Findings, f)
	}
	return out
}
