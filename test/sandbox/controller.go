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
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
)

// ClusterName is the name that the controller gives the cluster.
const ClusterName = "sandbox"

func (s *Sandbox) buildController(ctx context.Context) error {
	root, err := gobuild.Root(ctx)
	if err != nil {
		return err
	}
	s.binary = filepath.Join(root, "bin", "controller")
	s.options.Examples = cmp.Or(s.options.Examples, filepath.Join(root, "examples"))
	if s.options.WithoutController {
		return nil
	}
	return gobuild.Program{Title: "the controller", Package: "./cmd/controller", Output: s.binary}.Always(ctx, s.options.Progress)
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
	p, err := process.Start(ctx, process.Spec{Path: s.binary, Args: s.chartArgs, Env: s.controllerEnv(), Log: s.ControllerLog()})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.controller = p
	s.mu.Unlock()
	return s.WaitFor(ctx, "controller ready", time.Minute, s.controllerReady)
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
func (s *Sandbox) MetricsURL() string { return "http://127.0.0.1:" + s.ports[0] + "/metrics" }

func (s *Sandbox) controllerEnv() []string {
	if s.options.Chart {
		return append(slices.Clone(s.chartEnv), s.options.ControllerEnv...)
	}
	fixture := s.Region.Fixture()
	return slices.Concat(s.credentials(), []string{
		"KUBECONFIG=" + s.ControlPlane.Kubeconfig,
		"CLUSTER_NAME=" + ClusterName,
		"OSC_CLUSTER_ID=" + fixture.ClusterID,
		"METRICS_PORT=" + s.ports[0],
		"HEALTH_PROBE_PORT=" + s.ports[1],
		// A process that is killed holds its lease for some 15 s: leadership is not what the sandbox is about.
		"DISABLE_LEADER_ELECTION=true",
		"LOG_LEVEL=debug",
	}, s.options.ControllerEnv)
}

func (s *Sandbox) controllerReady(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+s.ports[1]+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz: %s", response.Status)
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
