// Package controlplane runs a real Kubernetes control plane on loopback, one process per component.
package controlplane

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/rest"

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
	// Progress is told what is built and started; nobody when nil.
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
	ended      chan error

	mu        sync.Mutex
	processes map[string]*process.Process
	temporary bool
}

// Start builds what is missing, starts the components and returns when they are ready. They run until Stop, whatever
// becomes of ctx.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	options = options.withDefaults()
	binaries, err := Build(ctx, options.CacheDir, options.Progress)
	if err != nil {
		return nil, err
	}
	c, err := prepare(options, binaries)
	if err != nil {
		return nil, fmt.Errorf("preparing the control plane: %w", err)
	}
	if err := c.startAll(ctx); err != nil {
		c.Stop()
		return nil, fmt.Errorf("starting the control plane: %w", err)
	}
	return c, nil
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

// startAll starts the storage, then the API, then at once all that needs the API.
func (c *ControlPlane) startAll(ctx context.Context) error {
	begin := time.Now()
	for _, stage := range [][]string{{Etcd}, {APIServer}, {ControllerManager, Scheduler, Kwok}} {
		stage = slices.DeleteFunc(stage, func(name string) bool { return !slices.Contains(c.options.Components, name) })
		if err := c.startStage(ctx, stage, begin); err != nil {
			return err
		}
		if slices.Contains(stage, APIServer) {
			if err := c.bindBootstrapRoles(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// startStage starts components that do not need each other, and waits for all of them.
func (c *ControlPlane) startStage(ctx context.Context, stage []string, begin time.Time) error {
	for _, name := range stage {
		if err := c.launch(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range stage {
		if err := c.awaitReady(ctx, name); err != nil {
			return err
		}
		fmt.Fprintf(c.options.Progress, "%s is ready (%.1fs)\n", name, time.Since(begin).Seconds())
	}
	return nil
}

func (c *ControlPlane) launch(ctx context.Context, name string) error {
	i := slices.IndexFunc(c.components, func(k component) bool { return k.name == name })
	if i < 0 {
		return fmt.Errorf("no component is called %q", name)
	}
	p, err := process.Start(ctx, process.Spec{
		Path: c.components[i].path, Args: c.components[i].args, Env: c.components[i].env, Log: c.LogFile(name),
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.processes[name] = p
	go func() {
		<-p.Done()
		if err := p.Err(); err != nil {
			select {
			case c.ended <- err:
			default: // one reason is enough
			}
		}
	}()
	return nil
}

// awaitReady polls the component's own test, and gives up at once when the process has ended.
func (c *ControlPlane) awaitReady(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	i := slices.IndexFunc(c.components, func(k component) bool { return k.name == name })
	p := c.process(name)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := c.components[i].ready(ctx)
		if err == nil {
			return p.Err()
		}
		select {
		case <-p.Done():
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; the end of its log:\n%s", name, err, process.Tail(c.LogFile(name), 15))
		case <-ticker.C:
		}
	}
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

// Ended delivers the reason when a component ends that nobody asked to end.
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
	if c.temporary {
		_ = os.RemoveAll(c.Dir)
	}
}
