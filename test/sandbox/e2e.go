package sandbox

import (
	"context"
	"errors"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
)

// StartCCM runs the stand-in of the cloud controller manager in a sandbox that was started without one.
func (s *Sandbox) StartCCM(ctx context.Context) error {
	if !s.options.WithoutCCM {
		return errors.New("the cloud controller manager runs already")
	}
	s.options.WithoutCCM = false
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	before := s.cancel
	s.cancel = func() { before(); cancel() }
	return s.runCCM(lasting)
}

// Upgrade ends the controller as a rollout does, and runs the one of this tree in its place.
func (s *Sandbox) Upgrade(ctx context.Context) error {
	if p := s.process(); p != nil {
		p.Stop(stopPatience)
	}
	s.binary = s.upgrade
	return s.StartController(ctx)
}

// ControllerPID is the process id of the controller that runs, zero if none does.
func (s *Sandbox) ControllerPID() int {
	p := s.process()
	if p == nil || !running(p) {
		return 0
	}
	return p.PID()
}

// Freezer makes kubelets of the sandbox hang.
func (s *Sandbox) Freezer() *machines.Freezer { return &s.freezer }
