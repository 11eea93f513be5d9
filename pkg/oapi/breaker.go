package oapi

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// breaker keeps bad credentials from locking the account: Outscale locks it for minutes after four refused signatures
// (SDK api/openapi.yaml, "Authentication Schemes"). After a refusal nothing is sent for a while, and until a
// call has succeeded they go out one at a time, so that a start with a wrong key costs one refusal and not five.
type breaker struct {
	now   func() time.Time
	probe chan struct{} // holds one token: the right to try unproven credentials

	mu       sync.Mutex
	proven   bool
	refusals int
	last     error
	until    time.Time
}

func newBreaker(now func() time.Time) *breaker {
	return &breaker{now: now, probe: make(chan struct{}, 1)}
}

// enter waits for the right to send a call. The function it returns must be called with the result of the call.
func (b *breaker) enter(ctx context.Context) (func(error), error) {
	if b.isProven() {
		return b.leave, nil
	}
	select {
	case b.probe <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w, waiting for the credentials to be proven: %w", errNotSent, ctx.Err())
	}
	if err := b.refusal(); err != nil {
		<-b.probe
		return nil, err
	}
	return func(err error) {
		b.leave(err)
		<-b.probe
	}, nil
}

func (b *breaker) isProven() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.proven
}

// refusal is the reason not to send anything now.
func (b *breaker) refusal() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := b.until.Sub(b.now()); left > 0 {
		return fmt.Errorf("%w, the credentials were refused, next try in %s so that the account is not locked: %w", errNotSent, left.Round(time.Second), b.last)
	}
	return nil
}

func (b *breaker) leave(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.proven, b.refusals = true, 0
	case IsUnauthorized(err):
		b.refusals++
		b.proven, b.last = false, err
		b.until = b.now().Add(time.Duration(min(b.refusals, 10)) * time.Minute)
	}
}
