package oapitest

import (
	"encoding/base64"
	"maps"
	"slices"
	"time"
)

// VM is a copy of what the region knows of one VM.
type VM struct {
	ID, State, Type, Subregion, SubnetID, PrivateIP, PrivateDNSName, ImageID, ClientToken string
	StateReason                                                                           string
	Tags                                                                                  map[string]string
	VCores, MemoryGiB, GPUs, RootGiB                                                      int
	// Boots is how often the guest was started: at power on, and again with each reboot.
	Boots     int
	CreatedAt time.Time
	// Fixture is set on the VMs that were there from the start: no simulated machine runs in them.
	Fixture bool
}

// VMs returns all VMs that the API would still list, oldest first.
func (r *Region) VMs() []VM {
	r.lock()
	defer r.unlock()
	out := make([]VM, 0, len(r.machines))
	for _, m := range r.machines {
		out = append(out, m.copy())
	}
	return out
}

func (m *vm) copy() VM {
	return VM{
		ID: m.id, State: m.state, Type: m.vmType, Subregion: m.subregion, SubnetID: m.subnetID(),
		PrivateIP: m.privateIP(), PrivateDNSName: m.dnsName, ImageID: m.imageID, ClientToken: m.clientToken,
		StateReason: m.reason, Tags: maps.Clone(m.tags.current()),
		VCores: m.shape.vcores, MemoryGiB: m.shape.gib(), GPUs: m.gpuCount(), RootGiB: m.rootGiB, Boots: m.boots,
		CreatedAt: m.createdAt, Fixture: m.fixture,
	}
}

// Changed returns a channel that is closed at the next change of any VM.
func (r *Region) Changed() <-chan struct{} {
	r.lock()
	defer r.unlock()
	// Waiters of the channel handed out must hear only of later changes.
	if r.dirty {
		r.dirty = false
		close(r.changed)
		r.changed = make(chan struct{})
	}
	return r.changed
}

// GuestUserData returns what the metadata service gives to the guest of this VM.
func (r *Region) GuestUserData(id string) ([]byte, bool) {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok || m.state == stateTerminated {
		return nil, false
	}
	return slices.Clone(m.guestData), true
}

// WriteConsole appends text to the serial console of a VM, which keeps the last 64 KiB.
func (r *Region) WriteConsole(id, text string) {
	r.lock()
	defer r.unlock()
	if m, ok := r.byID[id]; ok {
		m.console = append(m.console, text...)
		if extra := len(m.console) - consoleSize; extra > 0 {
			m.console = slices.Delete(m.console, 0, extra)
		}
	}
}

// GuestShutdown is the guest powering itself off.
func (r *Region) GuestShutdown(id string) {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok {
		return
	}
	switch m.state {
	case stateStopping, stateShuttingDown:
		r.enter(m, m.next)
	case stateRunning:
		m.reason = reasonGuestShutdown
		if m.guestAction == actionTerminate {
			r.enter(m, stateShuttingDown)
			r.schedule(m, stateTerminated, r.Timings.ForceStop)
			return
		}
		r.enter(m, stateStopping)
		r.schedule(m, stateStopped, r.Timings.ForceStop)
	}
}

// StopVM stops a VM as someone with the console of the cloud would.
func (r *Region) StopVM(id string) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok || (m.state != stateRunning && m.state != statePending) {
		return false
	}
	m.reason = reasonForcedStop
	r.enter(m, stateStopping)
	r.schedule(m, stateStopped, r.Timings.ForceStop)
	return true
}

// KillVM terminates a VM behind the back of everyone.
func (r *Region) KillVM(id string) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok || m.state == stateTerminated {
		return false
	}
	m.reason = reasonInternal
	r.enter(m, stateTerminated)
	return true
}

// StripTags removes tags from a VM, all of them if no key is given.
func (r *Region) StripTags(id string, keys ...string) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok {
		return false
	}
	if len(keys) == 0 {
		keys = slices.Collect(maps.Keys(m.tags.current()))
	}
	m.tags.remove(r.Clock.Now(), keys...)
	r.dirty = true
	return true
}

// PlanMaintenance announces events for a VM, in place of those announced before.
func (r *Region) PlanMaintenance(id string, events ...Maintenance) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if ok {
		m.maintenance = slices.Clone(events)
	}
	return ok
}

func base64Text(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
