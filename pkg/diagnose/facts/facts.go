// Package facts quotes what rules rest on: conditions, events, consoles, and the names of what they are about.
package facts

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// LookBack is how old an event may be to be about now. A NodeClaim without capacity is deleted at once: its events stay.
const LookBack = 15 * time.Minute

// UnknownClusterID is why the tag of the CCM's cluster ID is not compared.
const UnknownClusterID = "the controller's cluster ID is not known: neither its Deployment nor the tags of its VMs tell it; " +
	"use --cluster-id"

// TaintUninitialized is what a Node has until the CCM has found its VM.
const TaintUninitialized = "node.cloudprovider.kubernetes.io/uninitialized"

// ClaimRef names the NodeClaim of a machine.
func ClaimRef(m snapshot.Machine, since time.Time) rule.Ref {
	ref := rule.Ref{Kind: "NodeClaim", Name: m.Claim.Name, Since: since.UTC()}
	if m.VM != nil {
		ref.VM = m.VM.ID
	}
	return ref
}

// NodeRef names the Node of a machine.
func NodeRef(m snapshot.Machine, since time.Time) rule.Ref {
	ref := rule.Ref{Kind: "Node", Name: m.Node.Name, Since: since.UTC()}
	if m.VM != nil {
		ref.VM = m.VM.ID
	}
	return ref
}

// Event quotes an event.
func Event(event corev1.Event) rule.Evidence {
	return rule.Evidence{Source: "event", Text: Short(event.Reason + ": " + event.Message), At: snapshot.Seen(event).UTC()}
}

// Ready quotes the condition Ready of a Node.
func Ready(ready corev1.NodeCondition) rule.Evidence {
	text := Short(fmt.Sprintf("Ready=%s %s: %s", ready.Status, ready.Reason, ready.Message))
	return rule.Evidence{Source: "node", Text: text, At: ready.LastTransitionTime.UTC()}
}

// VM quotes what the VM and its console show about a node that is not Ready.
func VM(w *rule.World, m snapshot.Machine) []rule.Evidence {
	if m.VM == nil {
		return nil
	}
	out := []rule.Evidence{{Source: "vm", Text: m.VM.ID + " is " + m.VM.State}}
	boot, _ := w.Boot(m.VM.ID)
	if cause, bad := boot.Suspect(); bad {
		out = append(out, rule.Evidence{Source: "console", Text: m.VM.ID + " " + Line(cause)})
	}
	return out
}

// Line quotes the line of a console, without the kernel's "[   12.345678] ".
func Line(found bootlog.Finding) string {
	line := found.Text
	_, rest, ok := strings.Cut(line, "] ")
	if ok && strings.HasPrefix(strings.TrimSpace(line), "[") && !strings.HasPrefix(line, "[talos]") {
		return Short(rest)
	}
	return Short(line)
}

// ReadController is the command that shows why the controller does not do its work.
func ReadController(w *rule.World) string {
	if c := w.Cluster.Controller; c != nil {
		return "kubectl logs -n " + c.Namespace + " " + strings.ToLower(c.Kind) + "/" + c.Name
	}
	return "kubectl get pods -A -l app.kubernetes.io/name=karpenter-provider-outscale"
}

// OrUnknown is the status of a condition, which an object that is new does not have.
func OrUnknown(status string) string {
	if status == "" {
		return "Unknown"
	}
	return status
}

// HasTaint reports whether a Node has a taint.
func HasTaint(node *corev1.Node, key string) bool {
	for _, taint := range node.Spec.Taints {
		if taint.Key == key {
			return true
		}
	}
	return false
}

// Short makes one line of a message. Of a long one the end stays: errors are wrapped from the outside.
func Short(text string) string {
	const most, head = 280, 90
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:head]) + " … " + string(runes[len(runes)-most+head+3:])
}
