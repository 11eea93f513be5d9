// Package machines boots a simulated Talos machine in every VM of an emulated Outscale region, and stands in for its cloud controller manager.
package machines

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// DefaultTalosVersion is what an image boots that Fleet.Images does not name.
const DefaultTalosVersion = "v1.13.0"

// Fleet runs one simulated Talos machine per VM of a region; fixtures have none.
type Fleet struct {
	// Region is where the VMs live.
	Region *oapitest.Region
	// BootDelay is the time from power on until Talos asks for its user data; one second if zero.
	BootDelay time.Duration
	// ReadyDelay is the time from the creation of a Node until its network plugin is ready; half a second if zero.
	ReadyDelay time.Duration
	// Images maps image ids to the Talos version that they hold.
	Images map[string]string
	// MemoryShare is the part of the nominal memory that the guest's kernel sees; 0.96 if zero.
	MemoryShare float64
	// Trustd is what the control plane's trustd accepts; nil accepts every machine.
	Trustd *Trustd
	// NTPServers are the time servers that answer; nil means that all do.
	NTPServers []string
	// RetryInterval is the first pause of a Talos controller after an error; half a second if zero.
	RetryInterval time.Duration
	// CertificateTimeout is how long a kubelet waits for its client certificate before it exits; five minutes if zero.
	CertificateTimeout time.Duration
	// BootTimeout is how long all services may take before the machine reboots; 70 minutes if zero.
	BootTimeout time.Duration
	// InhibitMaxDelay is how long a shutdown waits for the kubelet's inhibit lock; 20 minutes, as in Talos, if zero.
	InhibitMaxDelay time.Duration
	// Freezer makes kubelets hang; nil never does.
	Freezer *Freezer
	// CutPower makes a stop of a VM cut its power instead of pressing the ACPI button.
	CutPower bool
	// Hosts are the names that resolve in the region, with their addresses; localhost always does.
	Hosts map[string]string
	// Dial is the machines' network, after names are resolved; nil reaches loopback addresses only.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Clock drives all delays; the wall clock if nil.
	Clock clock.Clock
	// Log hears of power changes; nil discards.
	Log *slog.Logger
}

// Trustd is what the trustd of a cluster's control plane knows.
type Trustd struct {
	// CA is the Talos CA certificate in PEM.
	CA []byte
	// Token is the machine token.
	Token string
}

// Run powers machines on and off as their VMs come and go, until ctx ends; then it waits for all of them.
func (f *Fleet) Run(ctx context.Context) error {
	if f.Region == nil {
		return fmt.Errorf("running machines: no region")
	}
	settings := f.withDefaults()
	if err := settings.checkImages(); err != nil {
		return fmt.Errorf("running machines: %w", err)
	}
	rack := &rack{fleet: settings, slots: map[string]*slot{}}
	defer rack.wait()
	for {
		// The channel is taken before the look, so that no change falls between the two.
		changed := f.Region.Changed()
		rack.sync(ctx, f.Region.VMs())
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func (f *Fleet) withDefaults() *Fleet {
	c := *f
	c.BootDelay = cmp.Or(c.BootDelay, time.Second)
	c.ReadyDelay = cmp.Or(c.ReadyDelay, 500*time.Millisecond)
	c.MemoryShare = cmp.Or(c.MemoryShare, 0.96)
	c.RetryInterval = cmp.Or(c.RetryInterval, 500*time.Millisecond)
	c.CertificateTimeout = cmp.Or(c.CertificateTimeout, 5*time.Minute)
	c.BootTimeout = cmp.Or(c.BootTimeout, 70*time.Minute)
	c.InhibitMaxDelay = cmp.Or(c.InhibitMaxDelay, inhibitMaxDelay)
	if c.Freezer == nil {
		c.Freezer = &Freezer{}
	}
	if c.Dial == nil {
		c.Dial = dialLoopback
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &c
}

func (f *Fleet) talosVersion(imageID string) string {
	return cmp.Or(f.Images[imageID], DefaultTalosVersion)
}

// rack holds the machines by VM id.
type rack struct {
	fleet *Fleet
	slots map[string]*slot
	all   sync.WaitGroup
}

// slot is the place of one VM: its disk stays while it is stopped.
type slot struct {
	disk *disk
	// power ends the machine that runs here; nil while it is off.
	power *power
	// boots is how often the region had started the guest when this machine began.
	boots int
}

func (r *rack) sync(ctx context.Context, vms []oapitest.VM) {
	seen := map[string]bool{}
	for _, vm := range vms {
		seen[vm.ID] = true
		if !vm.Fixture {
			r.follow(ctx, vm)
		}
	}
	for id, s := range r.slots {
		if !seen[id] {
			s.cut()
			delete(r.slots, id)
		}
	}
}

func (r *rack) follow(ctx context.Context, vm oapitest.VM) {
	s := r.slots[vm.ID]
	if s == nil {
		// A VM that never ran has no slot yet.
		s = &slot{disk: &disk{}}
	}
	switch vm.State {
	case "running":
		r.slots[vm.ID] = s
		if s.power == nil || s.power.off() || s.boots != vm.Boots {
			s.cut()
			r.start(ctx, s, vm)
		}
	case "stopping", "shutting-down":
		if r.fleet.CutPower || forced(vm) {
			s.cut()
		} else {
			s.press()
		}
	case "stopped":
		s.cut()
	case "terminated":
		s.cut()
		delete(r.slots, vm.ID)
	}
}

func (r *rack) start(ctx context.Context, s *slot, vm oapitest.VM) {
	previous := s.power
	p := newPower(ctx)
	s.power, s.boots = p, vm.Boots
	m := newMachine(r.fleet, vm, s.disk)
	r.fleet.Log.Info("powered on machine", "vm-id", vm.ID, "talos", m.version)
	r.all.Go(func() {
		defer close(p.done)
		if previous != nil {
			<-previous.done
		}
		m.live(p)
		r.fleet.Log.Info("powered off machine", "vm-id", vm.ID)
	})
}

func (r *rack) wait() {
	for _, s := range r.slots {
		s.cut()
	}
	r.all.Wait()
}
