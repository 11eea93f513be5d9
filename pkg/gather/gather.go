// Package gather reads NodeClaims, Nodes and VMs into a Snapshot, and keeps what could not be read as a fact: all I/O of kpo
// but its questions to a user is here.
package gather

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// sourceTimeout is how long one source may take before it counts as unreadable.
const sourceTimeout = 20 * time.Second

// errSkipped marks what the user asked not to be read.
var errSkipped = errors.New("skipped")

// Inputs are what a Snapshot is read from.
type Inputs struct {
	Kube client.Reader
	// Cloud is nil where there is no access to Outscale; NoCloud says why, and whether that was asked for.
	Cloud   *oapi.Client
	NoCloud error
	// Access names what is read.
	Access snapshot.Access
	// ClusterName and ClusterID are what the user says; empty, the controller's Deployment or the VMs' tags tell.
	ClusterName, ClusterID string
	Now                    func() time.Time
	// Progress hears which source is being read.
	Progress func(snapshot.Source)
	// Reads are the sources that the caller has a use for; none is all but SourceUsage. What says who the cluster is, its
	// UID, the controller and the CCM, is always read.
	Reads []snapshot.Source
}

// Skipped is the NoCloud of a user who asked for no access to Outscale.
func Skipped(reason string) error { return skippedError(reason) }

type skippedError string

func (e skippedError) Error() string        { return string(e) }
func (e skippedError) Is(target error) bool { return target == errSkipped }

// errNotNeeded is why a source was not read that a command has no use for.
var errNotNeeded = Skipped("not needed by this command")

// gathering is a Snapshot while it is being read.
type gathering struct {
	Inputs
	kept   *Gatherer
	mu     sync.Mutex
	s      *snapshot.Snapshot
	prices *pricing.Provider // nil where they were not read
}

// reads reports whether the caller has a use for a source.
func (g *gathering) reads(source snapshot.Source) bool {
	switch source {
	case snapshot.SourceClusterUID, snapshot.SourceController, snapshot.SourceCCM:
		return true
	case snapshot.SourceUsage:
		return slices.Contains(g.Reads, source)
	default:
		return len(g.Reads) == 0 || slices.Contains(g.Reads, source)
	}
}

// read reads one source and notes how that ended.
func (g *gathering) read(ctx context.Context, source snapshot.Source, do func(context.Context) (int, error)) {
	if !g.reads(source) {
		g.note(source, 0, errNotNeeded)
		return
	}
	count, err := g.try(ctx, source, do)
	g.note(source, count, err)
}

// try asks one source, for as long as a source may take.
func (g *gathering) try(ctx context.Context, source snapshot.Source, do func(context.Context) (int, error)) (int, error) {
	if g.Progress != nil {
		g.Progress(source)
	}
	limited, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	return do(limited)
}

func (g *gathering) note(source snapshot.Source, count int, err error) {
	g.noteAt(source, count, err, g.s.TakenAt)
}

// noteAt is note for an answer that may be of an earlier pass: then its age is part of it.
func (g *gathering) noteAt(source snapshot.Source, count int, err error, at time.Time) {
	status := StatusOf(count, err)
	if at.Before(g.s.TakenAt) {
		status.ReadAt = at
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.s.Sources[source] = status
}

// StatusOf is what became of a source that was read.
func StatusOf(count int, err error) snapshot.SourceStatus {
	switch {
	case errors.Is(err, errSkipped):
		return snapshot.SourceStatus{State: snapshot.StateSkipped, Reason: err.Error()}
	case err != nil:
		return snapshot.SourceStatus{State: snapshot.StateFailed, Reason: oneLine(err), Cause: causeOf(err)}
	default:
		return snapshot.SourceStatus{State: snapshot.StateOK, Count: count}
	}
}

// oneLine prints an error that may be several, each of them once.
func oneLine(err error) string {
	lines := strings.Split(err.Error(), "\n")
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "; ")
}

// kubernetes reads all that the API server knows, at once.
func (g *gathering) kubernetes(ctx context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	for source, do := range g.kubeSources() {
		group.Go(func() error {
			g.read(ctx, source, do)
			return nil
		})
	}
	_ = group.Wait() // errors are facts of the Snapshot
}

// suspects reads more about what looks stuck: consoles of VMs that do not become nodes, pods of nodes that do not drain.
func (g *gathering) suspects(ctx context.Context) {
	var consoles, draining []string
	machines := g.s.Machines()
	slices.SortFunc(machines, func(a, b snapshot.Machine) int { return a.CreatedAt().Compare(b.CreatedAt()) })
	for _, m := range machines {
		ready := snapshot.Ready(m.Node).Status == "True"
		if m.VM != nil && !m.VM.Gone() && m.Claim != nil && (m.Phase() == snapshot.PhaseRegistering || m.Phase() != snapshot.PhaseTerminating && !ready) {
			consoles = append(consoles, m.VM.ID)
		}
		drains := m.Phase() == snapshot.PhaseTerminating || m.Condition(karpv1.ConditionTypeRebooting).Reason == karpv1.RebootReasonRequested
		if drains && m.Node != nil {
			draining = append(draining, m.Node.Name)
		}
	}
	g.readConsoles(ctx, append(consoles, booted(machines, g.s.TakenAt)...))
	g.readPodsOf(ctx, draining)
}

// bootTimeout is how long Talos gives the services of a machine. Then it reboots, though its Node was Ready all the time.
const bootTimeout = 70 * time.Minute

// booted returns the VM of the newest Ready machine of each NodeClass, while its boot may still fail: what keeps one
// service down keeps it down on all of the class. machines are sorted by age.
func booted(machines []snapshot.Machine, now time.Time) []string {
	seen := map[string]bool{}
	var out []string
	for _, m := range slices.Backward(machines) {
		if m.VM == nil || m.Claim == nil || m.Claim.Spec.NodeClassRef == nil || m.Phase() != snapshot.PhaseRunning {
			continue
		}
		class := m.Claim.Spec.NodeClassRef.Name
		if age := now.Sub(m.VM.CreatedAt); !seen[class] && age < bootTimeout {
			seen[class] = true
			out = append(out, m.VM.ID)
		}
	}
	return out
}

// sortAll makes Snapshots of the same state equal.
func sortAll(s *snapshot.Snapshot) {
	slices.SortFunc(s.NodeClaims, func(a, b karpv1.NodeClaim) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.VMs, func(a, b snapshot.VM) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Quotas, func(a, b snapshot.Quota) int { return cmp.Compare(a.Name, b.Name) })
}
