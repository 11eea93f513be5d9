package oapitest

import (
	osc "github.com/outscale/osc-sdk-go/v2"
)

// named finds VMs by ID; one that does not exist refuses all of them.
func (r *Region) named(ids []string) ([]*vm, error) {
	if len(ids) == 0 {
		return nil, fail("7000", "VmIds must not be empty")
	}
	if err := checkIDs(prefixVM, ids...); err != nil {
		return nil, err
	}
	out := make([]*vm, 0, len(ids))
	for _, id := range ids {
		m, ok := r.byID[id]
		if !ok {
			return nil, fail("5063", "the VM %s does not exist", id)
		}
		out = append(out, m)
	}
	return out, nil
}

// each checks all VMs before it touches the first.
func (r *Region) each(c *call, ids []string, check func(*vm) error, do func(*vm)) (reply, error) {
	machines, err := r.named(ids)
	if err != nil {
		return nil, err
	}
	for _, m := range machines {
		if err := check(m); err != nil {
			return nil, err
		}
	}
	if c.dryRun {
		return reply{}, nil
	}
	states := make([]osc.VmState, 0, len(machines))
	for _, m := range machines {
		before := m.state
		do(m)
		states = append(states, osc.VmState{VmId: new(m.id), PreviousState: new(before), CurrentState: new(m.state)})
	}
	return reply{"Vms": states}, nil
}

func deleteVMs(r *Region, c *call, req osc.DeleteVmsRequest) (reply, error) {
	return r.each(c, req.VmIds, func(m *vm) error {
		if m.protected && m.alive() {
			return fail("8018", "the VM %s is protected against deletion", m.id)
		}
		return nil
	}, func(m *vm) {
		if m.state == stateTerminated || m.state == stateShuttingDown {
			return
		}
		takes := r.Timings.Terminate
		if m.state == stateStopped {
			takes = r.Timings.ForceStop
		} else if c.faults.slowDelete > 0 {
			takes = c.faults.slowDelete
		}
		r.enter(m, stateShuttingDown)
		r.schedule(m, stateTerminated, takes)
	})
}

func stopVMs(r *Region, c *call, req osc.StopVmsRequest) (reply, error) {
	takes, reason := r.Timings.Stop, reasonGracefulStop
	if req.GetForceStop() {
		takes, reason = r.Timings.ForceStop, reasonForcedStop
	}
	return r.each(c, req.VmIds, func(m *vm) error {
		switch m.state {
		case statePending:
			return fail("9039", "the VM %s is pending", m.id)
		case stateShuttingDown:
			if req.GetForceStop() && r.Uncertain.ForceStopEndsShutdown {
				return nil
			}
			return fail("6003", "the VM %s is %s", m.id, m.state)
		case stateTerminated:
			return fail("6003", "the VM %s is %s", m.id, m.state)
		}
		return nil
	}, func(m *vm) {
		switch m.state {
		case stateStopped:
			return
		case stateShuttingDown:
			r.schedule(m, stateTerminated, takes)
			return
		}
		if m.state == stateRunning || req.GetForceStop() {
			m.reason = reason
			r.enter(m, stateStopping)
			r.schedule(m, stateStopped, takes)
		}
	})
}

func startVMs(r *Region, c *call, req osc.StartVmsRequest) (reply, error) {
	return r.each(c, req.VmIds, func(m *vm) error {
		switch m.state {
		case stateTerminated, stateShuttingDown, stateStopping:
			return fail("6003", "the VM %s is %s", m.id, m.state)
		}
		return nil
	}, func(m *vm) {
		if m.state == stateStopped {
			r.boot(m)
		}
	})
}

// rebootVMs queues one restart of the guest for each call: there is no idempotency key. A refused state is answered as
// for StopVms [?].
func rebootVMs(r *Region, c *call, req osc.RebootVmsRequest) (reply, error) {
	_, err := r.each(c, req.VmIds, func(m *vm) error {
		switch m.state {
		case statePending:
			return fail("9039", "the VM %s is pending", m.id)
		case stateRunning:
			return nil
		}
		return fail("6003", "the VM %s is %s", m.id, m.state)
	}, func(m *vm) {
		m.reboots++
		if m.rebootAt.IsZero() {
			m.rebootAt = r.Clock.Now().Add(r.Timings.Reboot)
			r.plan(m.rebootAt)
		}
	})
	return reply{}, err
}

func updateVM(r *Region, c *call, req osc.UpdateVmRequest) (reply, error) {
	machines, err := r.named([]string{req.VmId})
	if err != nil {
		return nil, err
	}
	m := machines[0]
	needsStop := req.VmType != nil || req.UserData != nil || req.Performance != nil || req.NestedVirtualization != nil
	if !m.alive() || needsStop && m.state != stateStopped {
		return nil, fail("6003", "the VM %s is %s", m.id, m.state)
	}
	edits := []func(*Region, *vm, osc.UpdateVmRequest) (func(), error){updateType, updateUserData, updateGroups, updateFlags}
	var apply []func()
	for _, edit := range edits {
		do, err := edit(r, m, req)
		if err != nil {
			return nil, err
		}
		apply = append(apply, do)
	}
	if c.dryRun {
		return reply{}, nil
	}
	for _, do := range apply {
		do()
	}
	r.dirty = true
	return reply{"Vm": r.describe(m, m.tags.current())}, nil
}

func updateType(_ *Region, m *vm, req osc.UpdateVmRequest) (func(), error) {
	name := m.vmType
	if req.VmType != nil {
		name = *req.VmType
	}
	s, name, err := resolveType(name, req.GetPerformance())
	return func() { m.vmType, m.shape, m.performance = name, s, s.performance() }, err
}

func updateUserData(_ *Region, m *vm, req osc.UpdateVmRequest) (func(), error) {
	if req.UserData == nil {
		return func() {}, nil
	}
	_, guest, err := parseUserData(*req.UserData)
	return func() { m.userData, m.guestData = *req.UserData, guest }, err
}

func updateGroups(r *Region, m *vm, req osc.UpdateVmRequest) (func(), error) {
	if req.SecurityGroupIds == nil {
		return func() {}, nil
	}
	groups, err := r.world.securityGroups(*req.SecurityGroupIds)
	return func() { m.nics[0].groups = groups }, err
}

func updateFlags(_ *Region, m *vm, req osc.UpdateVmRequest) (func(), error) {
	return func() {
		if req.KeypairName != nil {
			m.keypair = *req.KeypairName
		}
		if behavior := req.GetVmInitiatedShutdownBehavior(); behavior != "" {
			m.guestAction = behavior
		}
		if req.DeletionProtection != nil {
			m.protected = *req.DeletionProtection
		}
		if req.NestedVirtualization != nil {
			m.nested = *req.NestedVirtualization
		}
		if config := req.ShutdownBehaviorConfiguration; config != nil && config.GuestAction != nil {
			m.guestAction = *config.GuestAction
		}
		if config := req.ShutdownBehaviorConfiguration; config != nil && config.HostAction != nil {
			m.hostAction = *config.HostAction
		}
	}, nil
}
