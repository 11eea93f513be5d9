package vm

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// update takes a read that began at started. An answer that lost much of the fleet is in doubt until later reads agree.
// It reports whether the doubt stays because nothing proves that the account is the fleet's.
func (f *fleet) update(cluster Cluster, read []VM, started time.Time) (unproven bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[string]bool{}
	for _, v := range read {
		seen[v.ID] = true
		f.see(cluster, v, started)
	}
	absent := f.absent(seen, started)
	patience := absence
	if many := max(3, len(f.vms)/5); len(absent) > many || f.isAllAbsent(absent, seen) {
		patience = massAbsence
	}
	known, waiting := len(f.vms), 0
	for _, r := range absent {
		switch {
		case started.Sub(r.absentSince) < max(patience, r.patience()):
			waiting++
		case !f.proven:
			unproven = true
		default:
			delete(f.vms, r.ID)
			f.gone[r.ID] = started
		}
	}
	f.readAt, f.doubt = started, nil
	maps.DeleteFunc(f.gone, func(_ string, since time.Time) bool { return started.Sub(since) > remembered })
	switch {
	case unproven:
		f.doubt = fmt.Errorf("%w: no read of this process has shown any of the %d VMs that NodeClaims name: check that the "+
			"credentials (OSC_ACCESS_KEY, OSC_PROFILE) are of their account, and OSC_REGION or OSC_ENDPOINT_API of their region",
			ErrNotBelieved, known)
	case patience == massAbsence && waiting > 0:
		f.doubt = fmt.Errorf("%w: it lacks %d of %d VMs, and has not said so for %s yet",
			ErrNotBelieved, len(absent), known, massAbsence)
	}
	return unproven
}

// patience is how long the VM must be absent. One that no read of this process has shown may have been launched by another
// process a moment ago, and reads lag.
func (r *record) patience() time.Duration {
	if r.State == StateUnknown {
		return launchAbsence
	}
	return absence
}

// see takes one VM of a read.
func (f *fleet) see(cluster Cluster, v VM, started time.Time) {
	known := f.vms[v.ID]
	if known == nil && cluster.isForeign(v) {
		return
	}
	if known != nil && known.State == StateUnknown || cluster.Owns(v) || cluster.launched(v) {
		f.proven = true
	}
	switch {
	case v.State == StateTerminated:
		delete(f.vms, v.ID)
		f.gone[v.ID] = started
	case known == nil:
		f.vms[v.ID] = &record{VM: v}
		delete(f.gone, v.ID)
	case known.writtenAt.After(started):
		// This read began before our last write: what we wrote is newer.
	default:
		f.merge(known, v, started)
	}
}

// merge takes what a read says of a known VM, except where it may lag behind our own writes.
func (f *fleet) merge(known *record, v VM, started time.Time) {
	age := started.Sub(known.writtenAt)
	if known.launched && v.Tags[TagManagedBy] == "" && age > settle {
		f.sectionIgnored = true
	}
	if v.Tags[TagManagedBy] != "" {
		known.launched = false
	}
	if known.deleted && age < launchAbsence {
		v.State = StateShuttingDown
	}
	if started.Sub(known.taggedAt) <= settle {
		v.Tags = known.Tags
	}
	if known.State == StatePending && v.State == StateRunning && !known.launchedAt.IsZero() {
		f.starts.Observe(started.Sub(known.launchedAt).Seconds())
	}
	known.VM, known.absentSince, known.refusedAt = v, time.Time{}, time.Time{}
}

// absent returns the known VMs that a read did not show, and notes since when.
func (f *fleet) absent(seen map[string]bool, started time.Time) []*record {
	var out []*record
	for id, r := range f.vms {
		if seen[id] || r.isRefused(started) || r.writtenAt.After(started) || r.launched && started.Sub(r.writtenAt) < launchAbsence {
			continue
		}
		if r.absentSince.IsZero() {
			r.absentSince = started
		}
		switch {
		case !r.Leaving():
			out = append(out, r)
		case started.Sub(r.absentSince) >= absence: // its end was to be expected, and is no reason for doubt
			delete(f.vms, id)
			f.gone[id] = started
		}
	}
	return out
}

// isAllAbsent reports whether a read showed none of the known VMs: a small fleet is more likely hidden than gone as well.
// VMs that no read has ever shown do not count, they may never have existed.
func (f *fleet) isAllAbsent(absent []*record, seen map[string]bool) bool {
	for id := range f.vms {
		if seen[id] {
			return false
		}
	}
	return slices.ContainsFunc(absent, func(r *record) bool { return r.State != StateUnknown })
}

// takeIn adds VMs that this cluster launched and that are not known, also those that counted as gone: a later read shows
// them.
func (f *fleet) takeIn(cluster Cluster, all []VM, started time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.widenedAt = started
	for _, v := range all {
		if since, gone := f.gone[v.ID]; f.vms[v.ID] == nil && (!gone || started.After(since)) && cluster.launched(v) {
			f.vms[v.ID], f.proven = &record{VM: v}, true
			delete(f.gone, v.ID)
		}
	}
}
