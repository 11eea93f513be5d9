//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestChaos walks at random over faults on a whole cluster while pods come and go. It is the slow form of test/chaos:
// fewer faults, but a real API server, real processes and real time. CHAOS_SEED=n walks the way of a run that was red.
func TestChaos(t *testing.T) {
	const steps, pods = 8, 6
	seed := chaosSeed(t)
	t.Logf("CHAOS_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	w := start(t, sandbox.Options{})
	w.run(2)
	foreign := w.fixtures()
	for step := range steps {
		replicas, trouble := random.IntN(pods+1), troubles()[random.IntN(len(troubles()))]
		t.Logf("step %d: %d pods, %s", step, replicas, trouble.name)
		trouble.strike(w, random)
		w.scale(replicas)
		until := time.Now().Add(time.Duration(3+random.IntN(6)) * time.Second)
		w.holds("VMs of others stay", until, func(context.Context) error { return w.sameFixtures(foreign) })
	}
	w.Region.ClearFaults()
	w.scale(pods)
	// A refused key is tried again after minutes only, and a VM that died at its start is replaced a minute later.
	w.within("6 pods running", 2*patience, w.PodsRun(pods))
	w.oneVMEach()
	w.must(w.sameFixtures(foreign))
	w.empty()
}

func chaosSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("CHAOS_SEED")
	if text == "" {
		return rand.Uint64N(10_000)
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("CHAOS_SEED: %v", err)
	}
	return seed
}

type trouble struct {
	name   string
	strike func(*world, *rand.Rand)
}

func troubles() []trouble {
	out := []trouble{
		{"the controller is killed", func(w *world, _ *rand.Rand) { w.restart() }},
		{"a VM loses its tags", func(w *world, random *rand.Rand) { w.victimOf(random, func(id string) { w.Region.StripTags(id) }) }},
		{"a VM is terminated from outside", func(w *world, random *rand.Rand) { w.victimOf(random, func(id string) { w.Region.KillVM(id) }) }},
		{"the host of a VM fails", func(w *world, random *rand.Rand) { w.victimOf(random, func(id string) { w.Region.FailHost(id) }) }},
	}
	for _, fault := range faults() {
		out = append(out, trouble{fault.name, func(w *world, _ *rand.Rand) { w.fault(fault.Fault) }})
	}
	return out
}

type namedFault struct {
	name string
	oapitest.Fault
}

// faults is a list, since a seed must name the same walk each time.
func faults() []namedFault {
	return []namedFault{
		{"answers of CreateVms are lost", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultLostReply, Times: 4}},
		{"CreateVms fails after its effect", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorAfter, Times: 3}},
		{"the account is throttled", oapitest.Fault{Call: "*", Kind: oapitest.FaultThrottle, Probability: 0.6, For: 6 * time.Second}},
		{"no call is answered", oapitest.Fault{Call: "*", Kind: oapitest.FaultErrorBefore, For: 6 * time.Second}},
		{"the key is refused", oapitest.Fault{Call: "*", Kind: oapitest.FaultError, Code: "4", Status: 401, Times: 2}},
		{"new VMs appear late", oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 8 * time.Second, For: 10 * time.Second}},
		{"tags of launches are lost", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultTagsStripped, Times: 2}},
		{"pages are short", oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultPartialPages, PageSize: 2, For: 10 * time.Second}},
		{"everything is sold out", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultError, Code: "10001", Status: 400, Times: 5}},
	}
}

// victimOf picks one of the cluster's VMs, if it has any.
func (w *world) victimOf(random *rand.Rand, strike func(id string)) {
	w.t.Helper()
	if vms := w.state().VMs; len(vms) > 0 {
		strike(vms[random.IntN(len(vms))].ID)
	}
}

// fixtures are the VMs of the account that are not the cluster's, with their states.
func (w *world) fixtures() map[string]string {
	out := map[string]string{}
	for _, vm := range w.Region.VMs() {
		if vm.Fixture {
			out[vm.ID] = vm.State
		}
	}
	return out
}

func (w *world) sameFixtures(before map[string]string) error {
	var err error
	now := w.fixtures()
	for id, state := range before {
		if now[id] != state {
			err = errors.Join(err, fmt.Errorf("VM %s, which is not ours, is %q and was %q", id, now[id], state))
		}
	}
	return err
}
