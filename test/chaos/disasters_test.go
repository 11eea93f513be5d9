package chaos

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// inWorld runs a test in a world with so many nodes that work.
func inWorld(t *testing.T, nodes int, run func(w *world)) {
	t.Helper()
	outside, stop := outsideOfBubbles()
	defer stop()
	worker := workerconfig.Secret(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, outside, worker)
		defer w.end()
		w.want = nodes
		if wrong := w.settle(); len(wrong) > 0 {
			t.Errorf("%q\n%s", wrong, w.story())
			return
		}
		w.say("DISASTER")
		run(w)
		if wrong := w.judge.verdict(); len(wrong) > 0 {
			t.Errorf("%q", wrong)
		}
		if t.Failed() {
			t.Log(w.story())
		}
	})
}

// names are the NodeClaims that live.
func (w *world) names() []string {
	var out []string
	for _, claim := range w.ours() {
		if claim.DeletionTimestamp.IsZero() {
			out = append(out, claim.Name)
		}
	}
	return out
}

// wantSame wants each NodeClaim of before to be there still, and all to be well.
func (w *world) wantSame(before []string) {
	w.t.Helper()
	if after := w.names(); !slices.Equal(before, after) {
		w.t.Errorf("NodeClaims %v, were %v", after, before)
	}
	if problems := w.judge.problems(); len(problems) > 0 {
		w.t.Errorf("not well: %q", problems)
	}
}

func (w *world) each(do func(v oapitest.VM)) {
	for _, v := range w.region.VMs() {
		if w.judge.ownerOf(v.ID) != "" {
			do(v)
		}
	}
}

// The guide's first disaster: the VMs lacked the tags that say whose they are, a provider listed none of them, and
// Karpenter's garbage collection deleted the whole fleet. Here all tags are lost at once, a new process knows nothing, and
// the kubelets are silent, so that no Node that is Ready holds core back.
func TestTheGarbageCollectionThatDeletedTheFleet(t *testing.T) {
	inWorld(t, 6, func(w *world) {
		before := w.names()
		w.leader.kill()
		w.each(func(v oapitest.VM) { w.region.StripTags(v.ID) })
		w.set(func() {
			for _, m := range w.machines {
				m.hung = true
			}
		})
		time.Sleep(2 * time.Minute)
		w.restart(w.fixture.SecretKey)
		time.Sleep(7 * time.Minute)
		w.set(func() {
			for _, m := range w.machines {
				m.hung = false
			}
		})
		time.Sleep(time.Minute)
		w.wantSame(before)
	})
}

// The guide's second disaster: the CCM deleted the Nodes, within 30 s, whose VM it did not find by its tags. Here the tags of
// six launches are lost, and cannot be set for three minutes.
func TestTheCCMThatDeletedTheNodesItDidNotFind(t *testing.T) {
	inWorld(t, 2, func(w *world) {
		w.must(w.region.AddFault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultTagsStripped, Times: 6}))
		w.must(w.region.AddFault(oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultErrorBefore, For: 3 * time.Minute}))
		w.set(func() { w.want = 8 })
		time.Sleep(time.Minute)
		before := w.names()
		time.Sleep(4 * time.Minute)
		if n := len(w.judge.lostNodes); n != 6 {
			t.Errorf("the CCM deleted %d Nodes, want 6: else this tests nothing", n)
		}
		w.wantSame(before)
		if w.judge.figures.reboots != 6 {
			t.Errorf("%d reboots, want one for each", w.judge.figures.reboots)
		}
	})
}

// The guide's third disaster: a kubelet that hangs holds Talos' inhibit lock of D-Bus, so that its VM shuts down for 23
// minutes. Its NodeClaim must not count as gone meanwhile, and the VM must end.
func TestTheKubeletThatHeldTheShutdownLock(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.region.Uncertain.ForceStopEndsShutdown = true
		w.must(w.region.AddFault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultSlowDelete, Delay: 23 * time.Minute, Times: 1}))
		w.set(func() { w.want = 2 })
		time.Sleep(9 * time.Minute)
		held := slices.ContainsFunc(w.ours(), func(c karpv1.NodeClaim) bool { return !c.DeletionTimestamp.IsZero() })
		if !held {
			t.Error("the NodeClaim is gone while its VM shuts down")
		}
		time.Sleep(5 * time.Minute)
		if problems := w.judge.problems(); len(problems) > 0 {
			t.Errorf("14 minutes later: %q", problems)
		}
		if n := w.region.Calls()["StopVms"]; n != 1 {
			t.Errorf("%d forced stops, want 1", n)
		}
	})
}

// Ten minutes without the API, with a fleet of 200: nothing is lost, and what waited does not come back all at once.
func TestAnOutageOfTenMinutesWith200Nodes(t *testing.T) {
	for name, outage := range map[string]func(w *world) func(){
		"connection refused": func(w *world) func() {
			w.set(func() { w.outage = true })
			return func() { w.set(func() { w.outage = false }) }
		},
		"503": func(w *world) func() {
			w.must(w.region.AddFault(oapitest.Fault{Call: "*", Kind: oapitest.FaultError, Code: "2000", Status: 503}))
			return w.region.ClearFaults
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 200, func(w *world) { w.outageOfTenMinutes(outage) })
		})
	}
}

func (w *world) outageOfTenMinutes(outage func(w *world) func()) {
	time.Sleep(3 * time.Minute)
	before, begun := w.names(), time.Now()
	end := outage(w)
	time.Sleep(10 * time.Minute)
	during, _ := w.judge.between(begun, time.Now())
	// Pods come when it is over, as they do.
	over := time.Now()
	end()
	w.set(func() { w.want = 210 })
	var first time.Duration
	for first == 0 && time.Since(over) < time.Minute {
		time.Sleep(100 * time.Millisecond)
		w.judge.mu.Lock()
		if w.judge.read.After(over) {
			first = w.judge.read.Sub(over)
		}
		w.judge.mu.Unlock()
	}
	time.Sleep(time.Until(over.Add(time.Minute)))
	minute, most := w.judge.between(over, time.Now())
	time.Sleep(3 * time.Minute)
	for _, name := range before {
		if !slices.Contains(w.names(), name) {
			w.t.Errorf("NodeClaim %s is lost", name)
		}
	}
	if problems := w.judge.problems(); len(problems) > 0 {
		w.t.Errorf("not well: %q", problems)
	}
	w.t.Logf("calls in the 10 minutes %d (%.1f/s); first snapshot after %s; calls in the minute after it %d (%.1f/s, %d in the fullest second)",
		during, float64(during)/600, first, minute, float64(minute)/60, most)
	if first == 0 || first > 40*time.Second {
		w.t.Errorf("the first snapshot came after %s", first)
	}
	if most > share+atOnce || float64(minute) > 60*share {
		w.t.Errorf("%d calls in the minute after it, %d in a second of it: a herd", minute, most)
	}
	// The reads of the controllers, each with its retries: a herd would be at the limit of 3,000.
	if during > 600 {
		w.t.Errorf("%d calls in the outage, which is more than one a second", during)
	}
}
