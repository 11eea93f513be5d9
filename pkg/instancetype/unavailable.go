package instancetype

import (
	"sync"
	"time"
)

const (
	// soldOutFor is how long a type stays out of a subregion after Outscale had no room for it; it doubles with each
	// further refusal up to soldOutAtMost, and a launch that succeeds clears the memory.
	soldOutFor    = 3 * time.Minute
	soldOutAtMost = 30 * time.Minute
	// unsoldFor is how long a type that Outscale does not know stays out.
	unsoldFor = 12 * time.Hour
	// quotaFor is how long the account's quotas are taken to stay as they were read.
	quotaFor = 2 * time.Minute
)

// Room is what the account's quotas leave. A negative number means no limit.
type Room struct{ VMs, VCores, MemoryGiB int }

// unavailable remembers what cannot be launched. An entry outlives its time: then it counts as available again, and the
// next launch shows whether that is true.
type unavailable struct {
	mu      sync.Mutex
	entries map[place]*refusal
	room    Room
	roomTil time.Time
	epoch   uint64
}

// place is a type in a subregion; an empty subregion means all of them.
type place struct{ name, subregion string }

type refusal struct {
	until   time.Time
	lasted  time.Duration
	expired bool
}

func newUnavailable() *unavailable {
	return &unavailable{entries: map[place]*refusal{}}
}

func (u *unavailable) mark(p place, now time.Time, first, atMost time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.entries[p]
	switch {
	case r == nil:
		r = &refusal{lasted: first}
		u.entries[p] = r
	case !r.expired && now.Before(r.until):
		return // several launches were refused at once: that is one refusal
	default:
		r.lasted = min(2*r.lasted, atMost)
	}
	r.until, r.expired = now.Add(r.lasted), false
	u.epoch++
}

func (u *unavailable) clear(p place) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.entries[p] != nil {
		delete(u.entries, p)
		u.epoch++
	}
}

func (u *unavailable) limit(room Room, until time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.room, u.roomTil = room, until
	u.epoch++
}

// current returns the epoch after what has expired by now: it changes whenever has would answer differently.
func (u *unavailable) current(now time.Time) uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range u.entries {
		if !r.expired && !now.Before(r.until) {
			r.expired = true
			u.epoch++
		}
	}
	if !u.roomTil.IsZero() && !now.Before(u.roomTil) {
		u.roomTil = time.Time{}
		u.epoch++
	}
	return u.epoch
}

func (u *unavailable) has(t Type, subregion string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, p := range []place{{t.Name, subregion}, {t.Name, ""}} {
		if r := u.entries[p]; r != nil && now.Before(r.until) {
			return true
		}
	}
	return now.Before(u.roomTil) && !u.room.fits(t)
}

func (r Room) fits(t Type) bool {
	within := func(want, room int) bool { return room < 0 || want <= room }
	return within(1, r.VMs) && within(t.VCores, r.VCores) && within(t.MemoryGiB, r.MemoryGiB)
}
