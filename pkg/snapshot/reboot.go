package snapshot

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// NodeRepair is how the controller treats unhealthy nodes.
type NodeRepair string

// Settings of node repair. Only RepairOn reboots; RepairLegacy replaces.
const (
	RepairUnknown NodeRepair = ""
	RepairOn      NodeRepair = "on"
	RepairOff     NodeRepair = "off"
	RepairLegacy  NodeRepair = "legacy"
)

// RepairAfter is how long a node may be unhealthy before it is repaired.
type RepairAfter struct {
	Silent   time.Duration `json:"silent,omitempty"`
	NotReady time.Duration `json:"notReady,omitempty"`
}

// RebootCall is what the controller notes on a NodeClaim about its last call that rebooted the VM.
type RebootCall struct {
	// Operation is core's name of the reboot: the NodeClaim's UID, the time of the request in nanoseconds, the boot ID.
	Operation string    `json:"operation"`
	SentAt    time.Time `json:"sentAt"`
	Accepted  bool      `json:"accepted"`
}

// LastRebootCall returns the call of the present reboot, or of the last one. One that cannot be read counts as none.
func (m Machine) LastRebootCall() (RebootCall, bool) {
	var call RebootCall
	if m.Claim == nil || json.Unmarshal([]byte(m.Claim.Annotations[v1alpha1.AnnotationReboot]), &call) != nil {
		return RebootCall{}, false
	}
	rebooting := m.Condition(karpv1.ConditionTypeRebooting)
	if IsTrue(rebooting) && call.SentAt.Before(rebooting.LastTransitionTime.Time) {
		return RebootCall{}, false // of an earlier reboot
	}
	return call, true
}

// RebootIssuedAt returns when core noted that the reboot is on its way: its 20 minutes of patience begin there.
func (m Machine) RebootIssuedAt() (time.Time, bool) {
	initialized := m.Condition(karpv1.ConditionTypeInitialized)
	known := initialized.Status == metav1.ConditionUnknown && initialized.Reason == karpv1.RebootReasonRebooting
	return initialized.LastTransitionTime.Time, known && IsTrue(m.Condition(karpv1.ConditionTypeRebooting))
}

// rebootRequestedAt returns when the last reboot was decided. Its condition forgets that when the reboot ends.
func (m Machine) rebootRequestedAt() time.Time {
	if rebooting := m.Condition(karpv1.ConditionTypeRebooting); IsTrue(rebooting) {
		return rebooting.LastTransitionTime.Time
	}
	call, _ := m.LastRebootCall()
	rest, ok := strings.CutPrefix(call.Operation, string(m.Claim.UID)+"-")
	nanos, _, _ := strings.Cut(rest, "-")
	at, err := strconv.ParseInt(nanos, 10, 64)
	if !ok || err != nil {
		return time.Time{}
	}
	return time.Unix(0, at)
}

// RebootStep is one step of a machine's last reboot.
type RebootStep struct {
	At time.Time `json:"at"`
	// Step is requested, sent, issued, booted, back or failed.
	Step   string `json:"step"`
	Detail string `json:"detail,omitempty"`
}

// RebootSteps returns the steps of the machine's last reboot, as far as something still says when they were.
func (s *Snapshot) RebootSteps(m Machine) []RebootStep {
	rebooting := m.Condition(karpv1.ConditionTypeRebooting)
	if rebooting.Status == "" {
		return nil
	}
	requested := m.rebootRequestedAt()
	var out []RebootStep
	add := func(at time.Time, step, detail string) {
		if !at.IsZero() && !at.Before(requested) {
			out = append(out, RebootStep{At: at.UTC().Truncate(time.Second), Step: step, Detail: detail})
		}
	}
	switch {
	case IsTrue(rebooting):
		add(requested, "requested", rebooting.Message)
	case rebooting.Reason == karpv1.RebootReasonSucceeded:
		add(requested, "requested", "")
		add(rebooting.LastTransitionTime.Time, "back", rebooting.Message)
	default:
		add(requested, "requested", "")
		add(rebooting.LastTransitionTime.Time, "failed", rebooting.Message)
	}
	call, called := m.LastRebootCall()
	issued, noted := m.RebootIssuedAt()
	switch {
	case called && call.Accepted:
		add(call.SentAt, "issued", "Outscale took RebootVms")
	case called:
		add(call.SentAt, "sent", "no answer to RebootVms is recorded")
	}
	if noted && !call.Accepted {
		add(issued, "issued", "")
	}
	for _, step := range s.rebootEvents(m, requested) {
		if !slices.ContainsFunc(out, func(had RebootStep) bool { return had.Step == step.Step }) {
			out = append(out, step)
		}
	}
	slices.SortStableFunc(out, func(a, b RebootStep) int { return a.At.Compare(b.At) })
	return out
}

// rebootEvents returns the steps that only events tell of, the oldest first.
func (s *Snapshot) rebootEvents(m Machine, since time.Time) []RebootStep {
	steps := map[string]string{"NodeClaim/RebootObserved": "booted", "NodeClaim/RebootFailed": "failed", "Node/Rebooted": "booted"}
	var out []RebootStep
	for _, event := range s.Events {
		step := steps[event.InvolvedObject.Kind+"/"+event.Reason]
		ours := event.InvolvedObject.Name == m.Claim.Name
		if event.InvolvedObject.Kind == "Node" {
			ours = m.Node != nil && event.InvolvedObject.Name == m.Node.Name
		}
		if step != "" && ours && !Seen(event).Before(since) {
			out = append(out, RebootStep{At: Seen(event).UTC().Truncate(time.Second), Step: step, Detail: event.Message})
		}
	}
	slices.SortFunc(out, func(a, b RebootStep) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Detail, b.Detail)) })
	return out
}

// Seen is when an event was last seen.
func Seen(event corev1.Event) time.Time {
	switch {
	case event.Series != nil && !event.Series.LastObservedTime.IsZero():
		return event.Series.LastObservedTime.Time
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp.Time
	case !event.EventTime.IsZero():
		return event.EventTime.Time
	default:
		return event.CreationTimestamp.Time
	}
}
