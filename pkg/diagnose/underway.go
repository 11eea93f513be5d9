package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// activity is what is under way, in the order in which it is shown.
type activity int

const (
	isSettled activity = iota
	isStarting
	isRebooting
	isNotReady
	isLeaving
	isUnclaimed
	isPending
	isBlocked
	activities
)

// words are the noun, and what one and several of it do.
func (a activity) words() (noun, one, many string) {
	words := [activities][3]string{
		isStarting:  {"machine", "is starting", "are starting"},
		isRebooting: {"machine", "is rebooting", "are rebooting"},
		isNotReady:  {"machine", "is not Ready", "are not Ready"},
		isLeaving:   {"machine", "is being deleted", "are being deleted"},
		isUnclaimed: {"machine", "has no NodeClaim", "have no NodeClaim"},
		isPending:   {"pod", "is pending", "are pending"},
		isBlocked:   {"NodePool", "has a budget that allows no disruption", "have budgets that allow no disruption"},
	}[a]
	return words[0], words[1], words[2]
}

// underWay says what is neither wrong nor done. Without it, a machine that is no node yet would pass for a healthy one.
func underWay(w *rule.World, all []*judged, names []string) []Note {
	return notes(activitiesOf(w, all, names))
}

// activitiesOf are the things that are under way, by what they do.
func activitiesOf(w *rule.World, all []*judged, names []string) map[activity][]rule.Ref {
	troubled := map[string]bool{}
	for _, j := range all {
		troubled[j.Subject.Key()] = true
	}
	subjects := machinesUnderWay(w, troubled, names)
	for _, pod := range w.Pending() {
		if !troubled[pod.Key()] && pod.Concerns(names) {
			subjects[isPending] = append(subjects[isPending], pod)
		}
	}
	for i := range w.NodePools {
		ref := rule.Ref{Kind: "NodePool", Name: w.NodePools[i].Name, Since: blockedSince(w, w.NodePools[i].Name).UTC()}
		if !ref.Since.IsZero() && ref.Concerns(names) {
			subjects[isBlocked] = append(subjects[isBlocked], ref)
		}
	}
	return subjects
}

func notes(subjects map[activity][]rule.Ref) []Note {
	out := []Note{}
	for what := range activities {
		if refs := subjects[what]; len(refs) > 0 {
			out = append(out, what.note(refs))
		}
	}
	return out
}

// machinesUnderWay are the machines that are no Ready nodes, and that no finding is about.
func machinesUnderWay(w *rule.World, troubled map[string]bool, names []string) map[activity][]rule.Ref {
	out := map[activity][]rule.Ref{}
	for _, m := range w.Machines() {
		what, since := activityOf(m)
		if what == isUnclaimed && w.Why(snapshot.SourceNodeClaims) != "" {
			continue // whether it has one is not known
		}
		parts := slices.DeleteFunc(rule.PartsOf(m), func(r rule.Ref) bool {
			return r.Kind == "NodePool" || r.Kind == "OutscaleNodeClass"
		})
		if what == isSettled || slices.ContainsFunc(parts, func(r rule.Ref) bool { return troubled[r.Key()] }) {
			continue
		}
		ref := rule.Ref{Kind: parts[0].Kind, Name: parts[0].Name, Since: since.UTC()}
		if m.VM != nil {
			ref.VM = m.VM.ID
		}
		if len(names) == 0 || slices.ContainsFunc(parts, func(r rule.Ref) bool { return r.Concerns(names) }) {
			out[what] = append(out[what], ref)
		}
	}
	return out
}

// blockedSince is since when a budget of the NodePool blocks disruption.
// Any budget does while one of its nodes is replaced.
func blockedSince(w *rule.World, pool string) time.Time {
	const (
		lasting = 5 * time.Minute
		current = 2 * time.Minute // Karpenter says it again after one
	)
	for _, event := range w.EventsOf("NodePool", pool, "DisruptionBlocked") {
		first, last := event.FirstTimestamp.Time, snapshot.Seen(event)
		if !first.IsZero() && w.Since(last) <= current && last.Sub(first) >= lasting {
			return first
		}
	}
	return time.Time{}
}

// activityOf returns what a machine that is not a Ready node does, and since when.
func activityOf(m snapshot.Machine) (activity, time.Time) {
	switch ready := snapshot.Ready(m.Node); m.Phase() {
	case snapshot.PhaseLaunching, snapshot.PhaseRegistering, snapshot.PhaseInitializing:
		return isStarting, m.CreatedAt()
	case snapshot.PhaseRebooting:
		return isRebooting, m.Condition(karpv1.ConditionTypeRebooting).LastTransitionTime.Time
	case snapshot.PhaseTerminating:
		return isLeaving, m.Claim.DeletionTimestamp.Time
	case snapshot.PhaseUnclaimed:
		return isUnclaimed, m.CreatedAt()
	default:
		if ready.Status == corev1.ConditionTrue {
			return isSettled, time.Time{}
		}
		return isNotReady, ready.LastTransitionTime.Time
	}
}

func (a activity) note(refs []rule.Ref) Note {
	slices.SortFunc(refs, func(x, y rule.Ref) int {
		return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.Name, y.Name))
	})
	noun, one, many := a.words()
	text := fmt.Sprintf("%d %ss %s", len(refs), noun, many)
	if len(refs) == 1 {
		text = fmt.Sprintf("1 %s %s", noun, one)
	}
	return Note{Text: text, Subjects: refs, Since: refs[0].Since}
}
