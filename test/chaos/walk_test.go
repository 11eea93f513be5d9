package chaos

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
)

const (
	// shortWalk is that of make test, which has the race detector on; make chaos goes further.
	shortWalk = 8
	// atMost is how long the world may take to be well again once nothing goes wrong any more: core waits 15 minutes for a
	// Node, and Outscale's own lock of an account lasts up to 10.
	atMost = 45 * time.Minute
	// calm is how long it must then stay well.
	calm = 2 * time.Minute
)

// options are what a walk is made from.
type options struct {
	seed    uint64
	steps   int
	verbose bool
}

// active is a fault that lasts until the walk ends it.
type active struct {
	name string
	end  func()
	at   time.Time
}

// walk is one seed: a random walk over the faults while pods come and go, quiet, and the judgement. It returns what is
// wrong, the story, and the figures.
func walk(t *testing.T, o options, worker *corev1.Secret) (wrong []string, story string, f figures) {
	t.Helper()
	outside, stop := outsideOfBubbles()
	defer stop()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, o.seed, outside, worker)
		w.verbose, w.steps = o.verbose, o.steps
		defer w.end()
		if wrong = w.settle(); len(wrong) == 0 {
			w.wander()
			wrong = append(w.recover(), w.judge.verdict()...)
		}
		story, f = w.story(), w.judge.figures
	})
	return wrong, story, f
}

// outsideOfBubbles returns what runs a function on a goroutine that is in no bubble.
func outsideOfBubbles() (run func(func()), stop func()) {
	jobs, done := make(chan func()), make(chan struct{})
	go func() {
		for job := range jobs {
			job()
			done <- struct{}{}
		}
	}()
	return func(job func()) {
		jobs <- job
		<-done
	}, func() { close(jobs) }
}

// settle waits for a small fleet.
func (w *world) settle() []string {
	go w.live()
	w.restart(w.fixture.SecretKey)
	if w.wanted() == 0 {
		w.set(func() { w.want = 2 + w.rng.IntN(4) })
	}
	for range 30 {
		time.Sleep(10 * time.Second)
		if len(w.judge.problems()) == 0 {
			return nil
		}
	}
	return append([]string{"nothing works though nothing is wrong yet"}, w.judge.problems()...)
}

func (w *world) wander() {
	all := faults()
	var on []active
	for range w.steps {
		if w.rng.IntN(4) == 0 {
			w.set(func() { w.want = w.rng.IntN(w.most()) })
			w.say("%d pods", w.wanted())
		} else if f := all[w.rng.IntN(len(all))]; !isOn(on, f.name) {
			on = w.strike(f, on)
		}
		time.Sleep(w.between(time.Second, 40*time.Second))
		on = w.endDue(on)
	}
	w.say("quiet")
	for _, a := range on {
		a.end()
	}
	w.region.ClearFaults()
	if w.lead() == nil {
		w.restart(w.fixture.SecretKey)
	}
}

// most bounds the pods: a short walk is about the kinds of faults, not about numbers.
func (w *world) most() int { return min(9, 4+w.steps/8) }

func isOn(on []active, name string) bool {
	for _, a := range on {
		if a.name == name || ofProcess(a.name) && ofProcess(name) || strings.HasPrefix(a.name, "typo") && strings.HasPrefix(name, "typo") {
			return true
		}
	}
	return false
}

// ofProcess reports whether a fault replaces the process that leads: of those there is one at a time.
func ofProcess(name string) bool {
	return strings.HasPrefix(name, "controller") || strings.HasPrefix(name, "wrong keys") || strings.HasPrefix(name, "leader") ||
		strings.HasPrefix(name, "clock jumps")
}

func (w *world) strike(f fault, on []active) []active {
	end, struck := f.strike(w)
	if !struck {
		return on
	}
	w.say("FAULT: %s", f.name)
	w.judge.mu.Lock()
	w.judge.figures.faults[f.name]++
	w.judge.mu.Unlock()
	if end == nil {
		return on
	}
	last := w.between(20*time.Second, 3*time.Minute)
	if strings.HasPrefix(f.name, "wrong keys") {
		last = time.Minute
	}
	return append(on, active{f.name, end, time.Now().Add(last)})
}

func (w *world) endDue(on []active) []active {
	var left []active
	for _, a := range on {
		if time.Now().Before(a.at) {
			left = append(left, a)
			continue
		}
		w.say("over: %s", a.name)
		a.end()
	}
	return left
}

// recover waits until all is well and stays so.
func (w *world) recover() []string {
	begun := time.Now()
	well := begun
	var problems []string
	for time.Since(begun) < atMost+calm {
		if now := w.judge.problems(); len(now) > 0 {
			problems, well = now, time.Time{}
		} else if well.IsZero() {
			well = time.Now()
		}
		if !well.IsZero() && time.Since(well) >= calm {
			w.say("well after %s", well.Sub(begun))
			w.judge.figures.recoveries = append(w.judge.figures.recoveries, well.Sub(begun))
			return nil
		}
		time.Sleep(tick)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem, "VM ") {
			w.judge.figures.leaks++
		}
	}
	return append([]string{fmt.Sprintf("not well after %s", atMost)}, problems...)
}

func contextOf(w *world) context.Context {
	return context.WithValue(w.ctx, osc.ContextAWSv4, osc.AWSv4{AccessKey: w.fixture.AccessKey, SecretKey: w.fixture.SecretKey})
}
