package oapitest

import (
	"cmp"
	"slices"
	"time"
)

// activeFault is a fault with how often it was met and struck.
type activeFault struct {
	Fault

	added       time.Time
	seen, times int
}

// faultSet is what goes wrong with one call.
type faultSet struct {
	before, after                      error
	lostReply, bootFails, tagsStripped bool
	delay, staleTags, staleMachines    time.Duration
	hostFailure, slowDelete, slowReply time.Duration
	pageSize                           int
}

// drawFaults decides what goes wrong with a call; a fault that can strike no more is dropped.
func (r *Region) drawFaults(name string) faultSet {
	var set faultSet
	now := r.Clock.Now()
	r.faults = slices.DeleteFunc(r.faults, func(f *activeFault) bool { return f.over(now) })
	for _, f := range r.faults {
		if (f.Call == "*" || f.Call == name) && f.strikes(r) {
			set.add(f.Fault)
			r.struck[f.Kind]++
		}
	}
	return set
}

func (f *activeFault) over(now time.Time) bool {
	return (f.For > 0 && now.Sub(f.added) >= f.For) || (f.Times > 0 && f.times >= f.Times) || (f.Nth > 0 && f.seen >= f.Nth)
}

func (f *activeFault) strikes(r *Region) bool {
	f.seen++
	if f.Nth > 0 && f.seen != f.Nth {
		return false
	}
	if f.Probability > 0 && r.rand.Float64() >= f.Probability {
		return false
	}
	f.times++
	return true
}

func (s *faultSet) add(f Fault) {
	switch f.Kind {
	case FaultThrottle:
		s.before = f.error(cmp.Or(f.Code, "25"))
	case FaultError:
		s.before = f.error(f.Code)
	case FaultErrorBefore:
		s.before = f.error(cmp.Or(f.Code, "2000"))
	case FaultErrorAfter:
		s.after = f.error(cmp.Or(f.Code, "2000"))
	case FaultLostReply:
		s.lostReply = true
	case FaultSlowReply:
		s.slowReply += f.Delay
	case FaultDelay:
		s.delay += f.Delay
	case FaultStaleTags:
		s.staleTags = max(s.staleTags, f.Delay)
	case FaultStaleVMs:
		s.staleMachines = max(s.staleMachines, f.Delay)
	case FaultPartialPages:
		s.pageSize = f.PageSize
	case FaultHostFailure:
		s.hostFailure = f.Delay
	case FaultBootFailure:
		s.bootFails = true
	case FaultSlowDelete:
		s.slowDelete = f.Delay
	case FaultTagsStripped:
		s.tagsStripped = true
	}
}

func (f Fault) error(code string) error {
	e := fail(code, "%s", cmp.Or(f.Details, "the emulator was told to fail"))
	e.kind = cmp.Or(f.ErrorType, e.kind)
	e.status = cmp.Or(f.Status, e.status)
	e.retryAfter = f.RetryAfter
	return e
}
