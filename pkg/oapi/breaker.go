package oapi

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// breaker keeps bad credentials from locking the account: Outscale locks it for minutes after four refused signatures
// (SDK api/openapi.yaml, "Authentication Schemes"). After a refusal nothing is sent for a while, and until a call has
// succeeded they go out one at a time, so that a start with a wrong key costs one refusal and not five.
//
// A policy that lacks one call is answered like a bad signature. So a refusal of credentials that have worked stops this
// one call only, and the next other call shows which of the two it is.
type breaker struct {
	now   func() time.Time
	probe chan struct{} // holds one token: the right to try unproven credentials

	mu       sync.Mutex
	proven   bool
	refusals int // since the last success
	all      pause
	calls    map[string]pause
}

// pause is how long nothing is sent, and why.
type pause struct {
	until time.Time
	cause error
}

// pausedError is what a call gets while nothing is sent.
type pausedError struct {
	left  time.Duration
	cause error
}

func (e *pausedError) Error() string {
	return fmt.Sprintf("%v, the credentials were refused, next try in %s so that the account is not locked: %v", errNotSent, e.left.Round(time.Second), e.cause)
}

// Summary is Error without the time that is left.
func (e *pausedError) Summary() string {
	return fmt.Sprintf("%v, the credentials were refused: %s", errNotSent, Summary(e.cause))
}

func (e *pausedError) Unwrap() []error { return []error{errNotSent, e.cause} }

func newBreaker(now func() time.Time) *breaker {
	return &breaker{now: now, probe: make(chan struct{}, 1), calls: map[string]pause{}}
}

// enter waits for the right to send a call. The function it returns must be called with the result of the call.
func (b *breaker) enter(ctx context.Context, call string) (func(error), error) {
	proven, err := b.state(call)
	if err != nil {
		return nil, err
	}
	if proven {
		return func(err error) { b.leave(attempt{call: call, proven: true}, err) }, nil
	}
	select {
	case b.probe <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w, waiting for the credentials to be proven: %w", errNotSent, ctx.Err())
	}
	if _, err := b.state(call); err != nil { // the probe before this one may have been refused
		<-b.probe
		return nil, err
	}
	return func(err error) {
		b.leave(attempt{call: call}, err)
		<-b.probe
	}, nil
}

// state reports whether the credentials have worked, or why the call must not be sent now.
func (b *breaker) state(call string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range []pause{b.all, b.calls[call]} {
		if left := p.until.Sub(b.now()); left > 0 {
			return false, &pausedError{left, p.cause}
		}
	}
	return b.proven, nil
}

// maxRefusals is how many refusals in a row may say that a policy lacks a call. The account is locked at the fourth.
const maxRefusals = 2

// attempt is a call that was sent.
type attempt struct {
	call string
	// proven is whether the credentials had worked when it was sent: calls that were on their way together are refused
	// together, and the second refusal says no more than the first.
	proven bool
}

// leave takes the result of a call.
func (b *breaker) leave(sent attempt, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.proven, b.refusals = true, 0
		b.all = pause{}
		delete(b.calls, sent.call)
	case IsUnauthorized(err):
		b.refusals++
		refused := pause{b.now().Add(time.Duration(min(b.refusals, 10)) * time.Minute), err}
		b.calls[sent.call] = refused
		if !sent.proven || b.refusals > maxRefusals {
			b.all = refused
		}
		b.proven = false
	}
}
