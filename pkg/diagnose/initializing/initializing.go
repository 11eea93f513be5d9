package initializing

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	// initPatience is how long CNI and CCM take on a healthy cluster.
	initPatience = 2 * time.Minute
	// startupPatience is longer: startup taints go when a DaemonSet's image is pulled and runs.
	startupPatience = 5 * time.Minute
)

func isCNI(message string) bool {
	lower := strings.ToLower(message)
	return strings.Contains(lower, "networkpluginnotready") || strings.Contains(lower, "cni ") || strings.Contains(lower, "network plugin")
}

func initializing(m snapshot.Machine, cause, fix string) rule.Finding {
	initialized := m.Condition("Initialized")
	since := initStart(m)
	f := rule.Finding{
		Subject: facts.ClaimRef(m, since), Confidence: rule.Certain, Cause: cause, Fix: fix,
		Evidence: []rule.Evidence{{Source: "claim", Text: facts.Short(fmt.Sprintf("Initialized=%s %s: %s", facts.OrUnknown(string(initialized.Status)), initialized.Reason, initialized.Message)), At: since.UTC()}},
		Next:     "kubectl describe nodeclaim " + m.Claim.Name,
	}
	if m.Node != nil {
		f.Next = "kubectl describe node " + m.Node.Name
	}
	return f
}

// initStart is when a machine began to wait for its initialisation: it registered, or came back from a reboot.
func initStart(m snapshot.Machine) time.Time {
	registered, rebooted := m.Condition("Registered").LastTransitionTime, m.Condition(karpv1.ConditionTypeRebooting)
	if rebooted.Status == "False" && rebooted.LastTransitionTime.After(registered.Time) {
		return rebooted.LastTransitionTime.Time
	}
	return registered.Time
}

func initReason(reason, cause, fix string) func(*rule.World) rule.Verdict {
	return func(w *rule.World) rule.Verdict {
		var out rule.Verdict
		for _, m := range w.In(snapshot.PhaseInitializing) {
			if m.Condition("Initialized").Reason == reason && !w.Early(initStart(m)) {
				out.Findings = append(out.Findings, initializing(m, cause, fix))
			}
		}
		return out
	}
}

func notReady(fits func(string) bool, cause, fix string) func(*rule.World) rule.Verdict {
	return func(w *rule.World) rule.Verdict {
		var out rule.Verdict
		for _, m := range w.In(snapshot.PhaseInitializing) {
			ready := snapshot.Ready(m.Node)
			if m.Node == nil || ready.Status == corev1.ConditionTrue || w.Early(initStart(m)) || !fits(ready.Message) {
				continue
			}
			f := initializing(m, cause, fix)
			f.Evidence = append(f.Evidence, rule.Evidence{Source: "node", Text: facts.Short(fmt.Sprintf("%s Ready=%s %s: %s", m.Node.Name, ready.Status, ready.Reason, ready.Message)), At: ready.LastTransitionTime.UTC()})
			out.Findings = append(out.Findings, f)
		}
		return out
	}
}

// uninitialized looks at Nodes that are not registered either: without the CCM they have no provider ID to be found by.
func uninitialized(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Machines() {
		if m.Claim == nil || m.Node == nil || w.Early(m.Node.CreationTimestamp.Time) || !facts.HasTaint(m.Node, facts.TaintUninitialized) {
			continue
		}
		f := initializing(m, "the Outscale CCM has not initialised the node: it does not run, or does not find the VM by its tags",
			"read the CCM's log; the VM needs OscK8sNodeName and OscK8sClusterID tags (kubectl kpo tags)")
		f.Confidence = rule.Likely
		f.Subject.Since = m.Node.CreationTimestamp.UTC()
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "node", Text: m.Node.Name + " still has the taint " + facts.TaintUninitialized})
		out.Findings = append(out.Findings, f)
	}
	return out
}

// neverInitialized is the third of the guide's stories, where no other check knows why.
func neverInitialized(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseInitializing) {
		if !w.Early(initStart(m)) {
			f := initializing(m, "the node is registered and does not become initialised", "read the condition Initialized of the NodeClaim")
			f.Confidence = rule.Possible
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}
