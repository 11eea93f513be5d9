package chaos

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// loop is one controller: a queue of keys, each of which is reconciled by one goroutine at a time.
type loop struct {
	ctx context.Context
	run func(context.Context, string) (time.Duration, error)
	// base and most bound the pause after an error, which doubles.
	base, most time.Duration

	mu      sync.Mutex
	stopped bool
	keys    map[string]*entry
}

type entry struct {
	timer          *time.Timer
	due            time.Time
	running, dirty bool
	failures       int
}

func newLoop(ctx context.Context, base, most time.Duration, run func(context.Context, string) (time.Duration, error)) *loop {
	return &loop{ctx: ctx, run: run, base: base, most: most, keys: map[string]*entry{}}
}

// add makes the key due, unless it is so sooner.
func (l *loop) add(key string, after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.schedule(key, after)
}

func (l *loop) schedule(key string, after time.Duration) {
	if l.stopped {
		return
	}
	e := l.keys[key]
	if e == nil {
		e = &entry{}
		l.keys[key] = e
	}
	if e.running {
		e.dirty = e.dirty || after == 0
		return
	}
	due := time.Now().Add(after)
	if e.timer != nil {
		if !e.due.After(due) {
			return
		}
		e.timer.Stop()
	}
	e.due = due
	e.timer = time.AfterFunc(after, func() { l.work(key, e) })
}

func (l *loop) work(key string, e *entry) {
	l.mu.Lock()
	if l.stopped || e.running {
		l.mu.Unlock()
		return
	}
	e.running, e.dirty, e.timer = true, false, nil
	l.mu.Unlock()
	after, err := l.run(l.ctx, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	e.running = false
	switch {
	case err != nil:
		l.schedule(key, min(l.base<<min(e.failures, 16), l.most))
		e.failures++
	default:
		e.failures = 0
		if after > 0 {
			l.schedule(key, after)
		}
		if e.dirty {
			l.schedule(key, 0)
		}
	}
}

// stop lets nothing new begin.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for _, e := range l.keys {
		if e.timer != nil {
			e.timer.Stop()
		}
	}
}

// named makes a loop of a controller that is asked by name.
func named(r reconcile.Reconciler) func(context.Context, string) (time.Duration, error) {
	return func(ctx context.Context, name string) (time.Duration, error) {
		request := reconcile.Request{}
		request.Name = name
		return after(r.Reconcile(ctx, request))
	}
}

// typed makes a loop of a controller that is asked with an object.
func typed[T client.Object](c client.Client, r reconcile.ObjectReconciler[T]) func(context.Context, string) (time.Duration, error) {
	return named(reconcile.AsReconciler(c, r))
}

func after(result reconcile.Result, err error) (time.Duration, error) {
	if result.Requeue { //nolint:staticcheck // core still uses it
		return time.Second, err
	}
	return result.RequeueAfter, err
}
