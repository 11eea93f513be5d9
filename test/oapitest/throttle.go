package oapitest

import (
	"math"

	"golang.org/x/time/rate"
)

// throttles are the token buckets of the account, filled by the clock of the region.
type throttles struct {
	limits            Limits
	platform, account *rate.Limiter
	calls             map[string]*rate.Limiter
}

func newThrottles(limits Limits) throttles {
	return throttles{
		limits:   limits,
		platform: bucket(limits.PlatformRPS, limits.Burst),
		account:  bucket(limits.AccountRPS, limits.Burst),
		calls:    map[string]*rate.Limiter{},
	}
}

func bucket(perSecond float64, burst int) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	if burst == 0 {
		burst = int(math.Ceil(perSecond))
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// admit takes a token from each bucket that the call drinks from.
func (r *Region) admit(c *call, a action) error {
	r.lock()
	defer r.unlock()
	now := r.Clock.Now()
	if !r.throttle.platform.AllowN(now, 1) {
		return r.throttled("6", "the platform is overloaded")
	}
	if a.public {
		return nil
	}
	if !r.throttle.account.AllowN(now, 1) {
		return r.throttled("24", "the account sends too many requests")
	}
	if !r.throttle.of(c.name).AllowN(now, 1) {
		return r.throttled("25", "the account sends too many "+c.name+" requests")
	}
	return nil
}

func (t *throttles) of(name string) *rate.Limiter {
	limiter, ok := t.calls[name]
	if !ok {
		perSecond, own := t.limits.Calls[name]
		if !own {
			perSecond = t.limits.CallRPS
		}
		limiter = bucket(perSecond, t.limits.Burst)
		t.calls[name] = limiter
	}
	return limiter
}

func (r *Region) throttled(code, details string) error {
	e := fail(code, "%s", details)
	e.retryAfter = r.Limits.RetryAfter
	return e
}

// SetLimits replaces the throttles, with full buckets.
func (r *Region) SetLimits(limits Limits) {
	r.lock()
	defer r.unlock()
	r.Limits = limits
	r.throttle = newThrottles(limits)
}
