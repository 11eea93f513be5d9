// Package controlplane runs a real Kubernetes control plane on loopback, one process per component.
package controlplane

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/ports"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
)

// The components, in the order in which they start. They stop in the opposite one.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kwok              = "kwok"
)

// Options choose what runs; the zero value is a whole control plane.
type Options struct {
	// Components to run; all when empty. What needs only the API (rules of a CRD) asks for Etcd and APIServer.
	Components []string
	// NodeGracePeriod is how long a silent node stays Ready; 40 s when zero. Whole seconds.
	NodeGracePeriod time.Duration
	// Dir holds keys, data and logs. When empty it is a temporary directory that Stop removes.
	Dir string
	// CacheDir holds the binaries of all versions; the user's cache directory when empty.
	CacheDir string
	// Progress gets what is built and started; nil discards it.
	Progress io.Writer
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	// URL is the address of the API server.
	URL string
	// CA is the cluster's certificate authority in PEM.
	CA []byte
	// Admin is the configuration of a member of system:masters, and Kubeconfig the file that says the same.
	Admin      *rest.Config
	Kubeconfig string
	// Dir holds keys, data and logs (<component>.log).
	Dir string

	options    Options
	components []component
	authority  *authority
	ports      *ports.Reservation
	ended      chan error

	mu        sync.Mutex
	processes map[string]*process.Process
	temporary bool
}

func (o Options) withDefaults() Options {
	if len(o.Components) == 0 {
		o.Components = []string{Etcd, APIServer, ControllerManager, Scheduler, Kwok}
	}
	if o.NodeGracePeriod == 0 {
		o.NodeGracePeriod = 40 * time.Second
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o
}

func (c *ControlPlane) process(name string) *process.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.processes[name]
}

// PIDs are the process ids by component.
func (c *ControlPlane) PIDs() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	pids := map[string]int{}
	for name, p := range c.processes {
		pids[name] = p.PID()
	}
	return pids
}

// Ended delivers the reason when a component ends that was not asked to end.
func (c *ControlPlane) Ended() <-chan error { return c.ended }

// Kill ends one component as a crash would (kill -9).
func (c *ControlPlane) Kill(name string) error {
	p := c.process(name)
	if p == nil {
		return fmt.Errorf("%s does not run", name)
	}
	p.Kill()
	return nil
}

// Restart starts a component again, ending it first when it runs, and returns when it is ready.
func (c *ControlPlane) Restart(ctx context.Context, name string) error {
	if p := c.process(name); p != nil {
		p.Stop(stopGrace)
	}
	if err := c.launch(ctx, name); err != nil {
		return err
	}
	return c.awaitReady(ctx, name)
}

// stopGrace is short because nothing of the data is kept.
const stopGrace = 3 * time.Second

// Stop ends all components, last started first, and removes the directory unless it was given.
func (c *ControlPlane) Stop() {
	for _, name := range []string{Kwok, Scheduler, ControllerManager, APIServer, Etcd} {
		if p := c.process(name); p != nil {
			p.Stop(stopGrace)
		}
	}
	c.ports.Release()
	if c.temporary {
		_ = os.RemoveAll(c.Dir)
	}
}
