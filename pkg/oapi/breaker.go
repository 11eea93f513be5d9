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
// one call only, and the next other call shows which of the two it is. Of credentials that have not worked yet, ReadVms
// shows it: without that call the controller can do nothing, so that no policy lacks it.
type breaker struct {
	now func() time.Time
	// witness is the call that goes out after the first refusal of another one, whatever is paused.
	witness string
	probe   chan struct{} // holds one token: the right to try unproven credentials

	mu       sync.Mutex
	proven   bool
	worked   bool // a call of this process has succeeded
	refusals int  // since the last success
	all      pause
	calls    map[string]pause
	// note hears what a later process must know. It is called with the lock held, so that the last change is the last that
	// it hears of. After a success it hears nothing: what is refused then is most likely a call that the policy lacks.
	note func(Refusals)
}

// lockedAt is how many refused signatures in a row lock the account (SDK api/openapi.yaml, "Authentication Schemes").
const lockedAt = 4

// Refusals is how often in a row Outscale refused the credentials as a whole, and when it last did. The zero value is
// that of credentials that work, or were never tried.
type Refusals struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
}

// Until is when the credentials may be tried again: after a minute, then 2, up to 10.
func (r Refusals) Until() time.Time {
	return r.Last.Add(time.Duration(min(r.Count, 10)) * time.Minute)
}

// Left is how many more refusals lock the account, 0 where they may have locked it already.
func (r Refusals) Left() int { return max(0, lockedAt-r.Count) }

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

func newBreaker(options Options) *breaker {
	return &breaker{
		now: options.Now, witness: options.Witness,
		probe: make(chan struct{}, 1), calls: map[string]pause{}, note: func(Refusals) {},
	}
}

// enter waits for the right to send a call, and turn for its share of the rate limit: the one that a call had when it came
// is over once it has waited for another call. Else all that waited behind a slow first call would leave together. The
// function it returns must be called with the result of the call.
func (b *breaker) enter(ctx context.Context, call string, turn func() error) (func(error), error) {
	proven, err := b.state(call)
	if err != nil {
		return nil, err
	}
	if proven {
		return func(err error) { b.leave(attempt{call: call, proven: true}, err) }, nil
	}
	select {
	case b.probe <- struct{}{}:
	default:
		if err := b.await(ctx, turn); err != nil {
			return nil, err
		}
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

// await waits for the probe, and then for a turn.
func (b *breaker) await(ctx context.Context, turn func() error) error {
	select {
	case b.probe <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w, waiting for the credentials to be proven: %w", errNotSent, ctx.Err())
	}
	if err := turn(); err != nil {
		<-b.probe
		return err
	}
	return nil
}

// state reports whether the credentials have worked, or why the call must not be sent now.
func (b *breaker) state(call string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range []pause{b.all, b.calls[call]} {
		if call == b.witness && b.refusals == 1 && b.calls[call].cause == nil {
			break // it has not been refused: it proves the credentials, or is the second refusal of four
		}
		if left := p.until.Sub(b.now()); left > 0 {
			return false, &pausedError{left, p.cause}
		}
	}
	return b.proven, nil
}

// paused is 1 while no call at all is sent.
func (b *breaker) paused() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now().Before(b.all.until) {
		return 1
	}
	return 0
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
		if !b.worked {
			b.note(Refusals{})
		}
		b.proven, b.worked, b.refusals = true, true, 0
		b.all = pause{}
		delete(b.calls, sent.call)
	case IsUnauthorized(err):
		b.refusals++
		so := Refusals{Count: b.refusals, Last: b.now()}
		refused := pause{so.Until(), err}
		b.calls[sent.call] = refused
		// Credentials that have worked are most likely good, and two calls are what a policy lacks.
		if !sent.proven && !b.worked || b.refusals > maxRefusals {
			b.all = refused
			if !b.worked {
				b.note(so)
			}
		}
		b.proven = false
	}
}
