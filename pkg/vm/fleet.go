package vm

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// absence is how long a VM must be missing from list and from reads by ID before it counts as gone. A VM that is seen
	// terminated counts at once. Reads can lag behind writes for seconds.
	absence = 10 * time.Second
	// massAbsence is the same when much of the fleet is missing: then the answer is more likely wrong than the fleet gone.
	massAbsence = time.Minute
	// launchAbsence is how long a VM may take to show up in reads at all: one that we launched, or that no read of this
	// process has shown, since another one may have launched it.
	launchAbsence = time.Minute
	// refusal is how long an ID that Outscale refused to look for is not asked for again: finding it among a hundred others
	// costs up to 14 calls.
	refusal = 10 * time.Minute
	// remembered is how long the ID of a VM that is gone is kept: longer than Outscale lists a terminated one.
	remembered = 2 * time.Hour
	// settle is how long the tags of a launch may take to appear.
	settle = 10 * time.Second
)

// fleet is what is known about the VMs: the last read, and our own writes since.
type fleet struct {
	mu             sync.Mutex
	readAt         time.Time
	doubt          error // why the last read is not believed
	vms            map[string]*record
	gone           map[string]time.Time
	widenedAt      time.Time
	sectionIgnored bool
	// proven is whether the account is known to be the fleet's: one of its VMs was shown or launched, or a witness says
	// so. The credentials and the region of a process never change.
	proven bool
	starts prometheus.Histogram
}

type record struct {
	VM
	// writtenAt is the time of our last launch, tag or delete: a read that began before it knows less than we do.
	writtenAt   time.Time
	taggedAt    time.Time
	launchedAt  time.Time // zero for a VM that this process has not launched
	launched    bool      // and no read has shown its tags yet
	deleted     bool
	absentSince time.Time
	refusedAt   time.Time // when Outscale refused to look for this ID: the VM may exist or not
}

func (r *record) isRefused(now time.Time) bool {
	return !r.refusedAt.IsZero() && now.Sub(r.refusedAt) < refusal
}

func newFleet() *fleet {
	return &fleet{vms: map[string]*record{}, gone: map[string]time.Time{}, starts: prometheus.NewHistogram(startOptions())}
}

func (f *fleet) widened(since time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.widenedAt.After(since)
}

func (f *fleet) isFresh(since time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readAt.After(since) && !f.hasUnknown()
}

// hasUnknown reports whether a VM was asked for that no read has looked for yet.
func (f *fleet) hasUnknown() bool {
	for _, r := range f.vms {
		if r.State == StateUnknown && r.absentSince.IsZero() && r.refusedAt.IsZero() {
			return true
		}
	}
	return false
}

func (f *fleet) doubted() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.doubt
}

func (f *fleet) prove() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.proven = true
}

func (f *fleet) sectionWasIgnored() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sectionIgnored
}

func (f *fleet) remember(vms []VM) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range vms {
		known := f.vms[v.ID]
		if known != nil && known.Subregion == "" {
			known.Subregion = v.Subregion // whoever asked first knew the ID only
		}
		if _, gone := f.gone[v.ID]; known == nil && !gone {
			v.State = StateUnknown
			f.vms[v.ID] = &record{VM: v}
		}
	}
}

func (f *fleet) launched(v VM, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.vms[v.ID], f.proven = &record{VM: v, writtenAt: now, launchedAt: now, launched: true}, true
}

func (f *fleet) tagged(id string, tags map[string]string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.vms[id]; r != nil {
		if r.launched && r.Tags[TagManagedBy] == "" {
			f.sectionIgnored = true
		}
		merged := maps.Clone(r.Tags)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, tags)
		r.Tags, r.writtenAt, r.taggedAt = merged, now, now
	}
}

func (f *fleet) deleted(id string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.vms[id]; r != nil {
		r.State, r.deleted, r.writtenAt = StateShuttingDown, true, now
	}
}

func (f *fleet) isDeleting(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.vms[id] != nil && f.vms[id].deleted
}

func (f *fleet) knows(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, gone := f.gone[id]
	return f.vms[id] != nil || gone
}

func (f *fleet) get(id string) (VM, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.vms[id]
	if r == nil {
		return VM{}, false
	}
	return r.VM, true
}

// find returns the VM of a NodeClaim, the first by ID if there are several. Each Create asks for it: it copies no
// fleet.
func (f *fleet) find(cluster Cluster, nodeClaimUID string) (VM, bool) {
	claims := cluster.Claims(nodeClaimUID)
	f.mu.Lock()
	defer f.mu.Unlock()
	var found *record
	for _, r := range f.vms {
		first := found == nil || r.ID < found.ID
		if first && !r.Leaving() && claims(r.VM) && !cluster.isForeign(r.VM) {
			found = r
		}
	}
	if found == nil {
		return VM{}, false
	}
	return found.VM, true
}

func (f *fleet) list(cluster Cluster) []VM {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]VM, 0, len(f.vms))
	for _, r := range f.vms {
		if !cluster.isForeign(r.VM) {
			out = append(out, r.VM)
		}
	}
	slices.SortFunc(out, func(a, b VM) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// refused notes IDs that Outscale did not look for. Such a VM is unknown: neither there nor gone.
func (f *fleet) refused(ids []string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		if r := f.vms[id]; r != nil {
			r.refusedAt, r.absentSince = now, time.Time{}
		}
	}
}

// absentFrom returns the VMs that should exist and are not listed, as far as it is worth asking for them.
func (f *fleet) absentFrom(listed []VM, now time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	missing := map[string]bool{}
	for id, r := range f.vms {
		if !r.isRefused(now) {
			missing[id] = true
		}
	}
	for _, v := range listed {
		delete(missing, v.ID)
	}
	return slices.Sorted(maps.Keys(missing))
}
