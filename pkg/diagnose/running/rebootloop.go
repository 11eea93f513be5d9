package diagnose

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

const (
	// rebootsAtMost is how often a machine may boot within rebootsWithin: node repair reboots twice in 24 hours.
	rebootsAtMost = 2
	rebootsWithin = 6 * time.Hour
	// rebootsOver is longer than Talos lets a boot take that does not end: a machine that runs for so long has booted.
	rebootsOver = 90 * time.Minute
	// servicesPatience is how long the services of a machine may take. Its kubelet does not wait for them.
	servicesPatience = 5 * time.Minute
)

// rebootsAgain finds machines that boot again and again while their Node is Ready in between.
func rebootsAgain(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseRunning) {
		if m.Node == nil {
			continue
		}
		boots := w.rebootsOf(m)
		services, late := w.lateServices(m)
		if len(boots) == 0 && !late {
			continue
		}
		f := Finding{
			Subject: nodeRef(m, time.Time{}), Confidence: Certain, Cause: "the machine reboots again and again",
			Next: "kubectl kpo console " + m.Node.Name,
			Fix: "the present boot on the console shows what it waits for: Talos reboots a machine whose services " +
				"are not up after 70 minutes",
		}
		if len(boots) > 0 {
			f.Subject.Since = fleet.Seen(boots[0]).UTC()
			f.Evidence = append(f.Evidence, Evidence{
				Source: "event", Text: fmt.Sprintf("Rebooted %d times since %s", len(boots), f.Subject.Since.Format("15:04Z")),
			}, evidenceOf(boots[len(boots)-1]))
		}
		if late {
			f.Cause, f.Fix = services.Diagnosis, services.Remedy
			if len(boots) == 0 {
				f.Confidence = Likely // it may still end by itself, within the 70 minutes
			}
			f.Evidence = append(f.Evidence, Evidence{Source: "console", Text: m.VM.ID + " " + short(withoutUptime(services.Text))})
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// rebootsOf returns the events of the boots of a Node, oldest first: none if there are few, or if they are over.
func (w *World) rebootsOf(m fleet.Machine) []corev1.Event {
	seen := map[string]bool{}
	events := slices.DeleteFunc(w.eventsOf("Node", m.Node.Name, "Rebooted"), func(e corev1.Event) bool {
		again := seen[e.Message] // it has the boot ID
		seen[e.Message] = true
		return again || w.since(fleet.Seen(e)) > rebootsWithin
	})
	if len(events) <= rebootsAtMost || w.since(fleet.Seen(events[len(events)-1])) > rebootsOver {
		return nil
	}
	return events
}

// lateServices returns what the console shows of services that are not up, where it was read.
func (w *World) lateServices(m fleet.Machine) (bootlog.Finding, bool) {
	if m.VM == nil {
		return bootlog.Finding{}, false
	}
	cause, bad := w.boots[m.VM.ID].Cause()
	return cause, bad && cause.Stage == bootlog.StageServices && cause.At >= servicesPatience
}
