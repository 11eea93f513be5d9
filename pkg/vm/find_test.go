package vm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestVMOfANodeClaimIsFoundByItsTag(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	launched := w.running("default-a", "default-b")[0]
	found, err := w.another("uid-1").Adopt(t.Context(), w.request("default-a").Owner, w.clock.Now())
	if err != nil || found.ID != launched.ID {
		t.Errorf("VM %q, %v, want %q", found.ID, err, launched.ID)
	}
}

func TestVMOfANodeClaimIsFoundByItsTokenWhenTheTagsAreLost(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	request := w.request("default-a")
	launched := w.running("default-a")[0]
	w.StripTags(launched.ID)
	restarted := w.another("uid-1")
	if found, err := restarted.Adopt(t.Context(), request.Owner, w.clock.Now()); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("a NodeClaim that is younger than the process: VM %+v, %v", found, err)
	}
	found, err := restarted.Adopt(t.Context(), request.Owner, w.clock.Now().Add(-time.Second))
	if err != nil || found.ID != launched.ID {
		t.Fatalf("VM %q, %v, want %q", found.ID, err, launched.ID)
	}
	// Once adopted it belongs to the fleet, tags or not.
	vms, err := restarted.List(t.Context())
	if diff := cmp.Diff([]string{launched.ID}, ids(vms)); err != nil || diff != "" {
		t.Errorf("%v, listed: %s", err, diff)
	}
}

func TestVMThatLeavesIsNotFoundForItsNodeClaim(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{Terminate: time.Minute}})
	request := w.request("default-a")
	id := w.running("default-a")[0].ID
	if err := w.vms.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if found, err := w.vms.Adopt(t.Context(), request.Owner, w.clock.Now()); !errors.Is(err, vm.ErrNotFound) {
			t.Errorf("VM %+v, %v", found, err)
		}
		w.clock.Step(2 * time.Minute)
	}
}

func TestAdoptFailsWhenItCannotLook(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore})
	if _, err := w.vms.Adopt(t.Context(), w.request("default-a").Owner, w.clock.Now()); err == nil || errors.Is(err, vm.ErrNotFound) {
		t.Errorf("error %v, want one that is not ErrNotFound: a second VM would be launched", err)
	}
	w.ClearFaults()
	w.list()
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore})
	before := w.clock.Now().Add(-time.Hour)
	if _, err := w.vms.Adopt(t.Context(), w.request("default-a").Owner, before); err == nil || errors.Is(err, vm.ErrNotFound) {
		t.Errorf("looking widely: error %v, want one that is not ErrNotFound", err)
	}
	if vms, err := w.vms.ListWidely(t.Context()); err == nil {
		t.Errorf("listing widely: %v and no error", ids(vms))
	}
}

func TestOwnershipNeedsProof(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	c := w.vms.Cluster()
	owner := w.request("a").Owner
	token, foreign := c.Token(owner, "x", "y"), cluster("uid-2").Token(owner, "x", "y")
	for name, tt := range map[string]struct {
		v          vm.VM
		owns, ours bool
	}{
		"tags":                {vm.VM{Tags: c.Tags(owner, nil)}, true, true},
		"nothing":             {vm.VM{}, false, false},
		"name only":           {vm.VM{Tags: map[string]string{vm.TagManagedBy: "prod"}}, false, false},
		"uid only":            {vm.VM{Tags: map[string]string{vm.TagClusterUID: "uid-1"}}, false, false},
		"other uid":           {vm.VM{Tags: cluster("uid-2").Tags(owner, nil)}, false, false},
		"token":               {vm.VM{ClientToken: token}, false, true},
		"token of another":    {vm.VM{ClientToken: foreign}, false, false},
		"somebody's token":    {vm.VM{ClientToken: "kpo-"}, false, false},
		"tags, other's token": {vm.VM{Tags: c.Tags(owner, nil), ClientToken: foreign}, true, true},
	} {
		if c.Owns(tt.v) != tt.owns || c.IsOurs(tt.v) != tt.ours {
			t.Errorf("%s: owns %t, ours %t, want %t, %t", name, c.Owns(tt.v), c.IsOurs(tt.v), tt.owns, tt.ours)
		}
	}
}

func TestMissingTagsAreThoseThatLackOrDiffer(t *testing.T) {
	v := vm.VM{Tags: map[string]string{"same": "1", "other": "2", "more": "3"}}
	got := vm.MissingTags(v, map[string]string{"same": "1", "other": "x", "new": "", vm.TagNodeClassHash: "v2-1"})
	if diff := cmp.Diff(map[string]string{"other": "x", "new": ""}, got); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestRoomIsWhatTheQuotasLeave(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	room, words, err := w.vms.Room(t.Context())
	if want := (vm.Room{VMs: -1, VCores: -1, MemoryGiB: -1}); err != nil || room != want || words != "" {
		t.Errorf("without quotas: %+v, %q, %v, want %+v", room, words, err, want)
	}
	// Three control plane VMs of 4 vCores and 8 GiB stand in the region.
	w.SetQuota("vm_limit", 10)
	w.SetQuota("core_limit", 12)
	room, words, err = w.vms.Room(t.Context())
	if want := (vm.Room{VMs: 7, VCores: 0, MemoryGiB: -1}); err != nil || room != want || words != "core_limit 12 of 12, vm_limit 3 of 10" {
		t.Errorf("with quotas: %+v, %q, %v, want %+v", room, words, err, want)
	}
	w.SetQuota("memory_limit", 10) // lowered below what is used
	if room, _, err = w.vms.Room(t.Context()); err != nil || room.MemoryGiB != 0 {
		t.Errorf("overrun: %+v, %v", room, err)
	}
}

func TestThereIsNoRoomWhenTheQuotasCannotBeRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.fault(oapitest.Fault{Call: "ReadQuotas", Kind: oapitest.FaultErrorBefore})
	room, words, err := w.vms.Room(t.Context())
	if err == nil || room != (vm.Room{}) || !strings.Contains(words, "unknown") {
		t.Errorf("%+v, %q, %v", room, words, err)
	}
}
