package oapitest_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const section = `-----BEGIN OUTSCALE SECTION-----
filter_private_section=true
tags.OscK8sClusterID/talos=owned
tags.OscK8sNodeName=node-a
tags.equation=a=b c
-----END OUTSCALE SECTION-----
`

func encoded(text string) *string { return new(base64.StdEncoding.EncodeToString([]byte(text))) }

func (w *world) withToken(token string) osc.CreateVmsRequest {
	req := w.request()
	req.ClientToken = &token
	return req
}

func TestClientTokenReplayReturnsTheSameVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	first := w.mustCreate(w.withToken("claim-1"))
	w.clock.Step(w.Timings.Boot)
	again := w.mustCreate(w.withToken("claim-1"))
	if first.GetVmId() != again.GetVmId() || first.GetReservationId() != again.GetReservationId() || again.GetState() != "running" {
		t.Errorf("replay gave %s (%s), want %s running", again.GetVmId(), again.GetState(), first.GetVmId())
	}
	if got := w.read(first.GetVmId()).GetClientToken(); got != "claim-1" {
		t.Errorf("token %q in ReadVms", got)
	}
	if other := w.mustCreate(w.withToken("claim-2")); other.GetVmId() == first.GetVmId() {
		t.Error("another token gave the same VM")
	}
}

func TestClientTokenReplayNeedsNoRoom(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	first := w.mustCreate(w.withToken("claim-1"))
	w.SetCapacity("*", "*", 0)
	if again := w.mustCreate(w.withToken("claim-1")); again.GetVmId() != first.GetVmId() {
		t.Errorf("replay gave %s", again.GetVmId())
	}
}

func TestClientTokenReplayAfterTerminationGivesTheTerminatedVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	first := w.mustCreate(w.withToken("claim-1"))
	w.KillVM(first.GetVmId())
	if again := w.mustCreate(w.withToken("claim-1")); again.GetVmId() != first.GetVmId() || again.GetState() != "terminated" {
		t.Errorf("replay gave %s (%s)", again.GetVmId(), again.GetState())
	}
	w.clock.Step(w.Timings.Linger)
	if again := w.mustCreate(w.withToken("claim-1")); again.GetVmId() == first.GetVmId() {
		t.Error("a VM that is no longer listed came back")
	}
}

func TestClientTokenWithOtherParametersIsRefusedOrReplayed(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.mustCreate(w.withToken("claim-1"))
	other := w.withToken("claim-1")
	other.VmType = new("tinav6.c4r8p1")
	_, err := w.create(other)
	wantRefused(t, err, "4047")

	lenient := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{TokenReuseReplays: true}})
	first := lenient.mustCreate(lenient.withToken("claim-1"))
	other = lenient.withToken("claim-1")
	other.VmType = new("tinav6.c4r8p1")
	if again := lenient.mustCreate(other); again.GetVmId() != first.GetVmId() || again.GetVmType() != "tinav6.c2r4p2" {
		t.Errorf("replay gave %s of type %s", again.GetVmId(), again.GetVmType())
	}
}

func TestSectionSetsTagsAtOnceAndIsHiddenFromTheGuest(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.UserData = encoded(section + "machine: {}\n")
	id := w.mustCreate(req).GetVmId()
	want := map[string]string{"OscK8sClusterID/talos": "owned", "OscK8sNodeName": "node-a", "equation": "a=b c"}
	m := w.read(id)
	if diff := cmp.Diff(want, tagsOf(m)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if m.GetUserData() != *req.UserData {
		t.Error("ReadVms does not return the user data as it was sent")
	}
	guest, ok := w.GuestUserData(id)
	if !ok || string(guest) != "machine: {}\n" {
		t.Errorf("guest sees %q", guest)
	}
}

func TestSectionIsSeenByTheGuestUnlessItIsFiltered(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	text := strings.Replace(section, "filter_private_section=true\n", "", 1) + "machine: {}\n"
	req := w.request()
	req.UserData = encoded(text)
	m := w.mustCreate(req)
	if guest, _ := w.GuestUserData(m.GetVmId()); string(guest) != text {
		t.Errorf("guest sees %q", guest)
	}
	if len(tagsOf(m)) != 0 {
		t.Errorf("the answer of CreateVms has tags: %v", tagsOf(m))
	}
	if got := tagsOf(w.read(m.GetVmId())); got["OscK8sNodeName"] != "node-a" {
		t.Errorf("tags %v", got)
	}
}

func TestSectionMayBeIgnored(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Uncertain: oapitest.Uncertain{SectionIgnored: true}})
	req := w.request()
	req.UserData = encoded(section)
	if got := tagsOf(w.read(w.mustCreate(req).GetVmId())); len(got) != 0 {
		t.Errorf("tags %v", got)
	}
}

func TestUserDataIsLimitedAndBase64(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	for code, data := range map[string]string{"4106": strings.Repeat("A", 512_001), "4047": "no base64!"} {
		req := w.request()
		req.UserData = &data
		_, err := w.create(req)
		wantRefused(t, err, code)
	}
	req := w.request()
	req.UserData = new(strings.Repeat("A", 512_000))
	w.mustCreate(req)
}

func TestPrivateOnlyVMOutsideOfANetHasNoPublicIP(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := osc.CreateVmsRequest{ImageId: w.fixture.ImageID}
	if m := w.mustCreate(req); m.NetId != nil || m.GetPublicIp() == "" {
		t.Errorf("public cloud VM: net %v, public IP %q", m.NetId, m.GetPublicIp())
	}
	req.UserData = encoded(strings.Replace(section, "tags.equation=a=b c", "private_only=true", 1))
	if m := w.mustCreate(req); m.PublicIp != nil {
		t.Errorf("public IP %q", m.GetPublicIp())
	}
}

func TestCreateTagsUpsertsOnManyResources(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	a, b := w.mustCreate(w.request()).GetVmId(), w.mustCreate(w.request()).GetVmId()
	w.tag(a, osc.ResourceTag{Key: "k", Value: "old"}, osc.ResourceTag{Key: "kept", Value: "1"})
	req := osc.CreateTagsRequest{ResourceIds: []string{a, b, w.fixture.ImageID}, Tags: []osc.ResourceTag{{Key: "k", Value: "new"}, {Key: "empty"}}}
	if _, _, err := w.api.TagApi.CreateTags(w.ctx).CreateTagsRequest(req).Execute(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"k": "new", "kept": "1", "empty": ""}, tagsOf(w.read(a))); diff != "" {
		t.Errorf("first VM (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"k": "new", "empty": ""}, tagsOf(w.read(b))); diff != "" {
		t.Errorf("second VM (-want +got):\n%s", diff)
	}
}

func TestTagsOnATerminatedVMCanBeSet(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	w.KillVM(id)
	w.tag(id, osc.ResourceTag{Key: "k", Value: "v"})
	if got := tagsOf(w.read(id)); got["k"] != "v" {
		t.Errorf("tags %v", got)
	}
}

func TestWrongTagsAreRefused(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	for payload, code := range map[string]string{
		`{"ResourceIds":["` + id + `"],"Tags":[{"Key":"","Value":""}]}`:                                 "4069",
		`{"ResourceIds":["` + id + `"],"Tags":[{"Key":"k"}]}`:                                           "7000",
		`{"ResourceIds":["` + id + `"],"Tags":[{"Key":"` + strings.Repeat("k", 256) + `","Value":""}]}`: "4106",
		`{"ResourceIds":["` + id + `","banana"],"Tags":[{"Key":"k","Value":"v"}]}`:                      "4025",
		`{"ResourceIds":["` + id + `","i-00000000"],"Tags":[{"Key":"k","Value":"v"}]}`:                  "5063",
	} {
		wantCode(t, w.post("CreateTags", payload), 400, code)
	}
	if got := tagsOf(w.read(id)); len(got) != 0 {
		t.Errorf("tags after refusals: %v", got)
	}
}

func TestDeleteTagsWithAValueDeletesOnlyThatValue(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	w.tag(id, osc.ResourceTag{Key: "a", Value: "1"}, osc.ResourceTag{Key: "b", Value: "2"}, osc.ResourceTag{Key: "c", Value: "3"})
	wantCode(t, w.post("DeleteTags", `{"ResourceIds":["`+id+`"],"Tags":[{"Key":"a","Value":"9"},{"Key":"b","Value":"2"},{"Key":"c","Value":""}]}`), 200, "")
	if diff := cmp.Diff(map[string]string{"a": "1"}, tagsOf(w.read(id))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
