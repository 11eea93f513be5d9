package chaos

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// TestChaos takes 200 short walks; make chaos SEEDS=1000 takes more and longer ones, and make chaos SEED=7 tells the story
// of one.
func TestChaos(t *testing.T) {
	first, last := 1, number(t, "CHAOS_SEEDS", 200)
	one, steps := number(t, "CHAOS_SEED", 0), number(t, "CHAOS_STEPS", shortWalk)
	if one > 0 {
		first, last = one, one
	}
	worker := workerconfig.Secret(t)
	total := newTotal()
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed <= last; seed++ {
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				wrong, story, f := walk(t, options{uint64(seed), steps, one > 0}, worker)
				total.add(f, len(wrong) > 0)
				if len(wrong) > 0 {
					t.Errorf("seed %d (make chaos SEED=%d STEPS=%d repeats it):\n  %s\n%s", seed, seed, steps, strings.Join(wrong, "\n  "), tail(story, one > 0))
				} else if one > 0 {
					t.Log(story)
				}
			})
		}
	})
	total.print(t)
}

// tail keeps a failed run of many seeds readable.
func tail(story string, all bool) string { //nolint:revive // one seed is told whole
	const most = 120
	lines := strings.Split(story, "\n")
	if all || len(lines) <= most {
		return story
	}
	return fmt.Sprintf("  (%d lines before)\n%s", len(lines)-most, strings.Join(lines[len(lines)-most:], "\n"))
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: want a positive number", name, text)
	}
	return n
}
