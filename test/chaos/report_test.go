package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// total adds the figures of many walks.
type total struct {
	mu     sync.Mutex
	seeds  int
	failed int
	figures
}

func newTotal() *total {
	return &total{figures: figures{faults: map[string]int{}, events: map[string]int{}}}
}

func (s *total) add(f figures, failed bool) { //nolint:revive // what has happened
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seeds++
	if failed {
		s.failed++
	}
	for name, n := range f.faults {
		s.faults[name] += n
	}
	for name, n := range f.events {
		s.events[name] += n
	}
	s.calls += f.calls
	s.launches += f.launches
	s.adoptions += f.adoptions
	s.leaks += f.leaks
	s.claims += f.claims
	s.duplicates += f.duplicates
	s.deletions += f.deletions
	s.wrongOnes += f.wrongOnes
	s.reboots += f.reboots
	s.repairs += f.repairs
	s.recoveries = append(s.recoveries, f.recoveries...)
}

func (s *total) print(t *testing.T) {
	t.Helper()
	struck := 0
	var kinds strings.Builder
	for _, f := range faults() {
		struck += s.faults[f.name]
		fmt.Fprintf(&kinds, "  %6d  %s\n", s.faults[f.name], f.name)
	}
	slices.Sort(s.recoveries)
	at := func(share float64) time.Duration {
		if len(s.recoveries) == 0 {
			return 0
		}
		return s.recoveries[int(share*float64(len(s.recoveries)-1))]
	}
	var said strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(s.events)) {
		fmt.Fprintf(&said, "  %6d  %s\n", s.events[reason], reason)
	}
	t.Logf(`%d seeds, %d failed
faults %d of %d kinds:
%sNodeClaims with a VM %d, VMs launched %d (%d more than one for each NodeClaim), calls %d
adoptions %d, reboots %d, repairs by replacement %d, DeleteVms %d
leaks %d, wrong deletions %d
time to recover: p50 %s, p95 %s, max %s
events:
%s`, s.seeds, s.failed, struck, len(faults()), kinds.String(), s.claims, s.launches, s.duplicates, s.calls, s.adoptions, s.reboots, s.repairs,
		s.deletions, s.leaks, s.wrongOnes, at(0.5), at(0.95), at(1), said.String())
}
