package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
)

// buildPlugin builds kubectl-kpo.
func (s *Sandbox) buildPlugin(ctx context.Context) error {
	root, err := gobuild.Root(ctx)
	if err != nil {
		return err
	}
	s.plugin = filepath.Join(root, "bin", "kubectl-kpo")
	return gobuild.Program{Title: "kpo", Package: "./cmd/kpo", Output: s.plugin}.Always(ctx, s.options.Progress)
}

// Plugin is the path of the plugin.
func (s *Sandbox) Plugin() string { return s.plugin }

// Kpo runs the plugin as an on-call engineer would, and returns what it prints on both streams and its exit code.
func (s *Sandbox) Kpo(ctx context.Context, args ...string) (string, int, error) {
	return s.KpoWith(ctx, s.credentials(), args...)
}

// KpoWith is Kpo with other credentials for Outscale, or none.
func (s *Sandbox) KpoWith(ctx context.Context, credentials []string, args ...string) (string, int, error) {
	args = append(args, "--cluster-name", ClusterName, "--cluster-id", s.Region.Fixture().ClusterID)
	command := exec.CommandContext(ctx, s.plugin, args...) //nolint:gosec // a program that we built
	// HOME is empty, so that credentials of whoever runs this are not found.
	command.Env = append([]string{"KUBECONFIG=" + s.ControlPlane.Kubeconfig, "HOME=" + s.Dir, "LANG=C.UTF-8", "COLUMNS=120"}, credentials...)
	var both bytes.Buffer
	command.Stdout, command.Stderr = &both, &both
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		return both.String(), exit.ExitCode(), nil
	}
	if err != nil {
		return both.String(), 0, fmt.Errorf("running kpo: %w", err)
	}
	return both.String(), 0, nil
}

// credentials are the environment of a client of the region.
func (s *Sandbox) credentials() []string {
	fixture := s.Region.Fixture()
	return []string{
		"OSC_ACCESS_KEY=" + fixture.AccessKey,
		"OSC_SECRET_KEY=" + fixture.SecretKey,
		"OSC_REGION=" + regionName,
		"OSC_ENDPOINT_API=" + s.RegionURL,
	}
}
