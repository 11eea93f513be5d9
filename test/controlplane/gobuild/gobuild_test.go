package gobuild_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
)

func TestOnceBuildsOnceForAllWhoAsk(t *testing.T) {
	p := program(t, "whole")
	reports, failures := make([]bytes.Buffer, 3), make([]error, 3)
	var all sync.WaitGroup
	for i := range reports {
		all.Go(func() { failures[i] = p.Once(t.Context(), &reports[i]) })
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	built := 0
	for _, report := range reports {
		built += strings.Count(report.String(), "built a program")
	}
	if built != 1 {
		t.Errorf("built %d times", built)
	}
	if out, err := exec.CommandContext(t.Context(), p.Output).CombinedOutput(); err != nil {
		t.Errorf("the program does not run: %v %s", err, out)
	}
}

func TestBrokenProgramLeavesNoOutput(t *testing.T) {
	p := program(t, "broken")
	err := p.Always(t.Context(), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "too many return values") {
		t.Errorf("want the compiler's words, got: %v", err)
	}
	if _, err := os.Stat(p.Output); !os.IsNotExist(err) {
		t.Errorf("an output is there: %v", err)
	}
}

func program(t *testing.T, name string) gobuild.Program {
	t.Helper()
	return gobuild.Program{
		Title: "a program", Package: "./test/controlplane/gobuild/testdata/" + name, Output: filepath.Join(t.TempDir(), name),
	}
}
