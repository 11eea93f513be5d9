// Package availability remembers what Outscale refused to launch, and charges each refusal to the one that was at fault:
// a VM type, a subnet, the account or a NodeClass. The scheduler and the launches ask the same memory.
package availability

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

const (
	// provenFor is how long a launch that succeeded lets others of its kind go out together. Without it they go one at a
	// time, so that a shortage costs one refusal and not one for each NodeClaim.
	provenFor = 5 * time.Minute
	// patience is how long launches wait for the answer of the one before them: a reply that is lost takes minutes, and
	// must not stop the others.
	patience = 10 * time.Second
	// forgetAfter is how long a record outlives its last use: types and generations of NodeClasses come and go.
	forgetAfter = time.Hour
)

// ErrRefused is about a launch that would be refused.
var ErrRefused = errors.New("a launch of this kind was refused")

// Memory is safe for concurrent use.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	records map[Blame]*record
	// room is what the account had left when its limit was reached, less what was launched since.
	room  Room
	epoch uint64
	// listeners hear of each refusal that is charged to a NodeClass or a subnet of one.
	listeners []func(class string)
}

// record is what is known about one that can be at fault.
type record struct {
	until    time.Time     // of the refusal; zero without one
	lasted   time.Duration // of the refusal before the next doubling
	over     bool          // until has passed, and the epoch says so
	why      string
	provenAt time.Time // of the last launch that succeeded
	usedAt   time.Time
	trial    *trial
}

// trial is a launch that goes alone, because nothing is known of its kind or the last one was refused.
type trial struct {
	since time.Time
	done  chan struct{}
}

// Room is what the account's quotas leave. A negative number means no limit.
type Room struct{ VMs, VCores, MemoryGiB int }

// New returns an empty memory: everything can be had.
func New(now func() time.Time) *Memory {
	return &Memory{now: now, records: map[Blame]*record{}}
}

// Subscribe calls hear with the name of a NodeClass after each refusal that its status should show. Hear must not block.
func (m *Memory) Subscribe(hear func(class string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners = append(m.listeners, hear)
}

// Refuse charges a refusal. Launches of one kind that were refused together count as one refusal. Class is the NodeClass
// whose launch it was, which may not be at fault. It returns when the next try is.
func (m *Memory) Refuse(at Blame, class Class, why string) time.Time {
	now := m.now()
	m.mu.Lock()
	r := m.record(at, now)
	r.provenAt, r.why = time.Time{}, why
	if now.Before(r.until) {
		m.mu.Unlock()
		return r.until
	}
	first, atMost := at.backOff()
	if r.lasted == 0 {
		r.lasted = first
	} else {
		r.lasted = min(2*r.lasted, atMost)
	}
	r.until, r.over = now.Add(r.lasted), false
	m.epoch++
	until, listeners := r.until, m.listeners
	m.mu.Unlock()
	if at.Class != (Class{}) || at.Subnet != "" {
		for _, hear := range listeners {
			hear(class.Name)
		}
	}
	return until
}

// Limit charges a refusal to the account, which still has room for smaller launches.
func (m *Memory) Limit(room Room, class Class, why string) time.Time {
	m.mu.Lock()
	m.room = room
	m.epoch++
	m.mu.Unlock()
	return m.Refuse(Blame{}, class, why)
}

// Launched forgets the refusals that a launch has disproved.
func (m *Memory) Launched(l Launch) {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range l.blames() {
		r := m.record(b, now)
		if b == (Blame{}) && now.Before(r.until) {
			m.room = m.room.after(l) // it was small enough for what is left
			m.epoch++
			continue
		}
		if !r.until.IsZero() {
			m.epoch++
		}
		r.until, r.lasted, r.over, r.why, r.provenAt = time.Time{}, 0, false, "", now
	}
}

// IsRefused reports whether something that is known at this moment speaks against a launch.
func (m *Memory) IsRefused(l Launch) bool {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range l.blames() {
		if m.isRefused(b, l, now) {
			return true
		}
	}
	return false
}

func (m *Memory) isRefused(b Blame, l Launch, now time.Time) bool {
	r := m.records[b]
	if r == nil || !now.Before(r.until) {
		return false
	}
	return b != (Blame{}) || !m.room.Fits(l)
}

// OfClass returns what Outscale says of the launches of a NodeClass, and until when there is no further try. The time has
// passed when the next launch is a trial. Without a refusal both are zero.
func (m *Memory) OfClass(class Class) (why string, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.records[Blame{Class: class}]; r != nil {
		return r.why, r.until
	}
	return "", time.Time{}
}

// Epoch changes whenever IsRefused would answer differently.
func (m *Memory) Epoch() uint64 {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if !r.until.IsZero() && !r.over && !now.Before(r.until) {
			r.over = true
			m.epoch++
		}
	}
	return m.epoch
}

// Enter waits until a launch may go: alone, while nothing is known of its kind, and together with others after one that
// succeeded. The error is ErrRefused when the launch before it was refused, or the context's. The caller reports what
// became of the launch with Launched or Refuse, and calls leave after that.
func (m *Memory) Enter(ctx context.Context, l Launch) (leave func(), err error) {
	trials := map[Blame]*trial{}
	leave = func() { m.leave(trials) }
	for _, b := range l.blames() {
		taken, err := m.take(ctx, b, l)
		if err != nil {
			leave()
			return nil, err
		}
		if taken != nil {
			trials[b] = taken
		}
	}
	return leave, nil
}

// take waits for the trial of one that can be at fault, and returns none when it is proven.
func (m *Memory) take(ctx context.Context, b Blame, l Launch) (*trial, error) {
	for {
		now := m.now()
		m.mu.Lock()
		if m.isRefused(b, l, now) {
			m.mu.Unlock()
			return nil, ErrRefused
		}
		r := m.record(b, now)
		if !r.provenAt.IsZero() && now.Sub(r.provenAt) < provenFor {
			m.mu.Unlock()
			return nil, nil //nolint:nilnil // no trial is needed
		}
		before := r.trial
		// Trials are timed by the process' own clock: they wait for answers, not for the account.
		if before == nil || time.Since(before.since) >= patience {
			mine := &trial{since: time.Now(), done: make(chan struct{})}
			r.trial = mine
			m.mu.Unlock()
			return mine, nil
		}
		m.mu.Unlock()
		if err := before.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// wait ends with the trial, when its time is over, or with the context.
func (t *trial) wait(ctx context.Context) error {
	timer := time.NewTimer(time.Until(t.since.Add(patience)))
	defer timer.Stop()
	select {
	case <-t.done:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (m *Memory) leave(trials map[Blame]*trial) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for b, mine := range trials {
		if r := m.records[b]; r != nil && r.trial == mine {
			r.trial = nil
		}
		close(mine.done)
	}
}

// record returns what is known, and forgets what has not been used for an hour. An open refusal is never forgotten.
func (m *Memory) record(b Blame, now time.Time) *record {
	r := m.records[b]
	if r == nil {
		maps.DeleteFunc(m.records, func(_ Blame, old *record) bool {
			return old.trial == nil && !now.Before(old.until.Add(forgetAfter)) && now.Sub(old.usedAt) > forgetAfter
		})
		r = &record{}
		m.records[b] = r
	}
	r.usedAt = now
	return r
}

// Fits reports whether the account has room for a launch.
func (r Room) Fits(l Launch) bool {
	within := func(want, room int) bool { return room < 0 || want <= room }
	return within(1, r.VMs) && within(l.VCores, r.VCores) && within(l.MemoryGiB, r.MemoryGiB)
}

// after is what is left after a launch.
func (r Room) after(l Launch) Room {
	less := func(room, by int) int {
		if room < 0 {
			return room
		}
		return max(0, room-by)
	}
	return Room{VMs: less(r.VMs, 1), VCores: less(r.VCores, l.VCores), MemoryGiB: less(r.MemoryGiB, l.MemoryGiB)}
}
