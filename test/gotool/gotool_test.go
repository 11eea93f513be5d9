package gotool_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/gotool"
)

// TestChildHasTheToolchainOfThisProgram replaces the go tool by one that says what it was asked for.
func TestChildHasTheToolchainOfThisProgram(t *testing.T) {
	version, _, _ := strings.Cut(runtime.Version(), " ")
	if !strings.HasPrefix(version, "go1") {
		t.Fatalf("Go %s is no release: use the toolchain of go.mod", version)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\necho $GOTOOLCHAIN $PWD $*\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv("GOTOOLCHAIN", "local")
	dir := t.TempDir()
	out, err := gotool.Command(t.Context(), dir, "list", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(out)), version+" "+dir+" list -m"; got != want {
		t.Errorf("the child says %q, want %q", got, want)
	}
}
