package running

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
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
func rebootsAgain(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseRunning) {
		if m.Node == nil {
			continue
		}
		boots := rebootsOf(w, m)
		services, late := lateServices(w, m)
		if len(boots) == 0 && !late {
			continue
		}
		f := rule.Finding{
			Subject: facts.NodeRef(m, time.Time{}), Confidence: rule.Certain, Cause: "the machine reboots again and again",
			Next: "kubectl kpo console " + m.Node.Name,
			Fix: "the present boot on the console shows what it waits for: Talos reboots a machine whose services " +
				"are not up after 70 minutes",
		}
		if len(boots) > 0 {
			f.Subject.Since = snapshot.Seen(boots[0]).UTC()
			f.Evidence = append(f.Evidence, rule.Evidence{
				Source: "event", Text: fmt.Sprintf("Rebooted %d times since %s", len(boots), f.Subject.Since.Format("15:04Z")),
			}, facts.Event(boots[len(boots)-1]))
		}
		if late {
			f.Cause, f.Fix = services.Diagnosis, services.Remedy
			if len(boots) == 0 {
				f.Confidence = rule.Likely // it may still end by itself, within the 70 minutes
			}
			f.Evidence = append(f.Evidence, rule.Evidence{Source: "console", Text: m.VM.ID + " " + facts.Line(services)})
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// rebootsOf returns the events of the boots of a Node, oldest first: none if there are few, or if they are over.
func rebootsOf(w *rule.World, m snapshot.Machine) []corev1.Event {
	seen := map[string]bool{}
	events := slices.DeleteFunc(w.EventsOf("Node", m.Node.Name, "Rebooted"), func(e corev1.Event) bool {
		again := seen[e.Message] // it has the boot ID
		seen[e.Message] = true
		return again || w.Since(snapshot.Seen(e)) > rebootsWithin
	})
	if len(events) <= rebootsAtMost || w.Since(snapshot.Seen(events[len(events)-1])) > rebootsOver {
		return nil
	}
	return events
}

// lateServices returns what the console shows of services that are not up, where it was read.
func lateServices(w *rule.World, m snapshot.Machine) (bootlog.Finding, bool) {
	if m.VM == nil {
		return bootlog.Finding{}, false
	}
	boot, _ := w.Boot(m.VM.ID)
	cause, bad := boot.Cause()
	return cause, bad && cause.Stage == bootlog.StageServices && cause.At >= servicesPatience
}
