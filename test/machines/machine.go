package machines

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// machine is one VM with Talos in it, from power on to power off.
type machine struct {
	fleet   *Fleet
	vm      oapitest.VM
	disk    *disk
	version string
	console *console

	// What the stages of a boot find out, each for the stages after it.
	config   config.Provider
	hostname hostname
	nodeName string
	nodeIP   netip.Addr
	bootID   string
	bootedAt time.Time
	kubelet  *kubelet

	apid chan struct{}
	// node is the connection of the kubelet once it registers; nil before.
	mu   sync.Mutex
	node *nodeClient
	// leaving is set for the one call that a real machine would not make, and that no security group holds up: see leaveNode.
	leaving atomic.Bool
	// hung is set while the kubelet hangs.
	hung atomic.Bool
}

// errReboot ends a boot that Talos gives up.
var errReboot = errors.New("rebooting")

func newMachine(fleet *Fleet, vm oapitest.VM, disk *disk) *machine {
	return &machine{
		fleet: fleet, vm: vm, disk: disk, version: fleet.talosVersion(vm.ImageID),
		console: &console{clock: fleet.Clock, write: func(text string) { fleet.Region.WriteConsole(vm.ID, text) }},
	}
}

// live runs the machine while it has power.
func (m *machine) live(p *power) {
	ctx, halt := context.WithCancel(p.supply)
	var running sync.WaitGroup
	running.Go(func() { m.operate(ctx) })
	select {
	case <-p.supply.Done():
	case <-p.button:
		m.shutDown(ctx)
	}
	halt()
	running.Wait()
	m.leaveNode()
	if p.supply.Err() == nil {
		m.fleet.Region.GuestShutdown(m.vm.ID)
	}
}

// operate boots, and boots again whenever Talos gives up.
func (m *machine) operate(ctx context.Context) {
	for {
		if err := m.boot(ctx); !errors.Is(err, errReboot) {
			return
		}
		m.leaveNode()
	}
}

// boot walks through the stages of a Talos worker; a stage that cannot succeed never returns while there is power.
func (m *machine) boot(ctx context.Context) error {
	m.console.powerOn()
	m.hung.Store(false)
	m.apid, m.bootedAt = make(chan struct{}), m.fleet.Clock.Now()
	m.bootID = string(uuid.NewUUID()) // as the kernel's /proc/sys/kernel/random/boot_id
	stages := []func(context.Context) error{
		m.startKernel,
		m.acquireConfig,
		m.setHostname,
		m.checkSizes,
		m.syncTime,
		m.runServices,
	}
	for _, stage := range stages {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) startKernel(ctx context.Context) error {
	m.console.kernel("Command line: BOOT_IMAGE=/A/vmlinuz talos.platform=aws console=ttyS0 net.ifnames=0 init_on_alloc=1 slab_nomerge pti=on")
	m.console.talos("[initramfs] booting Talos %s", m.version)
	if err := m.pause(ctx, m.fleet.BootDelay); err != nil {
		return err
	}
	m.console.talos("initialize sequence: 9 phase(s)")
	m.console.controller("network.AddressSpecController", "assigned address", field{"address", m.vm.PrivateIP + "/24"}, field{"link", "eth0"})
	m.console.controller("network.HostnameSpecController", "setting hostname",
		field{"hostname", m.platformHostname().name}, field{"domainname", m.platformHostname().domain})
	return nil
}

func (m *machine) setHostname(context.Context) error {
	m.console.talos("boot sequence: 21 phase(s)")
	m.hostname = m.configuredHostname()
	if m.hostname != m.platformHostname() {
		m.console.controller("network.HostnameSpecController", "setting hostname",
			field{"hostname", m.hostname.name}, field{"domainname", m.hostname.domain})
	}
	return nil
}

// checkSizes prints what Talos thinks of memory and disk; it never stops the boot.
func (m *machine) checkSizes(context.Context) error {
	const minMemory, recommendedMemory, minDisk = 1024 - 150, 1024, 6 << 10
	memory, disk := m.memoryMiB(), m.ephemeralMiB()
	m.console.talos("task memorySizeCheck (1/1): starting")
	switch {
	case memory < minMemory:
		m.console.talos("task memorySizeCheck (1/1): WARNING: memory size is less than recommended")
		m.console.talos("task memorySizeCheck (1/1): WARNING: current total memory size is %d MiB", memory)
	case memory < recommendedMemory:
		m.console.talos("task memorySizeCheck (1/1): NOTE: current total memory size is %d MiB", memory)
	default:
		m.console.talos("task memorySizeCheck (1/1): memory size is %d MiB", memory)
	}
	m.console.talos("phase diskSizeCheck (7/21): 1 tasks(s)")
	if disk < minDisk {
		m.console.talos("task diskSizeCheck (1/1): WARNING: disk size is less than recommended")
		m.console.talos("task diskSizeCheck (1/1): WARNING: current total disk size is %d MiB", disk)
	}
	m.console.talos("phase diskSizeCheck (7/21): done, 1.2ms")
	return nil
}

// runServices runs apid and the kubelet side by side; only the kubelet makes a Node.
func (m *machine) runServices(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready := make(chan struct{})
	errs := make(chan error, 3)
	go func() { errs <- m.runAPID(ctx) }()
	go func() { errs <- m.runKubeletService(ctx, ready) }()
	go func() { errs <- m.awaitServices(ctx, ready) }()
	err := <-errs
	stop()
	return errors.Join(err, <-errs, <-errs)
}

// awaitServices reboots the machine when its services do not come up in time.
func (m *machine) awaitServices(ctx context.Context, kubelet <-chan struct{}) error {
	const report = 15 * time.Second
	deadline := m.fleet.Clock.After(m.fleet.BootTimeout)
	for _, service := range []struct {
		name string
		up   <-chan struct{}
	}{{"apid", m.apid}, {"kubelet", kubelet}} {
		for up := false; !up; {
			select {
			case <-service.up:
				up = true
			case <-m.fleet.Clock.After(report):
				m.console.talos("task startAllServices (1/1): service %q to be \"up\"", service.name)
			case <-deadline:
				m.console.talos("task startAllServices (1/1): failed: context deadline exceeded")
				m.console.talos("boot sequence: failed")
				m.console.talos("rebooting in 10 seconds")
				return errReboot
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	m.console.talos("boot sequence: done: %s", m.console.uptime())
	<-ctx.Done()
	return ctx.Err()
}

func (m *machine) pause(ctx context.Context, d time.Duration) error {
	timer := m.fleet.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
	}
}

// retry repeats what a Talos controller does until it succeeds, with growing pauses and an error on the console each time.
func (m *machine) retry(ctx context.Context, controller string, try func() error) error {
	const longest = time.Minute
	interval := m.fleet.RetryInterval
	for {
		err := try()
		if err == nil {
			return nil
		}
		m.console.controllerError(controller, "controller failed", err)
		if err := m.pause(ctx, interval); err != nil {
			return err
		}
		interval = min(interval*3/2, longest)
	}
}

// hang is a stage that Talos never leaves by itself.
func (m *machine) hang(ctx context.Context, reason string) error {
	m.fleet.Log.Info("machine is stuck", "vm-id", m.vm.ID, "reason", reason)
	<-ctx.Done()
	return fmt.Errorf("%s: %w", reason, ctx.Err())
}
