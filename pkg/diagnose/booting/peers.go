package booting

import (
	"fmt"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// sameTime is how far apart NodeClaims may be made to be taken for one wave.
const sameTime = 15 * time.Minute

// peers are the NodeClaims that boot, of one NodeClass and about one age.
type peers struct {
	causes map[string]bootlog.Finding
	// read have a console that was read, shown one that shows a cause, and unread none.
	read, shown, unread int
}

// peersOf counts what the consoles show that were read of the wave of a NodeClaim.
func peersOf(w *rule.World, m snapshot.Machine, booting []snapshot.Machine) peers {
	p := peers{causes: map[string]bootlog.Finding{}}
	for _, other := range booting {
		if classOf(other) != classOf(m) || other.CreatedAt().Sub(m.CreatedAt()).Abs() > sameTime || other.VM == nil {
			continue
		}
		boot, read := w.Boot(other.VM.ID)
		if !read {
			p.unread++
			continue
		}
		p.read++
		if cause, found := boot.Cause(); found {
			p.shown++
			p.causes[cause.ID] = cause
		}
	}
	return p
}

func classOf(m snapshot.Machine) string {
	if m.Claim == nil || m.Claim.Spec.NodeClassRef == nil {
		return ""
	}
	return m.Claim.Spec.NodeClassRef.Name
}

// likeItsPeers adds what the consoles of its wave show to a NodeClaim whose own was not read: not more than some are.
func likeItsPeers(w *rule.World, f *rule.Finding, m snapshot.Machine, booting []snapshot.Machine) {
	const enough = 3
	if m.VM == nil {
		return
	}
	if _, read := w.Boot(m.VM.ID); read {
		return
	}
	p := peersOf(w, m, booting)
	if p.read < enough || p.shown < p.read || len(p.causes) != 1 {
		return
	}
	for _, cause := range p.causes {
		others := fmt.Sprintf("the other %d share NodeClass and age", p.unread)
		if p.unread == 1 {
			others = "the other one shares NodeClass and age"
		}
		f.Confidence, f.Fix = rule.Likely, cause.Remedy
		f.Evidence = append([]rule.Evidence{{Source: "console", Text: fmt.Sprintf("%d of %d consoles read show %s: %s; %s",
			p.shown, p.read, symptomOf(cause.ID), cause.Diagnosis, others)}}, f.Evidence...)
	}
}
