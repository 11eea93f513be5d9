// Package gotool runs the go tool for programs that were built with a newer Go than the machine's.
package gotool

import (
	"context"
	"os/exec"
	"runtime"
	"strings"
)

// Command is `go args...` in a directory, with the toolchain that built this program: a machine whose own Go is older
// and whose GOTOOLCHAIN is "local" refuses this repository's go.mod.
func Command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the callers' arguments are constants of theirs
	command.Dir = dir
	// Experiments follow the version after a blank. A development version is no toolchain that can be fetched.
	if version, _, _ := strings.Cut(runtime.Version(), " "); strings.HasPrefix(version, "go1") {
		command.Env = append(command.Environ(), "GOTOOLCHAIN="+version)
	}
	return command
}
