package oapitest

import (
	"slices"
	"time"
)

const (
	statePending      = "pending"
	stateRunning      = "running"
	stateStopping     = "stopping"
	stateStopped      = "stopped"
	stateShuttingDown = "shutting-down"
	stateTerminated   = "terminated"
	stateQuarantine   = "quarantine"

	reasonGuestShutdown = "Client.InstanceInitiatedShutdown"
	reasonGracefulStop  = "Client.ApiGracefulShutdown"
	reasonForcedStop    = "Client.ApiForcedShutdown"
	reasonInternal      = "Server.InternalError"

	actionStop      = "stop"
	actionRestart   = "restart"
	actionTerminate = "terminate"

	consoleSize = 64 << 10
)

// vm is one VM with the transition that it is in.
type vm struct {
	id, state, next     string
	nextAt              time.Time
	failsAt             time.Time
	rebootAt            time.Time
	reboots             int
	boots               int
	failsAfter          time.Duration
	bootFails           bool
	goneAt              time.Time
	createdAt           time.Time
	sequence            int
	launchNumber        int
	reservation         string
	vmType, performance string
	shape               shape
	imageID             string
	subregion           string
	dnsName             string
	publicIP            string
	nics                []*nic
	volumes             []*volume
	rootGiB             int
	keypair             string
	clientToken         string
	userData            string
	guestData           []byte
	reason              string
	guestAction         string
	hostAction          string
	bootMode            string
	tenancy             string
	protected           bool
	bsuOptimized        bool
	nested              bool
	tpm                 bool
	stopped             bool
	tags                tagHistory
	console             []byte
	maintenance         []Maintenance
	rule                *capacityRule
	linkedGPUs          int
	fixture             bool
}

// stopRecord is one entry of ReadVmsStopHistory.
type stopRecord struct {
	vmID, reason string
	at           time.Time
}

// Maintenance is one planned event of a VM, as ReadVmsState tells it.
type Maintenance struct {
	Code, Description   string
	NotBefore, NotAfter time.Time
}

// schedule makes a VM enter the state once the delay has passed.
func (r *Region) schedule(m *vm, state string, after time.Duration) {
	m.next, m.nextAt = state, r.Clock.Now().Add(after)
	r.plan(m.nextAt)
}

func (r *Region) plan(at time.Time) {
	if r.due.IsZero() || at.Before(r.due) {
		r.due = at
	}
}

// settle applies every transition that is due, so that time passes without a goroutine.
func (r *Region) settle(now time.Time) {
	if r.due.IsZero() || now.Before(r.due) {
		return
	}
	r.due = time.Time{}
	for _, m := range r.machines {
		for at, ok := m.dueAt(); ok && !now.Before(at); at, ok = m.dueAt() {
			r.advance(m, at)
		}
		if at, ok := m.dueAt(); ok {
			r.plan(at)
		}
	}
	r.machines = slices.DeleteFunc(r.machines, r.forget)
}

func (r *Region) forget(m *vm) bool {
	if m.state != stateTerminated || !m.goneAt.IsZero() {
		return false
	}
	delete(r.byID, m.id)
	delete(r.tokens, m.clientToken)
	return true
}

// dueAt is the instant of the earliest event of a VM.
func (m *vm) dueAt() (time.Time, bool) {
	var at time.Time
	for _, t := range []time.Time{m.nextAt, m.failsAt, m.rebootAt, m.goneAt} {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at, !at.IsZero()
}

func (r *Region) advance(m *vm, at time.Time) {
	switch at {
	case m.goneAt:
		m.goneAt = time.Time{}
		r.dirty = true
	case m.nextAt:
		r.enterAt(m, m.next, at)
	case m.rebootAt:
		r.rebooted(m, at)
	default:
		m.failsAt = time.Time{}
		r.hostFailed(m, at)
	}
}

// rebooted starts the guest anew: its console begins again, and nothing else changes.
func (r *Region) rebooted(m *vm, at time.Time) {
	m.boots++
	m.reboots--
	m.console, m.rebootAt = nil, time.Time{}
	if m.reboots > 0 {
		m.rebootAt = at.Add(r.Timings.Reboot)
	}
	r.dirty = true
}

func (r *Region) hostFailed(m *vm, at time.Time) {
	m.reason = reasonInternal
	r.enterAt(m, stateStopping, at)
	r.enterAt(m, stateStopped, at)
	if m.hostAction == actionRestart {
		r.enterAt(m, statePending, at)
		m.next, m.nextAt = stateRunning, at.Add(r.Timings.Boot)
	}
}

func (r *Region) enter(m *vm, state string) {
	r.enterAt(m, state, r.Clock.Now())
}

func (r *Region) enterAt(m *vm, state string, at time.Time) {
	m.state, m.next, m.nextAt = state, "", time.Time{}
	r.dirty = true
	if state != stateRunning {
		m.rebootAt, m.reboots = time.Time{}, 0
	}
	switch state {
	case stateRunning:
		m.boots++
		r.attachGPUs(m)
		if m.failsAfter > 0 {
			m.failsAt, m.failsAfter = at.Add(m.failsAfter), 0
			r.plan(m.failsAt)
		}
	case statePending:
		m.reason = ""
	case stateStopped:
		m.failsAt, m.stopped = time.Time{}, true
		r.history = append(r.history, stopRecord{vmID: m.id, reason: m.reason, at: at})
	case stateTerminated:
		r.bury(m, at)
	}
}

// bury frees what a terminated VM held and lets the rest linger.
func (r *Region) bury(m *vm, at time.Time) {
	m.failsAt = time.Time{}
	m.goneAt = at.Add(r.Timings.Linger)
	r.plan(m.goneAt)
	m.rule.giveBack()
	for _, n := range m.nics {
		for _, ip := range n.ips {
			delete(r.used, n.key(ip))
		}
	}
	m.nics, m.dnsName, m.publicIP = nil, "", ""
	r.releaseVolumes(m)
	r.releaseGPUs(m)
}

func (m *vm) alive() bool { return m.state != stateTerminated }
