package vm_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestTagsArriveWithTheLaunchAndTheGuestSeesOnlyItsPayload(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	request := w.request("default-a")
	request.Tags = map[string]string{"team": "blue = green", "empty": ""}
	launched, err := w.vms.Launch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"karpenter.sh/managed-by": "prod", "OscK8sNodeName": "default-a", "OscK8sClusterID/prod-id": "owned", "kubernetes.io/cluster/prod": "owned",
		"karpenter.sh/nodeclaim": "default-a", "karpenter.sh/nodepool": "default", "karpenter.outscale.com/nodeclass": "talos",
		"karpenter.outscale.com/nodeclaim-uid": "default-a-uid", "karpenter.outscale.com/cluster-uid": "uid-1", "Name": "prod-default-a",
		"team": "blue = green", "empty": "",
	}
	made := w.VMs()[len(w.VMs())-1]
	if diff := cmp.Diff(want, made.Tags); made.ID != launched.ID || diff != "" {
		t.Errorf("tags of VM %s (-want +got):\n%s", made.ID, diff)
	}
	if guest, _ := w.GuestUserData(launched.ID); string(guest) != "version: v1alpha1\n" {
		t.Errorf("the guest reads %q", guest)
	}
	w.wantCalls("CreateTags", 0)
}

func TestWithoutTheSectionTheUserDataIsThePayload(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	plain := vm.NewProvider(w.api, cluster("uid-1"), vm.Options{}, w.clock.Now)
	launched, err := plain.Launch(t.Context(), w.request("default-a"))
	if err != nil {
		t.Fatal(err)
	}
	if len(launched.Tags) != 0 {
		t.Errorf("the VM counts as tagged %v, and no tags were sent: they would not be set before a read shows it", launched.Tags)
	}
	found := w.VMs()[len(w.VMs())-1]
	if guest, _ := w.GuestUserData(launched.ID); string(guest) != "version: v1alpha1\n" || len(found.Tags) != 0 {
		t.Errorf("the guest reads %q, tags %v", guest, found.Tags)
	}
}

func TestTagWithALineBreakIsLeftToCreateTags(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	request := w.request("default-a")
	request.Tags = map[string]string{"note": "one\ntags.karpenter.sh/managed-by=other", "a\nb": "c"}
	launched, err := w.vms.Launch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	made := w.VMs()[len(w.VMs())-1]
	if made.Tags[vm.TagManagedBy] != "prod" || made.Tags["note"] != "" {
		t.Errorf("tags of VM %s: %v", launched.ID, made.Tags)
	}
}

// The region refuses a client token whose request has other bytes.
func TestRepeatedLaunchGivesTheSameVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	request := w.request("default-a")
	request.Tags = map[string]string{}
	for key := range strings.SplitSeq("a b c d e f g h i j", " ") {
		request.Tags[key] = key
	}
	first, err := w.vms.Launch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		request.Tags = maps.Clone(request.Tags)
		again, err := w.another("uid-1").Launch(t.Context(), request)
		if err != nil || again.ID != first.ID {
			t.Fatalf("VM %q, %v, want %q", again.ID, err, first.ID)
		}
	}
}

func TestEachCandidateHasATokenOfItsOwn(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	c, owner, other := cluster("uid-1"), w.request("a").Owner, w.request("b").Owner
	seen := map[string]string{}
	for name, token := range map[string]string{
		"one": c.Token(owner, "tinav6.c2r4p2", "subnet-1"), "type": c.Token(owner, "tinav6.c4r8p2", "subnet-1"),
		"subnet": c.Token(owner, "tinav6.c2r4p2", "subnet-2"), "claim": c.Token(other, "tinav6.c2r4p2", "subnet-1"),
		"cluster": cluster("uid-2").Token(owner, "tinav6.c2r4p2", "subnet-1"), "border": c.Token(owner, "tinav6.c2r4p2subnet-1", ""),
	} {
		if len(token) > 64 {
			t.Errorf("%s: token %q has %d characters, Outscale takes 64", name, token, len(token))
		}
		if before, ok := seen[token]; ok {
			t.Errorf("%s and %s have the same token", name, before)
		}
		seen[token] = name
	}
	first, again := c.Token(owner, "x", "y"), c.Token(owner, "x", "y")
	if first != again {
		t.Error("a repetition has another token")
	}
}

func TestLaunchOfATerminatedVMIsNotFound(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	launched := w.launch("default-a")
	w.KillVM(launched.ID)
	if again, err := w.vms.Launch(t.Context(), w.request("default-a")); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("VM %+v, %v, want ErrNotFound", again, err)
	}
	if vms := w.later(); len(vms) != 0 {
		t.Errorf("listed: %v", vms)
	}
}

func TestUserTagsNeverOverrideTheClusters(t *testing.T) {
	c := cluster("uid-1")
	owner := vm.Owner{NodeClaim: "a", NodeClaimUID: "a-uid", NodePool: "default", NodeClass: "talos", NodeName: "a"}
	ours := c.Tags(owner, nil)
	stolen := map[string]string{"team": "blue"}
	for key := range ours {
		stolen[key] = "stolen"
	}
	want := maps.Clone(ours)
	want["team"] = "blue"
	if diff := cmp.Diff(want, c.Tags(owner, stolen)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if stolen["Name"] != "stolen" {
		t.Error("the map of the caller was changed")
	}
	// What is not known yet must not be guessed by the user either: the CCM would map the Node to this VM.
	early := c.Tags(vm.Owner{NodeClaim: "a", NodeClaimUID: "a-uid"}, stolen)
	for _, key := range []string{vm.TagNodeName, vm.TagNodePool} {
		if value, ok := early[key]; ok {
			t.Errorf("tag %s is %q", key, value)
		}
	}
	if early["Name"] != "prod-a" {
		t.Errorf("Name is %q", early["Name"])
	}
}

func TestIgnoredSectionIsLearnt(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{SectionIgnored: true}})
	launched := w.launch("default-a")
	w.clock.Step(time.Second)
	if w.list(); !w.vms.TagsArrive() {
		t.Error("given up before the tags could arrive")
	}
	w.clock.Step(10 * time.Second)
	vms := w.list()
	if w.vms.TagsArrive() {
		t.Error("the section is ignored, and the provider still relies on it")
	}
	if diff := cmp.Diff([]string{launched.ID}, ids(vms)); diff != "" {
		t.Errorf("the untagged VM is not listed: %s", diff)
	}
	if next := w.launch("default-b"); len(next.Tags) != 0 {
		t.Errorf("the next VM counts as tagged: %v", next.Tags)
	}
}

// The repair of the first VM must not hide that the next one needs it too.
func TestIgnoredSectionIsLearntFromTheRepair(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{SectionIgnored: true}})
	launched := w.launch("default-a")
	want := w.vms.Cluster().Tags(w.request("default-a").Owner, nil)
	if missing := vm.MissingTags(launched, want); len(missing) != 0 {
		t.Errorf("a launch is not believed at all: %v", missing)
	}
	v := w.later()[0]
	missing := vm.MissingTags(v, want)
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if err := w.vms.Tag(t.Context(), v.ID, missing); err != nil {
		t.Fatal(err)
	}
	if w.vms.TagsArrive() {
		t.Error("the section is ignored, and the provider still relies on it")
	}
}

func TestTagsStrippedLaterAreNotBlamedOnTheSection(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	launched := w.running("default-a")[0]
	w.StripTags(launched.ID)
	w.clock.Step(time.Hour)
	if vms := w.list(); len(vms) != 1 || len(vms[0].Tags) != 0 {
		t.Fatalf("listed: %+v", vms)
	}
	if !w.vms.TagsArrive() {
		t.Error("somebody stripped the tags of an old VM, and the section is blamed")
	}
}

func TestRefusedLaunchNamesTypeAndSubnetAndKeepsItsCode(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.SetCapacity("tinav6.c2r4p2", w.fixture.Subnets[0].Subregion, 0)
	_, err := w.vms.Launch(t.Context(), w.request("default-a"))
	if !oapi.IsCapacity(err) || !strings.Contains(err.Error(), "tinav6.c2r4p2") || !strings.Contains(err.Error(), w.fixture.Subnets[0].ID) {
		t.Errorf("error %v", err)
	}
	if vms := w.list(); len(vms) != 0 {
		t.Errorf("listed: %v", vms)
	}
}

func TestTooLongUserDataIsRefusedBeforeItIsSent(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	request := w.request("default-a")
	request.UserData = make([]byte, 400<<10)
	if _, err := w.vms.Launch(t.Context(), request); err == nil || !strings.Contains(err.Error(), "512000") {
		t.Errorf("error %v, want one with the limit", err)
	}
	w.wantCalls("CreateVms", 0)
	request.UserData = make([]byte, 370<<10)
	if _, err := w.vms.Launch(t.Context(), request); err != nil {
		t.Error(err)
	}
}

func TestDevicesAreSentAsAsked(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	request := w.request("default-a")
	request.KeypairName = w.fixture.KeypairName
	request.Devices = []vm.Device{{Name: "/dev/sda1", SizeGiB: 60, Type: "io1", IOPS: 1500}, {Name: "/dev/sdb", SizeGiB: 10, Type: "standard", Keep: true}}
	launched, err := w.vms.Launch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.api.ReadVms(t.Context(), osc.ReadVmsRequest{Filters: &osc.FiltersVm{VmIds: &[]string{launched.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, mapping := range response.GetVms()[0].GetBlockDeviceMappings() {
		bsu := mapping.GetBsu()
		kept[mapping.GetDeviceName()] = !bsu.GetDeleteOnVmDeletion()
	}
	if diff := cmp.Diff(map[string]bool{"/dev/sda1": false, "/dev/sdb": true}, kept); diff != "" {
		t.Errorf("kept volumes (-want +got):\n%s", diff)
	}
	if made := w.VMs()[len(w.VMs())-1]; made.RootGiB != 60 {
		t.Errorf("root volume of %d GiB", made.RootGiB)
	}
	data, err := base64.StdEncoding.DecodeString(response.GetVms()[0].GetUserData())
	if err != nil || !strings.HasPrefix(string(data), "-----BEGIN OUTSCALE SECTION-----\nfilter_private_section=true\n") {
		t.Errorf("user data %q, %v", data, err)
	}
}
