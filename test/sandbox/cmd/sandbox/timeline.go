package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// stage is a step of a NodeClaim's life, in order.
type stage int

const (
	created stage = iota
	launched
	vmRunning
	registered
	initialized
	podsRunning
	deleting
	gone
	stages
)

func (s stage) String() string {
	return [...]string{"created", "launched", "VM running", "registered", "initialized", "pods running", "deleting", "gone"}[s]
}

// claim is what was seen of one NodeClaim: when it entered each stage, as far as it did.
type claim struct {
	name    string
	machine string
	entered [stages]time.Time
}

// timeline tells each change of each NodeClaim once, with the time since the start.
type timeline struct {
	out    io.Writer
	begin  time.Time
	claims map[string]*claim
	// most is the largest number of NodeClaims at one time.
	most int
}

func newTimeline(out io.Writer, begin time.Time) *timeline {
	return &timeline{out: out, begin: begin, claims: map[string]*claim{}}
}

func (t *timeline) say(now time.Time, format string, args ...any) {
	fmt.Fprintf(t.out, "T+%5.1fs  %s\n", now.Sub(t.begin).Seconds(), fmt.Sprintf(format, args...))
}

// observe compares a new state with what is known.
func (t *timeline) observe(now time.Time, state sandbox.State) {
	t.most = max(t.most, len(state.NodeClaims))
	for i := range state.NodeClaims {
		observed := &state.NodeClaims[i]
		known, ok := t.claims[observed.Name]
		if !ok {
			known = &claim{name: observed.Name}
			t.claims[observed.Name] = known
		}
		vm := vmOf(state.VMs, observed.Name)
		if vm.ID != "" {
			known.machine = fmt.Sprintf("%s %s %s", vm.ID, vm.Type, vm.Subregion)
		}
		for _, s := range reached(observed, vm, state.Pods) {
			t.enter(now, known, s)
		}
	}
	for name, known := range t.claims {
		if !slices.ContainsFunc(state.NodeClaims, func(c karpv1.NodeClaim) bool { return c.Name == name }) {
			t.enter(now, known, gone)
		}
	}
}

func (t *timeline) enter(now time.Time, known *claim, s stage) {
	if !known.entered[s].IsZero() {
		return
	}
	known.entered[s] = now
	t.say(now, "%-24s %-12s %s", known.name, s, known.machine)
}

// reached are the stages that a NodeClaim is in or past.
func reached(observed *karpv1.NodeClaim, vm oapitest.VM, pods []corev1.Pod) []stage {
	out := []stage{created}
	conditions := observed.StatusConditions()
	for _, row := range []struct {
		stage stage
		holds bool
	}{
		{launched, conditions.Get(karpv1.ConditionTypeLaunched).IsTrue()},
		{vmRunning, vm.State == "running"},
		{registered, conditions.Get(karpv1.ConditionTypeRegistered).IsTrue()},
		{initialized, conditions.Get(karpv1.ConditionTypeInitialized).IsTrue()},
		{podsRunning, allRun(pods, observed.Status.NodeName)},
		{deleting, observed.DeletionTimestamp != nil},
	} {
		if row.holds {
			out = append(out, row.stage)
		}
	}
	return out
}

// allRun holds when the node has pods and all of them run.
func allRun(pods []corev1.Pod, node string) bool {
	count := 0
	for i := range pods {
		if node == "" || pods[i].Spec.NodeName != node {
			continue
		}
		if pods[i].Status.Phase != corev1.PodRunning {
			return false
		}
		count++
	}
	return count > 0
}

func vmOf(vms []oapitest.VM, claimName string) oapitest.VM {
	for i := range vms {
		if vms[i].Tags["karpenter.sh/nodeclaim"] == claimName {
			return vms[i]
		}
	}
	return oapitest.VM{}
}
