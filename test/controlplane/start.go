package controlplane

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
)

// Start builds what is missing, starts the components and returns when they are ready. They run until Stop, whatever
// becomes of ctx.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	options = options.withDefaults()
	binaries, err := Build(ctx, options.CacheDir, options.Progress)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		c, err := prepare(options, binaries)
		if err != nil {
			return nil, fmt.Errorf("preparing the control plane: %w", err)
		}
		err = c.startAll(ctx)
		if err == nil {
			return c, nil
		}
		again := c.portTaken() && attempt < startAttempts
		c.Stop()
		if !again {
			return nil, fmt.Errorf("starting the control plane: %w", err)
		}
		// Its peers in etcd's data have the old ports.
		if err := os.RemoveAll(c.file("etcd")); err != nil {
			return nil, fmt.Errorf("starting the control plane again: %w", err)
		}
		fmt.Fprintln(options.Progress, "a port of the control plane was taken: starting it again with others")
	}
}

// startAttempts is how often a start is made when another program takes one of the ports at the last moment.
const startAttempts = 3

func (c *ControlPlane) portTaken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.processes {
		if p.PortTaken() {
			return true
		}
	}
	return false
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
	// A stranger on the port of a process that has ended may take the question and never answer.
	go func() {
		select {
		case <-p.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := c.components[i].ready(ctx)
		if err == nil {
			return p.Err()
		}
		select {
		case <-ctx.Done():
			if ended := p.Err(); ended != nil {
				return ended
			}
			return fmt.Errorf("%s is not ready: %w; the end of its log:\n%s", name, err, process.Tail(c.LogFile(name), 15))
		case <-ticker.C:
		}
	}
}
