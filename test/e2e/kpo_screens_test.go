//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// noLeak is what orphans says when there is nothing to delete.
const noLeak = "every VM of the cluster has a NodeClaim"

// situation is a broken cluster as an on-call engineer sees it; the screens may go to testdata/kpo, for docs/kpo.md.
type situation struct {
	*world
	// credentials replaces those of the sandbox if it is not nil.
	credentials *[]string
	screens     []string
}

// broken looks at the cluster as it is now; with -update, the screens that look shows replace those of the file.
func (w *world) broken(name string, look func(*situation)) {
	w.t.Helper()
	s := &situation{world: w}
	look(s)
	if *update && !w.t.Failed() {
		w.must(os.WriteFile(filepath.Join("testdata", "kpo", name+".txt"), []byte(strings.Join(s.screens, "\n")), 0o600))
	}
}

// diagnosed waits until doctor names exactly these checks, and shows its screen.
func (s *situation) diagnosed(checks, args []string, words ...string) {
	s.t.Helper()
	s.await(fmt.Sprintf("kpo doctor %v finding %v", args, checks), s.finds(args, checks...))
	s.kpo(1, append([]string{"doctor"}, args...), append(words, checks...)...)
}

// finds checks which problems doctor names.
func (w *world) finds(args []string, checks ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		screen, _, err := w.Kpo(ctx, append([]string{"doctor", "-o", "json"}, args...)...)
		if err != nil {
			return err
		}
		var report diagnose.Report
		if err := json.Unmarshal([]byte(screen), &report); err != nil {
			return fmt.Errorf("reading %s: %w", screen, err)
		}
		var got []string
		for _, problem := range report.Problems {
			got = append(got, string(problem.Check))
		}
		slices.Sort(got)
		if diff := cmp.Diff(slices.Sorted(slices.Values(checks)), got); diff != "" {
			return fmt.Errorf("problems (-want +got):\n%s", diff)
		}
		return nil
	}
}

// kpo runs a command line, whose exit code and words must be as told, and keeps the screen.
func (s *situation) kpo(code int, args []string, words ...string) string {
	s.t.Helper()
	screen := s.quietly(code, args, words...)
	s.keep(code, "kubectl kpo "+strings.Join(args, " "), screen)
	return screen
}

// keep notes what was typed and answered. The home of the sandbox is nobody's.
func (s *situation) keep(code int, command, screen string) {
	screen = strings.ReplaceAll(screen, s.Dir, "/home/you")
	s.screens = append(s.screens, fmt.Sprintf("$ %s\n%s$ echo $?\n%d\n", command, screen, code))
}

// quietly is kpo for a screen that is not kept.
func (s *situation) quietly(code int, args []string, words ...string) string {
	s.t.Helper()
	run := s.Kpo
	if s.credentials != nil {
		run = func(ctx context.Context, args ...string) (string, int, error) {
			return s.KpoWith(ctx, *s.credentials, args...)
		}
	}
	screen, got, err := run(s.t.Context(), args...)
	s.must(err)
	if got != code {
		s.t.Errorf("kpo %v exits with %d, want %d:\n%s", args, got, code, screen)
	}
	s.says(screen, words...)
	return screen
}

// says fails unless a screen has all the words, wherever its lines are broken.
func (s *situation) says(screen string, words ...string) {
	s.t.Helper()
	text := strings.Join(strings.Fields(screen), " ")
	for _, word := range words {
		if !strings.Contains(text, word) {
			s.t.Errorf("the screen does not say %q:\n%s", word, screen)
		}
	}
}

// silent fails if a screen has one of the words.
func (s *situation) silent(screen string, words ...string) {
	s.t.Helper()
	for _, word := range words {
		if strings.Contains(screen, word) {
			s.t.Errorf("the screen says %q:\n%s", word, screen)
		}
	}
}

// nothingLeaks fails unless orphans finds nothing.
func (s *situation) nothingLeaks() {
	s.t.Helper()
	s.quietly(0, []string{"orphans"}, noLeak)
}

// vmsOlder waits until so many VMs exist and all of them have an age: rules leave young things alone.
func (w *world) vmsOlder(n int, age time.Duration) {
	w.t.Helper()
	w.await(fmt.Sprintf("%d VMs older than %s", n, age), func(ctx context.Context) error {
		state, err := w.State(ctx)
		if len(state.VMs) != n {
			err = errors.Join(err, fmt.Errorf("%d VMs", len(state.VMs)))
		}
		for _, vm := range state.VMs {
			if now := time.Since(vm.CreatedAt); now < age {
				err = errors.Join(err, fmt.Errorf("VM %s is %s old", vm.ID, now))
			}
		}
		return err
	})
}

// newest waits for one more VM than known, and returns the name of its NodeClaim.
func (w *world) newest(known []string) string {
	w.t.Helper()
	name := ""
	w.await("one more NodeClaim with a VM", func(ctx context.Context) error {
		state, err := w.State(ctx)
		for _, vm := range state.VMs {
			if claim := vm.Tags[tagNodeClaim]; claim != "" && !slices.Contains(known, claim) {
				name = claim
			}
		}
		if name == "" {
			err = errors.Join(err, errNotYet)
		}
		return err
	})
	return name
}

// vmOf is the VM of a NodeClaim.
func vmOf(t *testing.T, state sandbox.State, claim string) string {
	t.Helper()
	for _, vm := range state.VMs {
		if vm.Tags[tagNodeClaim] == claim {
			return vm.ID
		}
	}
	t.Fatalf("NodeClaim %s has no VM", claim)
	return ""
}
