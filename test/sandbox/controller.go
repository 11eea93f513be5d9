package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/ports"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
)

// ClusterName is the name that the controller gives the cluster.
const ClusterName = "sandbox"

func (s *Sandbox) buildController(ctx context.Context) error {
	root, err := gobuild.Root(ctx)
	if err != nil {
		return err
	}
	built := filepath.Join(root, "bin", "controller")
	s.binary, s.upgrade = cmp.Or(s.options.PreviousController, built), built
	s.options.Examples = cmp.Or(s.options.Examples, filepath.Join(root, "examples"))
	if s.options.WithoutController {
		return nil
	}
	return gobuild.Program{Title: "the controller", Package: "./cmd/controller", Output: built}.Always(ctx, s.options.Progress)
}

func (s *Sandbox) firstController(ctx context.Context) error {
	if s.options.WithoutController {
		return nil
	}
	return s.StartController(ctx)
}

// StartController runs the controller, again after KillController, and returns when it is ready.
func (s *Sandbox) StartController(ctx context.Context) error {
	if p := s.process(); p != nil && running(p) {
		return errors.New("the controller runs already")
	}
	for attempt := 1; ; attempt++ {
		p, err := process.Start(ctx, process.Spec{Path: s.binary, Args: s.chartArgs, Env: s.controllerEnv(), Log: s.ControllerLog()})
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.controller = p
		s.mu.Unlock()
		err = s.WaitFor(ctx, "controller ready", time.Minute, s.controllerReady)
		if !p.PortTaken() || attempt == startAttempts {
			return err
		}
		s.say("a port of the controller was taken: starting it again with others")
		if err := s.redrawPorts(); err != nil {
			return err
		}
	}
}

// startAttempts is how often a start is made when another program takes one of the ports at the last moment.
const startAttempts = 3

// redrawPorts keeps the ports that were taken reserved until the others are drawn.
func (s *Sandbox) redrawPorts() error {
	drawn, err := ports.Reserve(2)
	if err != nil {
		return err
	}
	s.controllerPorts().Release()
	s.mu.Lock()
	s.ports = drawn
	s.mu.Unlock()
	if s.options.Chart {
		s.chartEnv = append(s.chartEnv, portEnv(drawn)...) // the later of two values counts
	}
	return nil
}

// controllerPorts are those of the metrics and of the health probe.
func (s *Sandbox) controllerPorts() *ports.Reservation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports
}

func portEnv(p *ports.Reservation) []string {
	return []string{"METRICS_PORT=" + p.Port(0), "HEALTH_PROBE_PORT=" + p.Port(1)}
}

// KillController ends the controller without a chance to tidy up (kill -9).
func (s *Sandbox) KillController() {
	if p := s.process(); p != nil {
		p.Kill()
	}
}

// ControllerLog is the file with the controller's log of all its lives.
func (s *Sandbox) ControllerLog() string { return filepath.Join(s.Dir, "controller.log") }

// MetricsURL is where the controller serves its metrics.
func (s *Sandbox) MetricsURL() string {
	return "http://127.0.0.1:" + s.controllerPorts().Port(0) + "/metrics"
}

// HealthURL is where the controller says whether it is ready.
func (s *Sandbox) HealthURL() string {
	return "http://127.0.0.1:" + s.controllerPorts().Port(1) + "/readyz"
}

func (s *Sandbox) controllerEnv() []string {
	if s.options.Chart {
		return append(slices.Clone(s.chartEnv), s.options.ControllerEnv...)
	}
	fixture := s.Region.Fixture()
	return slices.Concat(s.credentials(), portEnv(s.controllerPorts()), []string{
		"KUBECONFIG=" + s.ControlPlane.Kubeconfig,
		"CLUSTER_NAME=" + ClusterName,
		"OSC_CLUSTER_ID=" + fixture.ClusterID,
		// A process that is killed holds its lease for some 15 s: leadership is not what the sandbox is about.
		"DISABLE_LEADER_ELECTION=true",
		"LOG_LEVEL=debug",
	}, s.options.ControllerEnv)
}

// controllerReady asks both ports: a controller whose metrics port is taken says that it is ready until it has ended.
func (s *Sandbox) controllerReady(ctx context.Context) error {
	// A stranger on a port may take the question and never answer.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := get(ctx, s.HealthURL()); err != nil {
		return err
	}
	return get(ctx, s.MetricsURL())
}

func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

func (s *Sandbox) process() *process.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.controller
}

func running(p *process.Process) bool {
	select {
	case <-p.Done():
		return false
	default:
		return true
	}
}
