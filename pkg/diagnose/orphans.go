package diagnose

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// youngAge is more than the 5 minutes that Karpenter gives a launch: a younger VM may be about to be adopted.
const youngAge = 6 * time.Minute

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
	VM        fleet.VM      `json:"vm"`
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
func OrphanSources() []fleet.Source {
	return []fleet.Source{fleet.SourceVMs, fleet.SourceNodeClaims, fleet.SourceNodes, fleet.SourceClusterUID, fleet.SourceClusterNames}
}

// Orphans judges every VM with this cluster's mark that no NodeClaim has.
func Orphans(s *fleet.Snapshot) []Leftover {
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
		l.Verdict, l.Why = verdict(s, m, l.Age)
		out = append(out, l)
	}
	return out
}

func verdict(s *fleet.Snapshot, m fleet.Machine, age time.Duration) (string, string) {
	v := *m.VM
	uid := v.Tags[vm.TagClusterUID]
	switch {
	case v.Core().Leaving():
		return Deleting, "Outscale is deleting it"
	case uid != "" && uid != s.Cluster.UID:
		return Foreign, "cluster UID " + uid + " is another cluster's"
	case !s.ProvenOurs(v):
		return Foreign, "has our name, and neither our cluster's UID nor a client token of ours"
	case m.Node != nil && fleet.Ready(m.Node).Status == corev1.ConditionTrue:
		return NodeAlive, "Node " + m.Node.Name + " is Ready: the NodeClaim was deleted by hand"
	case v.CreatedAt.IsZero():
		return Young, "its age cannot be told"
	case age < youngAge:
		return Young, "may be about to be adopted"
	case v.Protected:
		return Protected, "somebody set DeletionProtection"
	case v.Tags[vm.TagManagedBy] == "":
		return Untagged, "our client token without our tags" + stopped(v)
	default:
		return Orphan, "no NodeClaim has it" + stopped(v)
	}
}

func stopped(v fleet.VM) string {
	if strings.HasPrefix(v.State, "stop") {
		return "; stopped, its volumes are still billed"
	}
	return ""
}
