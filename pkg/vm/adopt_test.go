package vm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// untagged launches a VM whose answer is lost, as its tags are, and returns the request and the ID of the VM.
func (w *world) untagged(claim string) (vm.Request, string) {
	w.t.Helper()
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultLostReply})
	request := w.request(claim)
	if launched, err := w.vms.Launch(w.t.Context(), request); err == nil {
		w.t.Fatalf("VM %q: the answer was lost", launched.ID)
	}
	w.ClearFaults()
	for _, v := range w.VMs() {
		if v.Tags[vm.TagNodeClaim] == claim {
			w.StripTags(v.ID)
			w.clock.Step(time.Minute)
			return request, v.ID
		}
	}
	w.t.Fatal("no VM was made")
	return request, ""
}

func TestAVMWhoseLaunchHadNoAnswerIsAdoptedThoughItsTagsAreLost(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	born := w.clock.Now()
	w.mustBeFree("another", born) // the first Adopt of the process
	request, id := w.untagged("default-a")
	if found, err := w.vms.Adopt(t.Context(), request.Owner, born); err != nil || found.ID != id {
		t.Errorf("VM %q, %v, want %q: a second one would be launched", found.ID, err, id)
	}
}

// The refusal of one type says nothing of the launch of another before it.
func TestAClearRefusalDoesNotForgetALaunchWithoutAnAnswer(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	born := w.clock.Now()
	w.mustBeFree("another", born)
	request, id := w.untagged("default-a")
	w.SetCapacity("*", "*", 0)
	other := request
	other.Type = "tinav6.c4r8p2"
	if _, err := w.vms.Launch(t.Context(), other); err == nil {
		t.Fatal("nothing is to be had, and no error")
	}
	if found, err := w.vms.Adopt(t.Context(), request.Owner, born); err != nil || found.ID != id {
		t.Errorf("VM %q, %v, want %q", found.ID, err, id)
	}
}

// A wide read costs a call for each 1,000 VMs of the account: clear answers must not ask for one.
func TestAClearAnswerAsksForNoWideRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	born := w.clock.Now()
	w.mustBeFree("another", born)
	w.SetCapacity("*", "*", 0)
	if _, err := w.vms.Launch(t.Context(), w.request("default-a")); err == nil {
		t.Fatal("nothing is to be had, and no error")
	}
	w.clock.Step(time.Minute)
	before := w.Calls()["ReadVms"]
	w.mustBeFree("default-a", born)
	w.wantCalls("ReadVms", before+1)
}

func TestADoubtAboutALaunchEnds(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	born := w.clock.Now()
	w.mustBeFree("another", born)
	w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorBefore})
	if launched, err := w.vms.Launch(t.Context(), w.request("default-a")); err == nil {
		t.Fatalf("VM %q: the platform was out of order", launched.ID)
	}
	w.ClearFaults()
	w.clock.Step(15 * time.Minute)
	before := w.Calls()["ReadVms"]
	w.mustBeFree("default-a", born)
	w.wantCalls("ReadVms", before+1)
}

// mustBeFree fails unless there is no VM to adopt.
func (w *world) mustBeFree(claim string, born time.Time) {
	w.t.Helper()
	if found, err := w.vms.Adopt(w.t.Context(), w.request(claim).Owner, born); !errors.Is(err, vm.ErrNotFound) {
		w.t.Fatalf("VM %q, %v, want ErrNotFound", found.ID, err)
	}
}
