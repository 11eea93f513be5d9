package vm_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// flood makes VMs of the cluster behind the provider's back, in one call: in the public cloud, since no subnet of the
// region has so many addresses.
func (w *world) flood(n int) {
	w.t.Helper()
	data := base64.StdEncoding.EncodeToString([]byte("-----BEGIN OUTSCALE SECTION-----\nfilter_private_section=true\ntags.karpenter.sh/managed-by=prod\ntags.karpenter.outscale.com/cluster-uid=uid-1\n-----END OUTSCALE SECTION-----\n"))
	request := osc.CreateVmsRequest{
		ImageId: w.fixture.ImageID, VmType: new("tinav6.c1r1p2"), MinVmsCount: new(int32(n)), MaxVmsCount: new(int32(n)), UserData: &data,
	}
	if _, _, err := w.sdk.VmApi.CreateVms(w.signed()).CreateVmsRequest(request).Execute(); err != nil {
		w.t.Fatal(err)
	}
}

func TestListReadsEveryPage(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.flood(2001)
	if vms := w.list(); len(vms) != 2001 {
		t.Errorf("%d VMs are listed of 2001", len(vms))
	}
	w.wantCalls("ReadVms", 3)
}

func TestShortPagesLoseNoVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.flood(23)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultPartialPages, PageSize: 5})
	vms := w.list()
	seen := slices.Compact(ids(vms))
	if len(seen) != 23 || len(vms) != 23 {
		t.Errorf("%d VMs are listed of 23, %d different ones", len(vms), len(seen))
	}
}

func TestExpiredPageTokenRestartsTheListing(t *testing.T) {
	for _, code := range []string{"4116", "4117"} {
		w := newWorld(t, &oapitest.Region{})
		w.flood(12)
		w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultPartialPages, PageSize: 5})
		w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultError, Code: code, Status: 400, Nth: 3})
		if vms := w.list(); len(vms) != 12 {
			t.Errorf("code %s: %d VMs are listed of 12", code, len(vms))
		}
		w.wantCalls("ReadVms", 6)
	}
}

func TestListingThatCannotBeCompletedIsAnError(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.flood(12)
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultPartialPages, PageSize: 5})
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultError, Code: "2000", Status: 400, Nth: 2})
	if vms, err := w.vms.List(t.Context()); err == nil {
		t.Errorf("%d of 12 VMs are listed, and no error", len(vms))
	}
	w.ClearFaults()
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultError, Code: "4116", Status: 400})
	if vms, err := w.vms.List(t.Context()); err == nil {
		t.Errorf("token expires again and again: %d VMs, and no error", len(vms))
	}
}

func TestManyCallersShareOneRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleet := fleetOf(w, 10)
	w.clock.Step(5 * time.Second)
	w.ResetCounters()
	errs := atOnce(t.Context(), 60, func(ctx context.Context, i int) error {
		if i%2 == 0 {
			vms, err := w.vms.List(ctx)
			if err == nil && len(vms) != len(fleet) {
				err = fmt.Errorf("%d VMs are listed", len(vms))
			}
			return err
		}
		v, err := w.vms.Get(ctx, fleet[i%10])
		if err == nil && v.ID != fleet[i%10] {
			err = fmt.Errorf("got VM %s", v.ID)
		}
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	w.wantCalls("ReadVms", 1)
}

func TestSnapshotIsAtMostFiveSecondsOld(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := fleetOf(w, 1)[0]
	w.StopVM(id)
	w.ResetCounters()
	w.clock.Step(5*time.Second - 1)
	if v, err := w.vms.Get(t.Context(), id); err != nil || v.State != vm.StateRunning {
		t.Errorf("VM %+v, %v, want the snapshot", v, err)
	}
	w.wantCalls("ReadVms", 0)
	w.clock.Step(1)
	if v, err := w.vms.Get(t.Context(), id); err != nil || v.State != vm.StateStopped {
		t.Errorf("VM is %s, %v, want what is true", v.State, err)
	}
	w.wantCalls("ReadVms", 1)
}

func TestWaitForASharedReadEndsWithTheCallersContext(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.vms.List(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if vms := w.list(); len(vms) != 0 {
		t.Errorf("listed: %v", vms)
	}
}

func TestVMIsDescribedAsTheCloudKnowsIt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	v := w.running("default-a")[0]
	made := w.VMs()[len(w.VMs())-1]
	want := vm.VM{
		ID: made.ID, State: "running", Type: "tinav6.c2r4p2", Subregion: made.Subregion, SubnetID: made.SubnetID, ImageID: w.fixture.ImageID,
		PrivateIP: made.PrivateIP, PrivateDNSName: made.PrivateDNSName, ClientToken: made.ClientToken,
		SecurityGroupIDs: []string{w.fixture.WorkerSecurityGroupID}, Tags: made.Tags, CreatedAt: made.CreatedAt,
	}
	if diff := cmp.Diff(want, v); diff != "" || v.PrivateIP == "" || v.ClientToken == "" {
		t.Errorf("VM (-want +got):\n%s", diff)
	}
}

func TestStatesAreListedExceptTerminated(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{Terminate: time.Minute}})
	vms := w.running("running", "stopped", "stopping", "leaving", "terminated")
	w.StopVM(vms[1].ID)
	w.KillVM(vms[4].ID)
	w.clock.Step(time.Minute)
	if err := w.vms.Delete(t.Context(), vms[3].ID); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(10 * time.Second)
	w.StopVM(vms[2].ID)
	pending := w.launch("pending")
	got := map[string]string{}
	for _, v := range w.list() {
		got[v.ID] = v.State
	}
	want := map[string]string{
		pending.ID: vm.StatePending, vms[0].ID: vm.StateRunning, vms[1].ID: vm.StateStopped, vms[2].ID: vm.StateStopping, vms[3].ID: vm.StateShuttingDown,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if _, err := w.vms.Get(t.Context(), vms[4].ID); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("terminated VM: %v", err)
	}
}

func TestRestartedProcessListsTheSameFleet(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	before := w.running("a", "b", "c")
	after, err := w.another("uid-1").List(t.Context())
	slices.SortFunc(before, func(a, b vm.VM) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("%v, VMs (-want +got):\n%s", err, diff)
	}
}

func TestVMsOfNobodyAreNotListed(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	foreign := vm.NewProvider(w.api, vm.Cluster{Name: "prod2", ID: "prod-id", UID: "uid-9"}, vm.Options{TagsInUserData: true}, w.clock.Now)
	if _, err := foreign.Launch(t.Context(), w.request("other")); err != nil {
		t.Fatal(err)
	}
	if vms := w.list(); len(vms) != 0 {
		t.Errorf("listed: %+v", vms)
	}
}

func TestAnotherClusterOfTheSameNameIsLeftAlone(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	ours, theirs := w.launch("ours"), w.request("theirs")
	other, err := w.another("uid-2").Launch(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Step(time.Minute)
	if diff := cmp.Diff([]string{ours.ID}, ids(w.list())); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	v, err := w.vms.Get(t.Context(), other.ID)
	if err != nil || w.vms.Cluster().IsOurs(v) || w.vms.Cluster().Owns(v) {
		t.Errorf("their VM %+v, %v: taken for ours", v, err)
	}
	if diff := cmp.Diff([]string{ours.ID}, ids(w.list())); diff != "" {
		t.Errorf("once it was asked for, their VM is listed (-want +got):\n%s", diff)
	}
	if _, err := w.vms.Adopt(t.Context(), theirs.Owner, w.clock.Now()); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("their VM was found: %v", err)
	}
}
