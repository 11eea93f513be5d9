package vm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// absence is how long a VM must be missing from list and from reads by ID before it counts as gone. A VM that is seen
	// terminated counts at once. Reads can lag behind writes for seconds.
	absence = 10 * time.Second
	// massAbsence is the same when much of the fleet is missing: then the answer is more likely wrong than the fleet gone.
	massAbsence = time.Minute
	// launchAbsence is how long a VM that we launched may take to show up in reads at all.
	launchAbsence = time.Minute
	// settle is how long the tags of a launch may take to appear.
	settle = 10 * time.Second
)

// fleet is what is known about the VMs: the last read, and our own writes since.
type fleet struct {
	mu             sync.Mutex
	readAt         time.Time
	vms            map[string]*record
	gone           map[string]bool
	sectionIgnored bool
}

type record struct {
	VM
	// writtenAt is the time of our last launch, tag or delete: a read that began before it knows less than we do.
	writtenAt   time.Time
	launched    bool
	deleted     bool
	absentSince time.Time
}

func newFleet() *fleet {
	return &fleet{vms: map[string]*record{}, gone: map[string]bool{}}
}

func (f *fleet) isFresh(since time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readAt.After(since) && !f.hasUnknown()
}

// hasUnknown tells whether a VM was asked for that no read has looked for yet.
func (f *fleet) hasUnknown() bool {
	for _, r := range f.vms {
		if r.State == StateUnknown && r.absentSince.IsZero() {
			return true
		}
	}
	return false
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
		if f.vms[v.ID] == nil && !f.gone[v.ID] {
			v.State = StateUnknown
			f.vms[v.ID] = &record{VM: v}
		}
	}
}

func (f *fleet) launched(v VM, tags map[string]string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// The answer of CreateVms has no tags: until a read shows them, they are what was sent.
	v.Tags = tags
	f.vms[v.ID] = &record{VM: v, writtenAt: now, launched: true}
}

func (f *fleet) adopt(v VM, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.vms[v.ID] == nil {
		f.vms[v.ID] = &record{VM: v, writtenAt: now}
	}
}

func (f *fleet) tagged(id string, tags map[string]string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.vms[id]; r != nil {
		merged := maps.Clone(r.Tags)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, tags)
		r.Tags, r.writtenAt = merged, now
	}
}

func (f *fleet) deleted(id string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.vms[id]; r != nil {
		r.State, r.deleted, r.writtenAt = StateShuttingDown, true, now
	}
}

func (f *fleet) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.vms, id)
	f.gone[id] = true
}

func (f *fleet) knows(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.vms[id] != nil || f.gone[id]
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

func (f *fleet) list() []VM {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]VM, 0, len(f.vms))
	for _, r := range f.vms {
		out = append(out, r.VM)
	}
	slices.SortFunc(out, func(a, b VM) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// absentFrom returns the VMs that should exist and are not listed.
func (f *fleet) absentFrom(listed []VM) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	missing := map[string]bool{}
	for id := range f.vms {
		missing[id] = true
	}
	for _, v := range listed {
		delete(missing, v.ID)
	}
	return slices.Sorted(maps.Keys(missing))
}

// update takes a read that began at started. It refuses an answer that lost much of the fleet, until later reads agree.
func (f *fleet) update(cluster Cluster, read []VM, started time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[string]bool{}
	for _, v := range read {
		seen[v.ID] = true
		f.see(cluster, v, started)
	}
	absent := f.absent(seen, started)
	patience := absence
	if many := max(3, len(f.vms)/5); len(absent) > many {
		patience = massAbsence
	}
	waiting := 0
	for _, r := range absent {
		if started.Sub(r.absentSince) >= patience {
			delete(f.vms, r.ID)
			f.gone[r.ID] = true
		} else {
			waiting++
		}
	}
	if patience == massAbsence && waiting > 0 {
		return fmt.Errorf("%d of %d VMs are missing from the answer of Outscale: not believed before it has said so for %s", len(absent), len(f.vms), massAbsence)
	}
	f.readAt = started
	return nil
}

// see takes one VM of a read.
func (f *fleet) see(cluster Cluster, v VM, started time.Time) {
	known := f.vms[v.ID]
	if uid, ok := v.Tags[TagClusterUID]; ok && uid != cluster.UID && known == nil {
		return // another cluster of the same name
	}
	switch {
	case v.State == StateTerminated:
		delete(f.vms, v.ID)
		f.gone[v.ID] = true
	case known == nil:
		f.vms[v.ID] = &record{VM: v}
	case known.writtenAt.After(started):
		// This read began before our last write: what we wrote is newer.
	default:
		if known.launched && v.Tags[TagManagedBy] == "" && started.Sub(known.writtenAt) > settle {
			f.sectionIgnored = true
		}
		if known.deleted {
			v.State = StateShuttingDown
		}
		known.VM, known.absentSince = v, time.Time{}
	}
}

// absent returns the known VMs that a read did not show, and notes since when.
func (f *fleet) absent(seen map[string]bool, started time.Time) []*record {
	var out []*record
	for id, r := range f.vms {
		if seen[id] || r.writtenAt.After(started) || r.launched && started.Sub(r.writtenAt) < launchAbsence {
			continue
		}
		if r.absentSince.IsZero() {
			r.absentSince = started
		}
		out = append(out, r)
	}
	return out
}
