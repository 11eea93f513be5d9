package bench

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

const (
	// latency is about what a call of the API takes from a VM in the region.
	latency = 100 * time.Millisecond
	// defaultRate is the controller's own limit of calls a second.
	defaultRate = 5
	// steady is the time without changes over which reads are counted, once the nodes are older than that: the tags of
	// younger ones are checked more often.
	steady   = time.Minute
	patience = 10 * time.Minute
)

// BenchmarkScale scales from nothing to n nodes, one pod on each, and back. With the default rate limit it looks on for
// two minutes in between.
func BenchmarkScale(b *testing.B) {
	log.SetLogger(klog.Logger{}) // the cache that watches NodeClaims would complain of having none
	var results []result
	for _, rate := range []float64{defaultRate, 100} {
		for _, nodes := range []int{3, 12, 100} {
			b.Run(fmt.Sprintf("rate=%v/nodes=%d", rate, nodes), func(b *testing.B) {
				for b.Loop() {
					r := measure(b, rate, nodes)
					r.report(b)
					results = append(results, r)
				}
			})
		}
	}
	writeTables(os.Stdout, results)
}

// result is one scale-up and scale-down.
type result struct {
	rate  float64
	nodes int
	// up, rest and down are the provider's calls by name: while scaling up, in a minute of rest (nil: not looked at),
	// while scaling down.
	up, rest, down map[string]int
	// stages are the durations from a NodeClaim's creation to each of its conditions, and all until the last pod ran.
	stages map[string][]time.Duration
	all    time.Duration
	// cpu is what the controller used while scaling up, and rss its peak memory in MiB.
	cpu time.Duration
	rss float64
}

func measure(b *testing.B, rate float64, nodes int) result {
	b.Helper()
	ctx := b.Context()
	s, err := sandbox.Start(ctx, sandbox.Options{
		BootDelay: time.Second, APILatency: latency, ControllerEnv: []string{fmt.Sprintf("OAPI_RATE_LIMIT=%v", rate)},
	})
	must(b, err)
	defer s.Stop()
	must(b, liftLimits(ctx, s))
	must(b, s.WaitFor(ctx, "NodePool ready", time.Minute, poolReady(s)))
	watched, err := watchClaims(ctx, s.ControlPlane.Admin)
	must(b, err)
	defer func() { must(b, watched.stop()) }()

	r := result{rate: rate, nodes: nodes}
	s.Region.ResetCounters()
	before, begin := usage(b, s.ControllerPID()), time.Now()
	must(b, s.Scale(ctx, nodes))
	must(b, s.WaitFor(ctx, "pods running", patience, s.PodsRun(nodes)))
	r.all = time.Since(begin)
	r.up = calls(s)
	after := usage(b, s.ControllerPID())
	r.cpu, r.rss = after.cpu-before.cpu, after.peak

	if rate == defaultRate {
		wait(ctx, steady)
		s.Region.ResetCounters()
		wait(ctx, steady)
		r.rest = calls(s)
	}

	s.Region.ResetCounters()
	must(b, s.Scale(ctx, 0))
	must(b, s.WaitFor(ctx, "nothing left", patience, s.NothingLeft))
	r.down = calls(s)
	r.stages = watched.durations()
	if len(r.stages[karpv1.ConditionTypeInitialized]) != nodes {
		b.Errorf("%d NodeClaims were initialized, want %d", len(r.stages[karpv1.ConditionTypeInitialized]), nodes)
	}
	return r
}

// liftLimits takes the limits from the example NodePool: Karpenter counts each planned node as the largest that it
// may become, so that a limit of 200 cores would let it plan 12 nodes at a time.
func liftLimits(ctx context.Context, s *sandbox.Sandbox) error {
	var pool karpv1.NodePool
	if err := s.Client.Get(ctx, client.ObjectKey{Name: "default"}, &pool); err != nil {
		return err
	}
	stored := pool.DeepCopy()
	pool.Spec.Limits = nil
	return s.Client.Patch(ctx, &pool, client.MergeFrom(stored))
}

func poolReady(s *sandbox.Sandbox) func(context.Context) error {
	return func(ctx context.Context) error {
		var pool karpv1.NodePool
		if err := s.Client.Get(ctx, client.ObjectKey{Name: "default"}, &pool); err != nil {
			return err
		}
		if ready := pool.StatusConditions().Root(); !ready.IsTrue() {
			return fmt.Errorf("NodePool: %s", ready.Message)
		}
		return nil
	}
}

// wait lets a cluster be.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// calls counts what the provider asked since the counters were reset.
func calls(s *sandbox.Sandbox) map[string]int {
	count := map[string]int{}
	for _, call := range s.ProviderCalls() {
		count[call.Name]++
	}
	return count
}

func total(count map[string]int) int {
	sum := 0
	for n := range maps.Values(count) {
		sum += n
	}
	return sum
}

// p50 and most are of an unsorted list.
func p50(of []time.Duration) time.Duration {
	if len(of) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(of))[(len(of)-1)/2]
}

func most(of []time.Duration) time.Duration {
	if len(of) == 0 {
		return 0
	}
	return slices.Max(of)
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
