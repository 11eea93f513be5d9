package machines

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	corev1 "k8s.io/api/core/v1"
)

// kubeletRestart is how long Talos waits before it starts a kubelet again that has exited.
const kubeletRestart = 5 * time.Second

// runKubeletService keeps the kubelet running once all that it needs is there.
func (m *machine) runKubeletService(ctx context.Context, up chan<- struct{}) error {
	if err := m.prepareKubelet(ctx); err != nil {
		return err
	}
	healthy := sync.OnceFunc(func() { close(up) })
	m.console.service("kubelet", "Preparing", "Running pre state")
	m.console.service("kubelet", "Preparing", "Creating service runner")
	for {
		m.console.service("kubelet", "Running", "Started task kubelet (PID 2011) for container kubelet")
		err := m.runKubelet(ctx, healthy)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.console.service("kubelet", "Waiting",
			"Error running Containerd(kubelet), going to restart forever: task \"kubelet\" failed: exit code 1 (last log %q)", lastLog(err))
		if err := m.pause(ctx, kubeletRestart); err != nil {
			return err
		}
	}
}

// prepareKubelet makes the kubelet's inputs in Talos' order; each is tried until it succeeds.
func (m *machine) prepareKubelet(ctx context.Context) error {
	if m.config.Machine().Type() != machinetype.TypeWorker {
		m.console.service("etcd", "Waiting", "Waiting for etcd spec")
		return m.hang(ctx, "not a worker")
	}
	for _, step := range []func(context.Context) error{
		m.resolveEndpoint,
		m.pickNodeIP,
		func(ctx context.Context) error { return m.retry(ctx, "k8s.KubeletSpecController", m.renderKubelet) },
		func(ctx context.Context) error { return m.retry(ctx, "secrets.KubeletController", m.checkClusterCA) },
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	m.refreshIdentity()
	return nil
}

func (m *machine) checkClusterCA() error {
	if len(m.clusterCA()) == 0 {
		return errors.New("missing accepted Kubernetes CAs")
	}
	return nil
}

// lastLog is what a dying kubelet writes to its standard error. Talos shows only the end of it, 512 bytes in whole
// lines, which would cut the names of refused labels; the signatures want the whole text.
func lastLog(err error) string {
	return fmt.Sprintf("E0101 00:00:00.000000    2011 run.go:72] \"command failed\" err=%q", err)
}

// runKubelet is one life of the kubelet process; the error is why it exits.
func (m *machine) runKubelet(ctx context.Context, healthy func()) error {
	settings, err := m.kubelet.settings(m.vm.VCores)
	if err != nil {
		return err
	}
	frozen := m.fleet.Freezer.watch(m.vm.ID)
	if isClosed(frozen) {
		m.hung.Store(true)
		return m.hang(ctx, "the kubelet hangs")
	}
	m.console.service("kubelet", "Running", "Health check successful")
	healthy()
	if !settings.register || m.config.Machine().Kubelet().SkipNodeRegistration() {
		return m.hang(ctx, "kubelet does not register")
	}
	if err := m.bootstrap(ctx); err != nil {
		return err
	}
	client, err := m.connect(m.disk.identity)
	if err != nil {
		return err
	}
	defer client.close()
	if err := m.checkSkew(client); err != nil {
		return err
	}
	// Kept before the call: a Node may be there although its answer never came.
	m.mu.Lock()
	m.node = client
	m.mu.Unlock()
	if err := m.register(ctx, client, m.initialNode(settings)); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var apply sync.WaitGroup
	defer apply.Wait()
	defer stop()
	apply.Go(func() { m.applyNode(ctx, client) })
	if err := m.becomeReady(ctx, client); err != nil {
		return err
	}
	if err := m.insist(ctx, func() error { return client.restartPods(ctx, m.bootedAt) }); err != nil {
		return err
	}
	select {
	case <-frozen:
		m.hung.Store(true)
		m.leaveNode()
		return m.hang(ctx, "the kubelet hangs")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// becomeReady reports the node ready once its network plugin would be, and hands its heartbeat to kwok.
func (m *machine) becomeReady(ctx context.Context, client *nodeClient) error {
	if err := m.pause(ctx, m.fleet.ReadyDelay); err != nil {
		return err
	}
	ready := condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status", m.fleet.Clock.Now())
	if err := m.insist(ctx, func() error { return client.report(ctx, ready) }); err != nil {
		return err
	}
	if err := m.insist(ctx, func() error { return client.yieldLease(ctx) }); err != nil {
		return err
	}
	// Talos calls itself ready only when its own API is up as well.
	select {
	case <-m.apid:
		m.console.controller("runtime.MachineStatusController", "machine is running and ready")
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// insist repeats a call of the kubelet as it does, with pauses of at most seven seconds.
func (m *machine) insist(ctx context.Context, call func() error) error {
	const longest = 7 * time.Second
	for step := 100 * time.Millisecond; ; step = min(2*step, longest) {
		err := call()
		if err == nil {
			return nil
		}
		m.fleet.Log.Warn("kubelet call failed", "vm-id", m.vm.ID, "node", m.nodeName, "error", err)
		if err := m.pause(ctx, step); err != nil {
			return err
		}
	}
}
