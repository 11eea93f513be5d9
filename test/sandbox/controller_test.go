package sandbox_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestControllerMovesToOtherPortsWhenOneIsTaken takes each port while the controller is down: after the draw, before
// the start.
func TestControllerMovesToOtherPortsWhenOneIsTaken(t *testing.T) {
	s, err := sandbox.Start(t.Context(), sandbox.Options{Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	for name, address := range map[string]func() string{"metrics": s.MetricsURL, "health probe": s.HealthURL} {
		t.Run(name, func(t *testing.T) {
			s.KillController()
			before := address()
			parsed, err := url.Parse(before)
			if err != nil {
				t.Fatal(err)
			}
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":"+parsed.Port())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = listener.Close() })
			if err := s.StartController(t.Context()); err != nil {
				t.Fatal(err)
			}
			if address() == before {
				t.Fatalf("the controller is said to serve %s, where somebody else listens", before)
			}
			if err := s.Failure(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFailedStartKeepsTheLogs(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no such flag\nexit 2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	chosen := options(t, sandbox.Options{PreviousController: broken, FailedLogs: kept})
	chosen.WithoutController = false
	s, err := sandbox.Start(t.Context(), chosen)
	if err == nil {
		s.Stop()
		t.Fatal("a controller that ends at once counts as started")
	}
	if !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), kept) {
		t.Errorf("want the reason and the place of the logs, got: %v", err)
	}
	if content, err := os.ReadFile(filepath.Join(kept, "controller.log")); err != nil || string(content) != "no such flag\n" {
		t.Errorf("the controller's log is %q, %v", content, err)
	}
	entries, err := os.ReadDir(kept)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	// Nothing but logs: the other files there are keys.
	if got := strings.Join(names, " "); got != "controller.log etcd.log kube-apiserver.log kube-controller-manager.log kube-scheduler.log kwok.log" {
		t.Errorf("kept: %s", got)
	}
}
