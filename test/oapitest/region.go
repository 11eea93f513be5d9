// Package oapitest is an Outscale region as an http.Handler: the test double of the cloud.
package oapitest

import (
	"log/slog"
	"math/rand"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Region is one emulated Outscale region with one account and a small Talos cluster in it; the zero value is usable.
type Region struct {
	// Name is the name of the region; eu-west-2 if empty.
	Name string
	// ClusterID is the cluster that the control plane in the region carries in its tags.
	ClusterID string
	// Subregions is the number of subregions, one to three.
	Subregions int
	// Clock drives every state of the region; the wall clock if nil.
	Clock clock.WithDelayedExecution
	// AccessKey and SecretKey are the only credentials that the account has.
	AccessKey, SecretKey string
	// Seed makes ids and random faults repeat.
	Seed int64
	// Timings says how long the transitions of a VM take.
	Timings Timings
	// Limits are the throttles of the account.
	Limits Limits
	// Quotas are the quotas of the account.
	Quotas Quotas
	// Uncertain picks among the behaviours that have not been seen on a real account.
	Uncertain Uncertain
	// ContractViolation hears of each answer that breaks the OpenAPI file; nil only logs it.
	ContractViolation func(error)
	// TrustsItself leaves out the check of its own answers against the OpenAPI file, for tests that make very many calls and
	// leave that check to others. Requests are always checked.
	TrustsItself bool
	// Log hears of each call; nil discards.
	Log *slog.Logger

	once    sync.Once
	mu      sync.Mutex
	rand    *rand.Rand
	actions map[string]action
	changed chan struct{}
	dirty   bool
	timer   clock.Timer
	due     time.Time

	world    world
	fixture  Fixture
	machines []*vm
	byID     map[string]*vm
	tokens   map[string]*launch
	volumes  []*volume
	gpus     []*gpu
	history  []stopRecord
	used     map[string]bool
	sequence int

	quotas   map[string]int
	capacity []*capacityRule
	servers  map[string]int
	faults   []*activeFault
	struck   map[FaultKind]int
	throttle throttles
	lockouts map[string]*lockout
	journal  journal
}

// Timings are the durations of the region; a zero takes the default.
type Timings struct {
	// Boot is the time from pending to running.
	Boot time.Duration
	// Stop is the time a guest takes to stop when asked politely.
	Stop time.Duration
	// ForceStop is the time to stop without asking the guest.
	ForceStop time.Duration
	// Reboot is the time from the call until the guest starts anew; the VM stays running.
	Reboot time.Duration
	// Terminate is the time from shutting-down to terminated.
	Terminate time.Duration
	// Linger is the time that a terminated VM stays listed.
	Linger time.Duration
	// Latency is added to each call.
	Latency time.Duration
}

// Limits are call rates per second; zero is unlimited.
type Limits struct {
	// PlatformRPS bounds all calls (503, code 6).
	PlatformRPS float64
	// AccountRPS bounds the calls of the account (429, code 24).
	AccountRPS float64
	// CallRPS bounds each call of the account (429, code 25).
	CallRPS float64
	// Calls overrides CallRPS for some calls.
	Calls map[string]float64
	// Burst is the size of each bucket; the rate rounded up if zero.
	Burst int
	// RetryAfter is sent as a header with each throttle if positive.
	RetryAfter time.Duration
}

// Quotas bound the account; zero is unlimited.
type Quotas struct {
	VMs, Cores, MemoryGiB, GPUs int
}

// Uncertain picks among behaviours that the facts mark as unproven.
type Uncertain struct {
	// SectionIgnored leaves the tags of an OUTSCALE section unset.
	SectionIgnored bool
	// TokenReuseReplays answers a known ClientToken with its VM even if the parameters differ.
	TokenReuseReplays bool
	// TagsFilterAll makes the Tags filter require all its values rather than any.
	TagsFilterAll bool
	// HostStops makes HostAction stop, instead of restart, what a VM gets that names none: one real VM had it.
	HostStops bool
	// ForceStopEndsShutdown lets StopVms with ForceStop end a VM that is shutting down, instead of refusing it with 6003.
	ForceStopEndsShutdown bool
	// Status overrides the HTTP status of an error code, for example "10001": 409.
	Status map[string]int
}

const (
	defaultRegion    = "eu-west-2"
	defaultClusterID = "talos-cluster"
	defaultAccessKey = "OAPITESTACCESSKEY000"
	defaultSecretKey = "OAPITESTSECRETKEY00000000000000000000000"
	accountID        = "123456789012"
)

func (r *Region) setup() {
	r.defaults()
	r.rand = rand.New(rand.NewSource(r.Seed)) //nolint:gosec // repeatable ids, not secrets
	r.actions = actions()
	r.changed = make(chan struct{})
	r.byID = map[string]*vm{}
	r.tokens = map[string]*launch{}
	r.used = map[string]bool{}
	r.lockouts = map[string]*lockout{}
	r.struck = map[FaultKind]int{}
	r.quotas = map[string]int{
		quotaVMs: r.Quotas.VMs, quotaCores: r.Quotas.Cores, quotaMemory: r.Quotas.MemoryGiB, quotaGPUs: r.Quotas.GPUs,
	}
	r.journal = newJournal()
	r.throttle = newThrottles(r.Limits)
	r.populate()
}

func (r *Region) defaults() {
	orString(&r.Name, defaultRegion)
	orString(&r.ClusterID, defaultClusterID)
	orString(&r.AccessKey, defaultAccessKey)
	orString(&r.SecretKey, defaultSecretKey)
	if r.Subregions < 1 || r.Subregions > 3 {
		r.Subregions = 2
	}
	if r.Clock == nil {
		r.Clock = clock.RealClock{}
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	orDuration(&r.Timings.Boot, 2*time.Second)
	orDuration(&r.Timings.Stop, 2*time.Second)
	orDuration(&r.Timings.ForceStop, 500*time.Millisecond)
	orDuration(&r.Timings.Reboot, 500*time.Millisecond)
	orDuration(&r.Timings.Terminate, 2*time.Second)
	orDuration(&r.Timings.Linger, time.Hour)
}

func orString(value *string, fallback string) {
	if *value == "" {
		*value = fallback
	}
}

func orDuration(value *time.Duration, fallback time.Duration) {
	if *value == 0 {
		*value = fallback
	}
}

// lock gives the caller the region as it is at this instant; the caller unlocks it.
func (r *Region) lock() {
	r.once.Do(r.setup)
	r.mu.Lock()
	r.settle(r.Clock.Now())
}

// unlock tells the waiters of Changed what happened and sets the timer of the next transition.
func (r *Region) unlock() {
	defer r.mu.Unlock()
	if r.dirty {
		r.dirty = false
		close(r.changed)
		r.changed = make(chan struct{})
	}
	r.arm()
}

func (r *Region) arm() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	if r.due.IsZero() {
		return
	}
	// The clock may call back while it holds its own lock, hence the goroutine.
	r.timer = r.Clock.AfterFunc(max(r.due.Sub(r.Clock.Now()), 0), func() {
		go func() {
			r.lock()
			r.unlock()
		}()
	})
}
