// Package oapi is the Outscale API client made safe: one rate limit, retries, errors by code, and no account lock-out.
package oapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Options bound what a client may do to the account. The defaults are those of Outscale's own tools.
type Options struct {
	// UserAgent names the program in the account's API log.
	UserAgent string
	// RateLimit is in calls per second, shared by all calls of the client: deletions and reads go before tags, and those
	// before launches.
	RateLimit float64
	// Retries is how often a call is repeated after a throttle, a 5xx or a lost reply.
	Retries int
	// RetryWait is the pause before the first repetition; it doubles up to MaxRetryWait, with jitter.
	RetryWait, MaxRetryWait time.Duration
	// Timeout bounds each single attempt: the SDK has none.
	Timeout time.Duration
	// Now is the clock of the pauses after refused credentials.
	Now func() time.Time
	// Witness is a call that every policy allows. It goes out after the first refusal of another one, and shows whether the
	// policy lacks that call or the credentials are wrong. Without one, the first refusal pauses everything.
	Witness string
	// DryRun keeps back every call that is not a read, with a PlanError.
	DryRun bool
	// Refused is what earlier processes learned of the credentials. OnRefused hears what this one learns: the zero value
	// when they work. A short-lived process needs both, because each start of it would cost the account a refusal.
	Refused   Refusals
	OnRefused func(Refusals)
}

// DefaultOptions returns the limits that Outscale documents for its own tools: 5 calls/s, 5 retries of 1 to 30 s.
func DefaultOptions(userAgent string) Options {
	return Options{
		UserAgent: userAgent, RateLimit: 5, Retries: 5,
		RetryWait: time.Second, MaxRetryWait: 30 * time.Second, Timeout: 30 * time.Second, Now: time.Now, Witness: "ReadVms",
	}
}

// Client calls the Outscale API. Every method waits for its turn under the rate limit, repeats what can be repeated,
// and returns an *Error.
type Client struct {
	sdk         *osc.APIClient
	credentials any // osc.AWSv4, or nil: then nothing is signed
	options     Options
	queue       *queue
	breaker     *breaker
	metrics     *metrics
}

// New returns a client for the account of the credentials. Its metrics are registered at registerer.
func New(sdk *osc.Configuration, credentials osc.AWSv4, options Options, registerer prometheus.Registerer) (*Client, error) {
	switch {
	case credentials.AccessKey == "" || credentials.SecretKey == "":
		return nil, errors.New("no Outscale credentials: set OSC_ACCESS_KEY and OSC_SECRET_KEY, or OSC_PROFILE with ~/.osc/config.json")
	case options.RateLimit <= 0:
		return nil, fmt.Errorf("OAPI rate limit %v: want more than 0 calls per second", options.RateLimit)
	}
	b := newBreaker(options)
	m, err := newMetrics(registerer, b)
	if err != nil {
		return nil, err
	}
	b.refusals = options.Refused.Count
	if options.OnRefused != nil {
		b.note = options.OnRefused
	}
	configuration := *sdk
	configuration.UserAgent = options.UserAgent
	return &Client{
		sdk:         osc.NewAPIClient(&configuration),
		credentials: credentials,
		options:     options,
		queue:       newQueue(rate.NewLimiter(rate.Limit(options.RateLimit), burst(options.RateLimit))),
		breaker:     b,
		metrics:     m,
	}, nil
}

// unsigned returns the client for calls that need no credentials, and that bad ones therefore cannot keep back.
func (c *Client) unsigned() *Client {
	public := *c
	public.credentials, public.breaker = nil, newBreaker(Options{Now: c.breaker.now})
	return &public
}

// burst is how many calls may go out at once: fewer than the four that lock the account when a key is revoked between
// two calls.
func burst(rateLimit float64) int { return min(3, max(1, int(rateLimit/2))) }

// maxRetryAfter is the longest pause that an answer can ask for: a caller without a deadline must not be lost for hours.
const maxRetryAfter = 5 * time.Minute

// call repeats an SDK call until it succeeds, cannot succeed, or the retries are used up. It is for calls that can be
// repeated: reads, and writes with a client token or an idempotent effect.
func call[R any](ctx context.Context, c *Client, name string, do func(context.Context) (R, *http.Response, error)) (R, error) {
	return callWhile(ctx, c, name, IsRetryable, do)
}

// callWhile is call for the errors that again accepts. Each attempt goes through the SDK again, because that signs it
// anew: a signature is valid for minutes only.
func callWhile[R any](ctx context.Context, c *Client, name string, again func(error) bool,
	do func(context.Context) (R, *http.Response, error),
) (R, error) {
	if err := c.keptBack(ctx, name); err != nil {
		var none R
		return none, err
	}
	wait := c.options.RetryWait
	var lost error // of the last attempt that may have had its effect
	for attempt := 0; ; attempt++ {
		result, err := once(ctx, c, name, do)
		if lost != nil && IsNotSent(err) {
			return result, lost // what was kept back now says nothing of what was sent before
		}
		if IsOutcomeUnknown(err) {
			lost = err
		}
		if err == nil || attempt >= c.options.Retries || !again(err) {
			return result, err
		}
		// Between half and all of the pause, so that callers throttled together do not come back together.
		pause := max(wait/2+rand.N(wait/2+1), min(retryAfter(err), maxRetryAfter)) //nolint:gosec // jitter needs no cryptography
		wait = min(2*wait, c.options.MaxRetryWait)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return result, err
		}
	}
}

type beforeSend struct{}

// BeforeSend returns a context whose calls ask check when the rate limit lets them go, at each attempt. Its error keeps
// the call back: what was true when a call began to wait may not be true any more.
func BeforeSend(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, beforeSend{}, check)
}

// once makes one attempt.
func once[R any](ctx context.Context, c *Client, name string, do func(context.Context) (R, *http.Response, error)) (R, error) {
	var none R
	var waited time.Duration
	turn := func() error {
		began := time.Now()
		defer func() { waited += time.Since(began) }()
		return c.turn(ctx, name)
	}
	if err := turn(); err != nil {
		return none, &Error{Call: name, cause: err}
	}
	// The breaker comes last: a call that waited for its turn must not be sent when the one before it was refused.
	leave, err := c.breaker.enter(ctx, name, turn)
	if err != nil {
		return none, &Error{Call: name, cause: err}
	}
	c.metrics.waited(classOf(name), waited)
	started := time.Now()
	signed, cancel := context.WithTimeout(context.WithValue(ctx, osc.ContextAWSv4, c.credentials), c.options.Timeout)
	defer cancel()
	result, response, err := do(signed) //nolint:bodyclose // the SDK has read and closed it
	if err != nil && response != nil && response.StatusCode == http.StatusOK {
		result, err = decode[R](err)
	}
	err = classify(name, response, err)
	c.metrics.called(name, err, time.Since(started))
	leave(err)
	return result, err
}

// turn waits for the rate limit, and asks then whether the call is still wanted.
func (c *Client) turn(ctx context.Context, name string) error {
	if err := c.queue.wait(ctx, classOf(name)); err != nil {
		return fmt.Errorf("%w, waiting for the rate limit: %w", errNotSent, err)
	}
	if check, ok := ctx.Value(beforeSend{}).(func() error); ok {
		if err := check(); err != nil {
			c.queue.pass()
			return fmt.Errorf("%w: %w", errNotSent, err)
		}
	}
	return nil
}
