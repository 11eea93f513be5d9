package vm_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestUnknownVMIsNotFoundOnceReadsAgree(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	v, err := w.vms.Get(t.Context(), "i-00000000")
	if err != nil || v.State != vm.StateUnknown {
		t.Errorf("at once: VM %+v, %v, want an unknown state", v, err)
	}
	w.clock.Step(50 * time.Second)
	if v, err = w.vms.Get(t.Context(), "i-00000000"); err != nil || v.State != vm.StateUnknown {
		t.Errorf("while reads may lag: VM %+v, %v, want an unknown state", v, err)
	}
	w.clock.Step(10 * time.Second)
	if v, err = w.vms.Get(t.Context(), "i-00000000"); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("later: VM %+v, %v, want ErrNotFound", v, err)
	}
	if vms := w.list(); len(vms) != 0 {
		t.Errorf("listed: %+v", vms)
	}
	w.ResetCounters()
	if _, err = w.vms.Get(t.Context(), "i-00000000"); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	w.wantCalls("ReadVms", 0)
}

func TestTerminatedVMIsNotFoundAtOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := fleetOf(w, 1)[0]
	w.KillVM(id)
	w.clock.Step(5 * time.Second)
	if v, err := w.vms.Get(t.Context(), id); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("VM %+v, %v, want ErrNotFound", v, err)
	}
}

func TestVMThatTheAPIForgotIsGoneAfterAWhile(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 5)
	w.KillVM(fleet[0])
	w.clock.Step(2 * time.Hour) // terminated VMs are listed for one hour
	if vms := w.list(); len(vms) != 5 {
		t.Errorf("%d VMs after the first read without it, want 5", len(vms))
	}
	w.clock.Step(10 * time.Second)
	got := ids(w.list())
	slices.Sort(got)
	want := slices.Clone(fleet[1:])
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func TestVMThatLostAllTagsIsStillListed(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 2)
	w.StripTags(fleet[0])
	for range 3 {
		w.clock.Step(time.Minute)
		vms := w.list()
		i := slices.IndexFunc(vms, func(v vm.VM) bool { return v.ID == fleet[0] })
		if len(vms) != 2 || i < 0 || len(vms[i].Tags) != 0 || vms[i].State != vm.StateRunning {
			t.Fatalf("listed: %+v", vms)
		}
		if !w.vms.Cluster().IsOurs(vms[i]) {
			t.Error("its client token is ours, and it is not taken for ours")
		}
	}
}

func TestVMWithoutTagsIsListedAfterARestartWhenANodeClaimNamesIt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 1)
	w.StripTags(fleet[0])
	restarted := w.another("uid-1")
	vms, err := restarted.List(t.Context(), vm.VM{ID: fleet[0], Subregion: w.fixture.Subnets[0].Subregion})
	if err != nil || len(vms) != 1 || vms[0].State != vm.StateRunning || vms[0].PrivateIP == "" {
		t.Errorf("VMs %+v, %v", vms, err)
	}
}

func TestRememberedVMThatIsGoneIsListedUntilReadsAgree(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	if vms := w.list(vm.VM{ID: "i-00000000", Subregion: "eu-west-2a"}); len(vms) != 1 || vms[0].State != vm.StateUnknown || vms[0].Subregion != "eu-west-2a" {
		t.Errorf("at once: %+v", vms)
	}
	w.clock.Step(time.Minute)
	if vms := w.list(); len(vms) != 0 {
		t.Errorf("later: %+v", vms)
	}
	if vms := w.list(vm.VM{ID: "i-00000000"}); len(vms) != 0 {
		t.Errorf("remembered again: %+v", vms)
	}
}

func TestMassDisappearanceIsNotBelievedAtOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 10)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 1000 * time.Hour})
	for range 11 {
		w.clock.Step(5 * time.Second)
		if vms, err := w.vms.List(t.Context()); !errors.Is(err, vm.ErrNotBelieved) {
			t.Fatalf("%d of 10 VMs are listed, %v, want ErrNotBelieved", len(vms), err)
		}
		if v, err := w.vms.Get(t.Context(), fleet[0]); err == nil || errors.Is(err, vm.ErrNotFound) {
			t.Fatalf("VM %+v, %v, want an error that is not ErrNotFound", v, err)
		}
	}
	w.ClearFaults()
	if vms := w.later(); len(vms) != 10 {
		t.Errorf("%d VMs are listed of 10, after the API has come to itself", len(vms))
	}
}

func TestMassDisappearanceIsBelievedOnceLaterReadsAgree(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleetOf(w, 10)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 1000 * time.Hour})
	w.clock.Step(5 * time.Second)
	if _, err := w.vms.List(t.Context()); err == nil {
		t.Fatal("believed at once")
	}
	w.clock.Step(time.Minute)
	if vms := w.list(); len(vms) != 0 {
		t.Errorf("listed: %+v", vms)
	}
}

// During a disappearance the API is in trouble already: the callers share the doubt as they share a snapshot.
func TestDoubtIsSharedLikeASnapshot(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleetOf(w, 10)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 1000 * time.Hour})
	w.clock.Step(5 * time.Second)
	w.ResetCounters()
	for range 50 {
		if _, err := w.vms.List(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
	w.wantCalls("ReadVms", 2) // the listing, and the missing VMs by ID
}

func TestAFewMissingVMsStopNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 20)
	for _, id := range fleet[:4] {
		w.KillVM(id)
	}
	w.clock.Step(2 * time.Hour)
	if vms := w.list(); len(vms) != 20 {
		t.Errorf("%d VMs", len(vms))
	}
	w.clock.Step(10 * time.Second)
	if vms := w.list(); len(vms) != 16 {
		t.Errorf("%d VMs are listed, want 16", len(vms))
	}
}

// A small fleet is hidden as easily as a large one.
func TestFleetOfThreeIsNotBelievedGoneAtOnce(t *testing.T) {
	for n := range 3 {
		w := newWorld(t, &oapitest.Region{})
		fleet := fleetOf(w, n+1)
		w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 1000 * time.Hour})
		for range 8 {
			w.clock.Step(6 * time.Second)
			if vms, err := w.vms.List(t.Context()); !errors.Is(err, vm.ErrNotBelieved) {
				t.Fatalf("all %d VMs are missing: List gives %d, %v, want ErrNotBelieved", n+1, len(vms), err)
			}
			if _, err := w.vms.Get(t.Context(), fleet[0]); err == nil || errors.Is(err, vm.ErrNotFound) {
				t.Fatalf("all %d VMs are missing: Get says %v, want another error than ErrNotFound", n+1, err)
			}
		}
		w.clock.Step(20 * time.Second)
		if vms := w.list(); len(vms) != 0 {
			t.Errorf("after a minute %d VMs are listed", len(vms))
		}
	}
}

func TestVMWithoutTagsThatComesBackIsKnownAgain(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := fleetOf(w, 1)[0]
	w.StripTags(id)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 1000 * time.Hour})
	for range 14 {
		w.clock.Step(6 * time.Second)
		_, _ = w.vms.List(t.Context())
	}
	if _, err := w.vms.Get(t.Context(), id); !errors.Is(err, vm.ErrNotFound) {
		t.Fatalf("after more than a minute: %v", err)
	}
	w.ClearFaults()
	w.clock.Step(10 * time.Minute)
	if _, err := w.vms.ListWidely(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := w.vms.Get(t.Context(), id); err != nil || v.State != vm.StateRunning {
		t.Errorf("it runs and a read shows it, and Get says %q, %v: a NodeClaim that is deleted now would leave it behind", v.State, err)
	}
	w.clock.Step(6 * time.Second)
	if vms := w.list(); len(vms) != 1 {
		t.Errorf("listed: %+v", vms)
	}
}

// One ID that Outscale refuses makes it refuse the whole call.
func TestOneRefusedIDHidesNoOther(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 3)
	w.StripTags(fleet[0]) // it is read by ID, in the same call
	w.clock.Step(6 * time.Second)
	const refused = "i-0123456789abcdef0"
	for range 5 {
		if v, err := w.vms.Get(t.Context(), refused); err != nil || v.State != vm.StateUnknown {
			t.Fatalf("the ID itself: %q, %v, want an unknown state", v.State, err)
		}
		if vms := w.list(); len(vms) != 4 {
			t.Fatalf("listed: %v, want 3 VMs and the unknown one", ids(vms))
		}
		w.clock.Step(time.Minute)
	}
	if v, err := w.vms.Get(t.Context(), fleet[0]); err != nil || v.State != vm.StateRunning {
		t.Errorf("the VM without tags: %q, %v", v.State, err)
	}
	if err := w.vms.Delete(t.Context(), fleet[1]); err != nil {
		t.Errorf("deleting another VM: %v", err)
	}
	w.KillVM(fleet[0])
	w.clock.Step(6 * time.Second)
	if v, err := w.vms.Get(t.Context(), fleet[0]); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("after its end: %q, %v, want ErrNotFound", v.State, err)
	}
}

func TestRefusedIDIsNotAskedForInEachRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleetOf(w, 3)
	const refused = "i-0123456789abcdef0"
	if _, err := w.vms.Get(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	w.ResetCounters()
	if _, err := w.vms.Get(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	w.wantCalls("ReadVms", 0)
	for range 5 {
		w.clock.Step(time.Minute)
		w.list()
	}
	w.wantCalls("ReadVms", 5)
	w.clock.Step(10 * time.Minute)
	w.list()
	w.wantCalls("ReadVms", 7)
	if v, err := w.vms.Get(t.Context(), refused); err != nil || v.State != vm.StateUnknown {
		t.Errorf("after it was refused again: %q, %v", v.State, err)
	}
}

// The fleet was ended by its operator, and the API says so of each VM: there is nothing to doubt.
func TestTerminatedFleetIsBelievedAtOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for _, id := range fleetOf(w, 10) {
		w.KillVM(id)
	}
	if vms := w.later(); len(vms) != 0 {
		t.Errorf("%d VMs are listed", len(vms))
	}
}

func TestOwnLaunchIsSeenWhileReadsLag(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.list()
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 40 * time.Second})
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleTags, Delay: 40 * time.Second})
	launched := w.launch("default-a")
	for range 10 {
		v, err := w.vms.Get(t.Context(), launched.ID)
		if err != nil || v.Tags[vm.TagNodeClaim] != "default-a" && w.clock.Since(launched.CreatedAt) < 40*time.Second {
			t.Fatalf("after %s: VM %+v, %v", w.clock.Since(launched.CreatedAt), v, err)
		}
		if diff := cmp.Diff([]string{launched.ID}, ids(w.list())); diff != "" {
			t.Fatalf("listed: %s", diff)
		}
		w.clock.Step(6 * time.Second)
	}
	if !w.vms.TagsArrive() {
		t.Error("late tags were taken for an ignored section")
	}
}

func TestOwnDeletionIsSeenWhileReadsLag(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{Terminate: 20 * time.Second}})
	id := fleetOf(w, 1)[0]
	if err := w.vms.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if v, err := w.vms.Get(t.Context(), id); err != nil || !v.Leaving() {
			t.Errorf("VM %+v, %v", v, err)
		}
		w.clock.Step(6 * time.Second)
	}
}

// Seed 313 of make chaos: a read that lagged was taken for the end of a VM that was shutting down.
func TestAVMThatShutsDownIsNotGoneBecauseOneReadLacksIt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{Terminate: time.Hour}})
	id := fleetOf(w, 1)[0]
	if err := w.vms.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(6 * time.Second)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 1000 * time.Hour, For: 5 * time.Second})
	for range 3 {
		if v, err := w.vms.Get(t.Context(), id); err != nil || !v.Leaving() {
			t.Fatalf("VM %+v, %v, want it shutting down", v, err)
		}
		w.clock.Step(6 * time.Second)
	}
}

func TestOwnTagsAreSeenAtOnceAndSurviveLaggingReads(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := fleetOf(w, 1)[0]
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleTags, Delay: 8 * time.Second})
	if err := w.vms.Tag(t.Context(), id, map[string]string{"team": "blue"}); err != nil {
		t.Fatal(err)
	}
	for step := range 3 {
		v, err := w.vms.Get(t.Context(), id)
		if err != nil || v.Tags["team"] != "blue" || v.Tags[vm.TagManagedBy] != "prod" {
			t.Errorf("read %d: tags %v, %v", step, v.Tags, err)
		}
		w.clock.Step(5 * time.Second)
	}
}

func TestTagsOfALaunchAreBelievedUntilAReadIsOlderThanTheDelay(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleTags, Delay: 8 * time.Second})
	launched := w.launch("default-a")
	w.clock.Step(6 * time.Second)
	if diff := cmp.Diff([]string{launched.ID}, ids(w.list())); diff != "" {
		t.Errorf("listed: %s", diff)
	}
	w.clock.Step(6 * time.Second)
	if v, err := w.vms.Get(t.Context(), launched.ID); err != nil || v.Tags[vm.TagNodeClaim] != "default-a" || !w.vms.TagsArrive() {
		t.Errorf("VM %+v, %v, tags arrive: %t", v, err, w.vms.TagsArrive())
	}
}

func TestTaggingAnUnknownVMSaysWhich(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	if err := w.vms.Tag(t.Context(), "i-00000000", map[string]string{"a": "b"}); err == nil || err.Error() == "" {
		t.Error("no error")
	} else if want := fmt.Sprintf("tagging VM %q", "i-00000000"); !cmp.Equal(want, err.Error()[:len(want)]) {
		t.Errorf("error %v", err)
	}
}
