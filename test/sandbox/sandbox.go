// Package sandbox runs a whole cluster on loopback: a real control plane, an emulated Outscale region with simulated Talos machines, and the real controller.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/ports"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// stopPatience is how long the controller may take to end.
const stopPatience = 15 * time.Second

// Options choose the cluster; the zero value is the default scenario.
type Options struct {
	// Scenario names what is wrong in this world; see Scenarios.
	Scenario string
	// Faults names what goes wrong between StartFaults and EndFaults; see FaultSets.
	Faults string
	// BootDelay is the time from power on of a VM until Talos reads its user data.
	BootDelay time.Duration
	// ReadyDelay is the time from the creation of a Node until it is Ready; half a second if zero. A real node takes some 25 s.
	ReadyDelay time.Duration
	// APILatency is added to each call of the Outscale API.
	APILatency time.Duration
	// RateLimit bounds the calls per second of the account; zero is unlimited.
	RateLimit float64
	// Subregions is the number of subregions, one to three; two if zero.
	Subregions int
	// Seed makes ids and random faults repeat.
	Seed int64
	// ConsolidateAfter replaces the value of the example NodePool, whose budgets the sandbox lifts: 5 s if zero.
	ConsolidateAfter time.Duration
	// NodeGracePeriod is how long a silent node stays Ready; 40 s if zero.
	NodeGracePeriod time.Duration
	// CertificateTimeout is how long a kubelet waits for its first certificate; five minutes, as in Talos, if zero.
	CertificateTimeout time.Duration
	// Examples is the directory of nodeclass.yaml, nodepool.yaml and inflate.yaml; examples/ of the repository if empty.
	Examples string
	// WithoutCCM leaves the place of the cloud controller manager empty, or free for another one.
	WithoutCCM bool
	// WithoutController leaves the start of the controller to the caller.
	WithoutController bool
	// Chart installs the Helm chart and runs the controller as its ServiceAccount, with the environment that it renders.
	Chart bool
	// ChartValues are set in the chart, as key=value.
	ChartValues []string
	// ControllerEnv is added to the controller's environment, as KEY=value.
	ControllerEnv []string
	// PreviousController is the program that runs until Upgrade, in place of the controller of this tree.
	PreviousController string
	// Region changes the region before it opens; nil leaves it as it is.
	Region func(*oapitest.Region)
	// FailedLogs is the directory that gets the logs when Start fails; if empty, they are lost.
	FailedLogs string
	// Progress gets what is built and started; nil discards it.
	Progress io.Writer
}

// Sandbox is a running cluster.
type Sandbox struct {
	// Dir holds logs and keys until Stop.
	Dir string
	// ControlPlane is the real control plane.
	ControlPlane *controlplane.ControlPlane
	// Region is the emulated cloud, and RegionURL its API.
	Region    *oapitest.Region
	RegionURL string
	// Client is an administrator's, and does not cache.
	Client client.Client
	// Begin is when Start was called.
	Begin time.Time

	options    Options
	scenario   scenario
	faults     []oapitest.Fault
	binary     string // the controller that runs, or runs next
	upgrade    string // the controller of this tree
	trustd     trustd
	freezer    machines.Freezer
	plugin     string
	chartArgs  []string
	chartEnv   []string
	server     *http.Server
	deployment client.ObjectKey

	background sync.WaitGroup
	cancel     context.CancelFunc

	mu         sync.Mutex
	controller *process.Process
	ports      *ports.Reservation
	failures   []error
}

// Start builds what is missing and starts the cluster. It runs until Stop, whatever becomes of ctx.
func Start(ctx context.Context, options Options) (*Sandbox, error) {
	s, err := newSandbox(options)
	if err != nil {
		return nil, err
	}
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	for _, step := range []struct {
		what string
		run  func() error
	}{
		{"building the controller", func() error { return s.buildController(ctx) }},
		{"building kpo", func() error { return s.buildPlugin(ctx) }},
		{"starting the control plane", func() error { return s.startControlPlane(ctx) }},
		{"opening the region", func() error { return s.openRegion(ctx) }},
		{"creating the custom resource definitions", func() error { return s.createDefinitions(ctx) }},
		{"creating the Secret with the worker config", func() error { return s.createWorkerConfig(ctx) }},
		{"switching on the machines", func() error { return s.runMachines(lasting) }},
		{"starting the cloud controller manager", func() error { return s.runCCM(lasting) }},
		{"installing the chart", func() error { return s.installChart(ctx) }},
		{"starting the controller", func() error { return s.firstController(ctx) }},
		{"applying examples/", func() error { return s.applyExamples(ctx) }},
	} {
		s.say("%s", step.what)
		if err := step.run(); err != nil {
			err = fmt.Errorf("%s: %w", step.what, err)
			err = s.explainStart(err)
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

// explainStart keeps the logs of a start that failed, and says where.
func (s *Sandbox) explainStart(cause error) error {
	if s.options.FailedLogs == "" {
		return cause
	}
	if err := s.KeepLogs(s.options.FailedLogs); err != nil {
		return errors.Join(cause, err)
	}
	return fmt.Errorf("%w\nthe logs are in %s", cause, s.options.FailedLogs)
}

func newSandbox(options Options) (*Sandbox, error) {
	chosen, err := findScenario(options.Scenario)
	if err != nil {
		return nil, err
	}
	faults, err := findFaults(options.Faults)
	if err != nil {
		return nil, err
	}
	if chosen.options != nil {
		chosen.options(&options)
	}
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	if options.ConsolidateAfter == 0 {
		options.ConsolidateAfter = 5 * time.Second
	}
	dir, err := os.MkdirTemp("", "sandbox-")
	if err != nil {
		return nil, fmt.Errorf("creating the directory of the sandbox: %w", err)
	}
	drawn, err := ports.Reserve(2)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Sandbox{Dir: dir, options: options, scenario: chosen, faults: faults, Begin: time.Now(), ports: drawn}, nil
}

func (s *Sandbox) startControlPlane(ctx context.Context) error {
	plane, err := controlplane.Start(ctx, controlplane.Options{
		Dir: filepath.Join(s.Dir, "controlplane"), NodeGracePeriod: s.options.NodeGracePeriod, Progress: s.options.Progress,
	})
	if err != nil {
		return err
	}
	s.ControlPlane = plane
	s.Client, err = client.New(plane.Admin, client.Options{})
	return err
}

// Stop ends everything, the controller first, and removes the directory.
func (s *Sandbox) Stop() {
	if p := s.process(); p != nil {
		p.Stop(stopPatience)
	}
	s.cancel()
	if s.server != nil {
		_ = s.server.Close() // serving ends by this alone, and is waited for below
	}
	s.background.Wait()
	if s.ControlPlane != nil {
		s.ControlPlane.Stop()
	}
	s.controllerPorts().Release()
	_ = os.RemoveAll(s.Dir)
}

// Failure is what went wrong behind the back of the cluster: an answer of the region that breaks its contract, or a
// part of the sandbox that ended by itself.
func (s *Sandbox) Failure() error {
	if s.ControlPlane != nil {
		select {
		case err := <-s.ControlPlane.Ended():
			s.fail(err)
		default:
		}
	}
	if p := s.process(); p != nil {
		if err := p.Err(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.failures...)
}

func (s *Sandbox) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, err)
}

// run keeps a part of the sandbox going until Stop.
func (s *Sandbox) run(what string, part func() error) {
	s.background.Go(func() {
		if err := part(); err != nil && !errors.Is(err, context.Canceled) {
			s.fail(fmt.Errorf("%s: %w", what, err))
		}
	})
}

func (s *Sandbox) say(format string, args ...any) {
	fmt.Fprintf(s.options.Progress, "T+%5.1fs  %s\n", time.Since(s.Begin).Seconds(), fmt.Sprintf(format, args...))
}
