package nodes

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// disruptions are the latest words of Karpenter about why it does not disrupt something, by kind and name.
type disruptions struct {
	at     *snapshot.Snapshot
	latest map[string]corev1.Event
}

// saidLately is how long such an event counts. Karpenter repeats that a node cannot be consolidated every 15 minutes at
// most, and the rest more often (DedupeTimeout there).
const saidLately = 20 * time.Minute

// disruptionsOf collects the events of disruption (pkg/controllers/disruption/events of Karpenter).
func disruptionsOf(s *snapshot.Snapshot) disruptions {
	d := disruptions{at: s, latest: map[string]corev1.Event{}}
	for _, event := range s.Events {
		told := event.Reason == events.DisruptionBlocked || event.Reason == events.Unconsolidatable
		if !told || s.TakenAt.Sub(snapshot.Seen(event)) > saidLately {
			continue
		}
		key := event.InvolvedObject.Kind + "/" + event.InvolvedObject.Name
		if had, ok := d.latest[key]; !ok || snapshot.Seen(event).After(snapshot.Seen(had)) {
			d.latest[key] = event
		}
	}
	return d
}

// text says why a machine is or is not being disrupted, as far as Karpenter said so.
func (d disruptions) text(m snapshot.Machine) string {
	if m.Claim == nil {
		return ""
	}
	reason := m.Condition(karpv1.ConditionTypeDisruptionReason)
	drifted := m.Condition(karpv1.ConditionTypeDrifted)
	blocked := d.blocked(m)
	switch {
	case !m.Claim.DeletionTimestamp.IsZero():
		return ""
	case snapshot.IsTrue(reason):
		return "being disrupted: " + reason.Reason
	case snapshot.IsTrue(drifted) && blocked != "":
		return fmt.Sprintf("drifted for %s, %s", d.since(drifted.LastTransitionTime.Time), blocked)
	case snapshot.IsTrue(drifted):
		return "drifted for " + d.since(drifted.LastTransitionTime.Time)
	case blocked != "":
		return blocked
	case snapshot.IsTrue(m.Condition(karpv1.ConditionTypeConsolidatable)):
		return "consolidatable"
	default:
		return ""
	}
}

// blocked is what Karpenter said of the machine, and else of its NodePool.
func (d disruptions) blocked(m snapshot.Machine) string {
	keys := []string{"NodeClaim/" + m.Claim.Name}
	if m.Node != nil {
		keys = append(keys, "Node/"+m.Node.Name)
	}
	for _, key := range append(keys, "NodePool/"+m.Claim.Labels[karpv1.NodePoolLabelKey]) {
		event, ok := d.latest[key]
		switch {
		case !ok, otherReason(event, m):
			continue
		case event.Reason == events.Unconsolidatable:
			return "not consolidated: " + event.Message
		default:
			return "blocked: " + event.Message
		}
	}
	return ""
}

// otherReason reports whether the event is about a budget for another reason than the one to disrupt this machine.
func otherReason(event corev1.Event, m snapshot.Machine) bool {
	_, reason, found := strings.Cut(event.Message, "for disruption reason ")
	isDrift := strings.HasPrefix(reason, string(karpv1.DisruptionReasonDrifted))
	return found && isDrift != snapshot.IsTrue(m.Condition(karpv1.ConditionTypeDrifted))
}

func (d disruptions) since(at time.Time) string { return render.Duration(d.at.TakenAt.Sub(at)) }
