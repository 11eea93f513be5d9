package gather

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

// Gatherer reads Snapshots. One that is used again keeps the answers of slow sources for their pace: a screen that is
// drawn every second must not use up the account's calls. It is not for concurrent use.
type Gatherer struct {
	in       Inputs
	vms      answer[listing]
	quotas   answer[[]snapshot.Quota]
	prices   answer[*pricing.Provider]
	usage    answer[map[string]snapshot.Usage]
	consoles map[string]*answer[string]
	// claimed are the VMs that NodeClaims named in the last pass.
	claimed map[string]bool
}

// New returns a Gatherer that has read nothing.
func New(in Inputs) *Gatherer {
	return &Gatherer{in: in, consoles: map[string]*answer[string]{}}
}

// Read returns a new Snapshot. It never fails as a whole: what could not be read is in the Snapshot's sources, in each
// pass, and what was read of such a source before is not shown any more.
//
// VMs are read before NodeClaims: a NodeClaim that is made between the two reads then has no VM yet, instead of a VM
// having no NodeClaim.
func (r *Gatherer) Read(ctx context.Context) *snapshot.Snapshot {
	g := &gathering{Inputs: r.in, kept: r, s: &snapshot.Snapshot{
		TypeMeta: metav1.TypeMeta{APIVersion: snapshot.APIVersion, Kind: "Snapshot"},
		Access:   r.in.Access, CLI: version.Version, TakenAt: r.in.Now().UTC(),
		Sources: map[snapshot.Source]snapshot.SourceStatus{}, Consoles: map[string]string{},
	}}
	vms := g.cloud(ctx)
	g.kubernetes(ctx)
	g.identify(vms.all)
	g.confirm(ctx, vms)
	g.price()
	g.suspects(ctx)
	g.readUsage(ctx)
	g.s.CheckAccount()
	g.s.Mask()
	sortAll(g.s)
	return g.s
}

// retryAfter is the longest time until a source that failed is asked again.
const retryAfter = 15 * time.Second

// paces are how long a Gatherer uses an answer again. Sources of the API server that are not here are read in each pass.
func paces() map[snapshot.Source]time.Duration {
	return map[snapshot.Source]time.Duration{
		snapshot.SourceVMs:      5 * time.Second, // as long as the controller's own listing serves its readers
		snapshot.SourceConsoles: 15 * time.Second,
		snapshot.SourceUsage:    30 * time.Second, // all pods of the cluster
		snapshot.SourceQuotas:   time.Minute,
		snapshot.SourcePrices:   12 * time.Hour, // as often as the controller reads them
	}
}

// answer is the last one of a source: what it gave, or why it failed, and when.
type answer[T any] struct {
	value T
	count int
	err   error
	at    time.Time
}

// serves reports whether the answer is young enough to be used again. A clock that was set back makes none.
func (a *answer[T]) serves(source snapshot.Source, now time.Time) bool {
	pace := paces()[source]
	if a.err != nil {
		pace = min(pace, retryAfter)
	}
	age := now.Sub(a.at)
	return !a.at.IsZero() && age >= 0 && age < pace
}

// ask reads a source, unless its last answer serves, and notes how that ended. Where it failed, there is no value.
func ask[T any](ctx context.Context, g *gathering, source snapshot.Source, last *answer[T], do func(context.Context) (T, int, error)) T {
	if !g.reads(source) {
		g.note(source, 0, errNotNeeded)
		return last.value
	}
	if now := g.Now(); !last.serves(source, now) {
		*last = answer[T]{at: now.UTC()}
		last.count, last.err = g.try(ctx, source, func(ctx context.Context) (count int, err error) {
			last.value, count, err = do(ctx)
			return count, err
		})
		if last.err != nil {
			last.value = *new(T)
		}
	}
	g.noteAt(source, last.count, last.err, last.at)
	return last.value
}
