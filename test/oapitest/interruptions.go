package oapitest

// FailHost makes the host of a running VM fail at once. What follows is for the VM's HostAction: it is started again,
// or stays stopped.
func (r *Region) FailHost(id string) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok || m.state != stateRunning {
		return false
	}
	at := r.Clock.Now()
	r.hostFailed(m, at)
	if !m.nextAt.IsZero() {
		r.plan(m.nextAt)
	}
	return true
}

// StartVM starts a stopped VM as someone with the console of the cloud would.
func (r *Region) StartVM(id string) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok || m.state != stateStopped {
		return false
	}
	r.boot(m)
	return true
}

// Quarantine isolates a VM, as Outscale does with one that it suspects.
func (r *Region) Quarantine(id string) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if !ok || !m.alive() {
		return false
	}
	r.enter(m, stateQuarantine)
	return true
}
