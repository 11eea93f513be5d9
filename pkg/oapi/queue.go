package oapi

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// class is how soon a call must leave when several wait for the rate limit.
type class int

const (
	// classUrgent is for deletions, for the reads that they wait for, and for all that is rare.
	classUrgent class = iota
	// classTag is for tags: without OscK8sNodeName the CCM deletes a Node as soon as it registers.
	classTag
	// classLaunch is for launches: they come in bursts, and a VM that comes later costs time only. So it is for consoles:
	// one that comes too late costs a diagnosis, and must not keep VMs alive.
	classLaunch
	classCount
)

func (c class) String() string { return [classCount]string{"urgent", "tag", "launch"}[c] }

func classOf(call string) class {
	switch call {
	case "CreateVms", "ReadConsoleOutput":
		return classLaunch
	case "CreateTags":
		return classTag
	default:
		return classUrgent
	}
}

// patience is how many turns in a row a class leaves to the ones before it. One turn of five keeps launches going when
// urgent calls never end.
const patience = 4

// queue hands out the turns of one rate limit by class, and in the order of arrival within a class. The limiter alone
// knows one order for all calls, in which a deletion waits for each launch of a burst; and it refuses a call at once
// when its turn would come after its deadline, though the queue may be shorter by then.
type queue struct {
	limiter *rate.Limiter

	mu      sync.Mutex
	waiting [classCount][]chan struct{}
	// skipped counts the turns that went to other classes since a class that waits had its last.
	skipped [classCount]int
	// due is set while a turn has been taken from the limiter and is given away at its time, to whoever is first by then.
	due bool
}

func newQueue(limiter *rate.Limiter) *queue { return &queue{limiter: limiter} }

// wait returns when it is the caller's turn, or with the end of the context.
func (q *queue) wait(ctx context.Context, of class) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn := make(chan struct{})
	q.mu.Lock()
	q.waiting[of] = append(q.waiting[of], turn)
	q.serve()
	q.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		q.leave(of, turn)
		return ctx.Err()
	}
}

// leave takes a caller out that waits no longer. A turn that it got at the same moment goes to the next one.
func (q *queue) leave(of class, turn chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting[of], turn); i >= 0 {
		q.waiting[of] = slices.Delete(q.waiting[of], i, i+1)
	} else {
		q.give()
	}
}

// pass gives a turn that a caller does not use to the next one.
func (q *queue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.give()
}

// serve gives the turns away that the limit has, and comes back for the next one. The lock is held.
func (q *queue) serve() {
	for !q.due && q.isAwaited() {
		delay := q.limiter.Reserve().Delay()
		if delay == 0 {
			q.give()
			continue
		}
		q.due = true
		time.AfterFunc(delay, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.due = false
			q.give()
			q.serve()
		})
	}
}

func (q *queue) isAwaited() bool {
	return slices.ContainsFunc(q.waiting[:], func(turns []chan struct{}) bool { return len(turns) > 0 })
}

// give gives one turn away, if any caller is left that waits for it. The lock is held.
func (q *queue) give() {
	next := class(-1)
	for of := range classCount {
		switch {
		case len(q.waiting[of]) == 0:
			q.skipped[of] = 0
		case next < 0, q.skipped[of] >= patience && q.skipped[next] < patience:
			next = of
		}
	}
	if next < 0 {
		return
	}
	for of := range classCount {
		if len(q.waiting[of]) > 0 {
			q.skipped[of]++
		}
	}
	q.skipped[next] = 0
	close(q.waiting[next][0])
	q.waiting[next] = q.waiting[next][1:]
}
