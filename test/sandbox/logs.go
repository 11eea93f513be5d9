package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// KeepLogs copies the logs of the controller and of the control plane to a directory that Stop leaves alone, in place
// of the logs of an earlier run. Keys and kubeconfigs are not copied.
func (s *Sandbox) KeepLogs(dir string) error {
	if err := s.copyLogs(dir); err != nil {
		return fmt.Errorf("keeping the logs of the sandbox: %w", err)
	}
	return nil
}

func (s *Sandbox) copyLogs(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	own, err := filepath.Glob(filepath.Join(s.Dir, "*.log"))
	if err != nil {
		return err
	}
	components, err := filepath.Glob(filepath.Join(s.Dir, "controlplane", "*.log"))
	if err != nil {
		return err
	}
	for _, path := range slices.Concat(own, components) {
		content, err := os.ReadFile(path) //nolint:gosec // a log of our own
		if err != nil {
			return err
		}
		copied := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(copied, content, 0o600); err != nil { //nolint:gosec // the caller chooses the directory
			return err
		}
	}
	return nil
}
