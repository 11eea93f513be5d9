package diagnose

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

const (
	taintUninitialized = "node.cloudprovider.kubernetes.io/uninitialized"
	// initPatience is how long CNI and CCM take on a healthy cluster.
	initPatience = 2 * time.Minute
	// startupPatience is longer: startup taints go when a DaemonSet's image is pulled and runs.
	startupPatience = 5 * time.Minute
)

func initializeChecks() []Check {
	joined := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes}
	return []Check{
		{ID: "KPO301", Title: "network plugin not ready", Severity: Error, Needs: joined, Find: notReady(func(message string) bool { return isCNI(message) },
			"the CNI has not set the node's network up", "see that the CNI's DaemonSet tolerates all taints and that its image can be pulled")},
		{ID: "KPO302", Title: "startup taint stays", Severity: Error, Needs: joined, Find: initReason("StartupTaintsExist", startupPatience,
			"a startup taint of the NodePool is not removed", "see who should remove the taint; its DaemonSet must tolerate the node's taints")},
		{ID: "KPO303", Title: "node not initialised by the CCM", Severity: Error, Needs: joined, Find: uninitialized, ExplainedBy: []string{"KPO406", "KPO608", "KPO609"}},
		{ID: "KPO304", Title: "resource never registered", Severity: Error, Needs: joined, Find: initReason("ResourceNotRegistered", startupPatience,
			"a resource that pods asked for never appeared on the node", "install the device plugin, and an OMI with its driver")},
		{
			ID: "KPO305", Title: "new node not Ready", Severity: Error, Needs: joined, ExplainedBy: []string{"KPO301", "KPO303", "KPO402", "KPO412"},
			Find: notReady(func(message string) bool { return !isCNI(message) }, "the kubelet says that the node is not Ready", "read the condition Ready of the Node and the console of the VM"),
		},
		{
			ID: "KPO306", Title: "never initialised", Severity: Warning, Needs: joined, Find: neverInitialized,
			ExplainedBy: []string{"KPO301", "KPO302", "KPO303", "KPO304", "KPO305", "KPO402", "KPO412", "KPO406", "KPO608", "KPO609"},
		},
	}
}

func isCNI(message string) bool {
	lower := strings.ToLower(message)
	return strings.Contains(lower, "networkpluginnotready") || strings.Contains(lower, "cni ") || strings.Contains(lower, "network plugin")
}

func initializing(m fleet.Machine, cause, fix string) Finding {
	initialized := m.Condition("Initialized")
	since := initStart(m)
	f := Finding{
		Subject: claimRef(m, since), Confidence: Certain, Cause: cause, Fix: fix,
		Evidence: []Evidence{{Source: "claim", Text: short(fmt.Sprintf("Initialized=%s %s: %s", orUnknown(string(initialized.Status)), initialized.Reason, initialized.Message)), At: since.UTC()}},
		Next:     "kubectl describe nodeclaim " + m.Claim.Name,
	}
	if m.Node != nil {
		f.Next = "kubectl describe node " + m.Node.Name
	}
	return f
}

// initStart is when a machine began to wait for its initialisation: it registered, or came back from a reboot.
func initStart(m fleet.Machine) time.Time {
	registered, rebooted := m.Condition("Registered").LastTransitionTime, m.Condition(karpv1.ConditionTypeRebooting)
	if rebooted.Status == "False" && rebooted.LastTransitionTime.After(registered.Time) {
		return rebooted.LastTransitionTime.Time
	}
	return registered.Time
}

// initWait is how long a machine has waited for its initialisation.
func (w *World) initWait(m fleet.Machine) time.Duration { return w.since(initStart(m)) }

func initReason(reason string, patience time.Duration, cause, fix string) func(*World) Verdict {
	return func(w *World) Verdict {
		var out Verdict
		for _, m := range w.in(fleet.PhaseInitializing) {
			if m.Condition("Initialized").Reason == reason && w.initWait(m) >= patience {
				out.Findings = append(out.Findings, initializing(m, cause, fix))
			}
		}
		return out
	}
}

func notReady(fits func(string) bool, cause, fix string) func(*World) Verdict {
	return func(w *World) Verdict {
		var out Verdict
		for _, m := range w.in(fleet.PhaseInitializing) {
			ready := fleet.Ready(m.Node)
			if m.Node == nil || ready.Status == corev1.ConditionTrue || w.initWait(m) < initPatience || !fits(ready.Message) {
				continue
			}
			f := initializing(m, cause, fix)
			f.Evidence = append(f.Evidence, Evidence{Source: "node", Text: short(fmt.Sprintf("%s Ready=%s %s: %s", m.Node.Name, ready.Status, ready.Reason, ready.Message)), At: ready.LastTransitionTime.UTC()})
			out.Findings = append(out.Findings, f)
		}
		return out
	}
}

// uninitialized looks at Nodes that are not registered either: without the CCM they have no provider ID to be found by.
func uninitialized(w *World) Verdict {
	var out Verdict
	for _, m := range w.machines {
		if m.Claim == nil || m.Node == nil || w.since(m.Node.CreationTimestamp.Time) < initPatience || !hasTaint(m.Node, taintUninitialized) {
			continue
		}
		f := initializing(m, "the Outscale CCM has not initialised the node: it does not run, or does not find the VM by its tags",
			"read the CCM's log; the VM needs OscK8sNodeName and OscK8sClusterID tags (kubectl kpo tags)")
		f.Confidence = Likely
		f.Subject.Since = m.Node.CreationTimestamp.UTC()
		f.Evidence = append(f.Evidence, Evidence{Source: "node", Text: m.Node.Name + " still has the taint " + taintUninitialized})
		out.Findings = append(out.Findings, f)
	}
	return out
}

func hasTaint(node *corev1.Node, key string) bool {
	for _, taint := range node.Spec.Taints {
		if taint.Key == key {
			return true
		}
	}
	return false
}

// neverInitialized is the third of the guide's stories, where no other check knows why.
func neverInitialized(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseInitializing) {
		if w.initWait(m) >= startupPatience {
			f := initializing(m, "the node is registered and does not become initialised", "read the condition Initialized of the NodeClaim")
			f.Confidence = Possible
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}
