package machines

import (
	"context"
	"sync"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// disk is what survives a reboot: the STATE and EPHEMERAL partitions.
type disk struct {
	// config is the machine config that Talos accepted.
	config []byte
	// identity is the kubelet's client certificate.
	identity *identity
}

// power is one stretch between power on and power off of a VM.
type power struct {
	supply context.Context //nolint:containedctx // a machine lives as long as its supply, whoever calls
	cutOff context.CancelFunc
	button chan struct{}
	once   sync.Once
	done   chan struct{}
}

func newPower(ctx context.Context) *power {
	supply, cutOff := context.WithCancel(ctx)
	return &power{supply: supply, cutOff: cutOff, button: make(chan struct{}), done: make(chan struct{})}
}

// off reports whether this stretch is over or ending.
func (p *power) off() bool {
	select {
	case <-p.button:
		return true
	default:
		return p.supply.Err() != nil
	}
}

// cut takes the power away at once.
func (s *slot) cut() {
	if s.power != nil {
		s.power.cutOff()
	}
}

// press presses the ACPI button: the guest shuts itself down.
func (s *slot) press() {
	if s.power != nil {
		s.power.once.Do(func() { close(s.power.button) })
	}
}

// forced reports whether the cloud stops this VM without asking its guest.
func forced(vm oapitest.VM) bool {
	switch vm.StateReason {
	case "Client.ApiForcedShutdown", "Server.InternalError":
		return true
	}
	return false
}
