package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// stay leaves the cluster running and tells how to reach it.
func stay(ctx context.Context, s *sandbox.Sandbox, settings settings, out io.Writer) error {
	if settings.replicas > 0 {
		if err := s.Scale(ctx, settings.replicas); err != nil {
			return err
		}
	}
	if err := s.StartFaults(); err != nil {
		return err
	}
	fixture := s.Region.Fixture()
	fmt.Fprintf(out, `
The sandbox runs (scenario %s: %s). Paste into another terminal:

  export KUBECONFIG=%s
  export OSC_ENDPOINT_API=%s OSC_REGION=%s
  export OSC_ACCESS_KEY=%s OSC_SECRET_KEY=%s

  kubectl get nodes,nodeclaims,nodepools,outscalenodeclasses -o wide
  kubectl scale deployment/inflate --replicas=12
  %s doctor
  curl -s %s/_emulator/calls
  tail -f %s

Ctrl-C ends it and leaves nothing behind.
`, settings.options.Scenario, sandbox.Scenarios()[settings.options.Scenario],
		s.ControlPlane.Kubeconfig, s.RegionURL, s.Region.Name, fixture.AccessKey, fixture.SecretKey, s.Plugin(),
		strings.TrimSuffix(s.RegionURL, "/api/v1"), s.ControllerLog())
	watched := newTimeline(out, s.Begin)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		if err := s.Failure(); err != nil {
			return err
		}
		if state, err := s.State(ctx); err == nil {
			watched.observe(time.Now(), state)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				fmt.Fprintln(out, "ending the sandbox")
			}
			return nil
		case <-ticker.C:
		}
	}
}
