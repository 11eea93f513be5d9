package clusterwide

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Verdicts on a VM without NodeClaim.
const (
	// Orphan is ours, old, and wanted by no NodeClaim.
	Orphan = "ORPHAN"
	// Untagged is an orphan that lost its tags: only its client token says that it is ours.
	Untagged = "UNTAGGED"
	// Young may still be adopted by the launch that made it.
	Young = "YOUNG"
	// NodeAlive has a Ready Node: pods run on it.
	NodeAlive = "NODE-ALIVE"
	// Foreign has our name and not our UID: it is another cluster's of the same name.
	Foreign = "FOREIGN"
	// Protected has DeletionProtection.
	Protected = "PROTECTED"
	// Deleting is on its way out.
	Deleting = "DELETING"
)

// Leftover is a VM without NodeClaim, and what to think of it.
type Leftover struct {
	Verdict   string        `json:"verdict"`
	VM        snapshot.VM   `json:"vm"`
	Age       time.Duration `json:"-"`
	NodeClaim string        `json:"nodeClaim,omitempty"`
	// EURPerDay is what it costs without its volumes, where Priced says that this is known.
	EURPerDay float64 `json:"eurPerDay"`
	Priced    bool    `json:"-"`
	Why       string  `json:"why"`
}

// Deletable reports whether the VM has no owner and may go.
func (l Leftover) Deletable() bool { return l.Verdict == Orphan || l.Verdict == Untagged }

// OrphanSources are the sources without which no VM may be called an orphan.
func OrphanSources() []snapshot.Source {
	return []snapshot.Source{snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceClusterUID, snapshot.SourceClusterNames}
}

// Orphans judges every VM with this cluster's mark that no NodeClaim has.
func Orphans(s *snapshot.Snapshot) []Leftover {
	var out []Leftover
	for _, m := range s.Machines() {
		if m.Claim != nil || m.VM == nil || m.VM.Gone() || !s.Ours(*m.VM) {
			continue
		}
		l := Leftover{VM: *m.VM, NodeClaim: m.VM.Tags[vm.TagNodeClaim]}
		price, known := m.VM.Price()
		l.EURPerDay, l.Priced = 24*price, known
		if !m.VM.CreatedAt.IsZero() {
			l.Age = s.TakenAt.Sub(m.VM.CreatedAt)
		}
		l.Verdict, l.Why = verdict(s, m)
		out = append(out, l)
	}
	return out
}

// verdict is that of the controller's own garbage collection, in the words of kpo.
func verdict(s *snapshot.Snapshot, m snapshot.Machine) (string, string) {
	v := *m.VM
	known := owner.Facts{VM: v.Core(), Protected: v.Protected, Now: s.TakenAt}
	if m.Node != nil && snapshot.Ready(m.Node).Status == corev1.ConditionTrue && owner.IsRegistered(m.Node) {
		known.ReadyNode = m.Node.Name
	}
	judged := owner.Judge(s.Cluster.Owned(), known)
	switch {
	case judged.Keep != "":
		return kept(judged.Keep), judged.Why
	case v.Tags[vm.TagManagedBy] == "":
		return Untagged, judged.Why + stopped(v)
	default:
		return Orphan, judged.Why + stopped(v)
	}
}

func kept(why owner.Reason) string {
	switch why {
	case owner.Leaving:
		return Deleting
	case owner.NodeReady:
		return NodeAlive
	case owner.AgeUnknown, owner.Young:
		return Young
	case owner.Protected:
		return Protected
	case owner.NotOurs, owner.Claimed: // no VM that a NodeClaim has is asked about
	}
	return Foreign
}

func stopped(v snapshot.VM) string {
	if strings.HasPrefix(v.State, "stop") {
		return "; stopped, its volumes are still billed"
	}
	return ""
}
