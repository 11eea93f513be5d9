package oapitest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestZeroRegionIsUsable(t *testing.T) {
	var r oapitest.Region
	if vms := r.VMs(); len(vms) != 3 || !vms[0].Fixture || vms[0].State != "running" {
		t.Errorf("VMs: %+v", vms)
	}
	f := r.Fixture()
	want := map[string]string{
		"Name": f.ClusterID + "-cp-1", "OscK8sNodeName": f.ClusterID + "-cp-1",
		"OscK8sClusterID/" + f.ClusterID: "owned", "OscK8sRole/control-plane": "true",
	}
	if diff := cmp.Diff(want, r.VMs()[0].Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestVMsTellWhatAMachineNeedsToKnow(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.withToken("claim")
	req.VmType = new("inference7-l40.large")
	req.BlockDeviceMappings = &[]osc.BlockDeviceMappingVmCreation{{DeviceName: new("/dev/sda1"), Bsu: &osc.BsuToCreate{VolumeSize: new(int32(50))}}}
	m := w.mustCreate(req)
	got := w.VMs()[3]
	want := oapitest.VM{
		ID: m.GetVmId(), State: "pending", Type: "inference7-l40.large", Subregion: "eu-west-2a", SubnetID: w.fixture.Subnets[0].ID,
		PrivateIP: m.GetPrivateIp(), PrivateDNSName: m.GetPrivateDnsName(), ImageID: w.fixture.ImageID, ClientToken: "claim",
		VCores: 16, MemoryGiB: 128, GPUs: 2, RootGiB: 50, CreatedAt: w.clock.Now(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChangedIsClosedAsTimePasses(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	changed := w.Changed()
	w.mustCreate(w.request())
	<-changed
	changed = w.Changed()
	select {
	case <-changed:
		t.Error("closed although nothing happened")
	default:
	}
	w.clock.Step(w.Timings.Boot)
	<-changed
}

func TestGuestThatPowersOffStopsOrTerminatesItsVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.ShutdownBehaviorConfiguration = &osc.ShutdownBehaviorConfiguration{GuestAction: new("terminate")}
	stops, terminates := w.mustCreate(w.request()).GetVmId(), w.mustCreate(req).GetVmId()
	w.clock.Step(w.Timings.Boot)
	w.GuestShutdown(stops)
	w.GuestShutdown(terminates)
	w.clock.Step(w.Timings.ForceStop)
	w.wantState(stops, "stopped")
	w.wantState(terminates, "terminated")
}

func TestGuestThatPowersOffEndsAGracefulDelete(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := w.running().GetVmId()
	if err := w.delete(id); err != nil {
		t.Fatal(err)
	}
	w.GuestShutdown(id)
	w.wantState(id, "terminated")
}

// admin calls the side of the emulator that no cloud has.
func (w *world) admin(method, path, payload string) answer {
	w.t.Helper()
	url := strings.TrimSuffix(w.url, "/api/v1") + "/_emulator/" + path
	req, err := http.NewRequestWithContext(w.t.Context(), method, url, strings.NewReader(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if _, err := copyText(&text, resp); err != nil {
		w.t.Fatal(err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: text.String()}
}

func TestAdminSideSteersTheRegion(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	req := w.request()
	req.UserData = encoded(section + "secret: s3cr3t\n")
	id := w.mustCreate(req).GetVmId()
	w.clock.Step(w.Timings.Boot)
	for _, step := range []struct {
		method, path, payload string
		status                int
	}{
		{"POST", "faults", `[{"call":"ReadNets","kind":"error-before-effect"}]`, 204},
		{"POST", "faults", `{"call":"ReadNets","kind":"gremlin"}`, 400},
		{"POST", "vms/" + id + "/strip-tags?keys=equation", ``, 204},
		{"POST", "vms/" + id + "/stop", ``, 204},
		{"POST", "vms/" + id + "/stop", ``, 409},
		{"POST", "vms/" + id + "/paint", ``, 404},
		{"POST", "capacity", `{"type":"*","subregion":"*","left":0}`, 204},
		{"POST", "capacity", `{"type":"*"}`, 400},
		{"POST", "quotas", `{"vm_limit":9}`, 204},
	} {
		if got := w.admin(step.method, step.path, step.payload); got.status != step.status {
			t.Errorf("%s %s: %d %s, want %d", step.method, step.path, got.status, got.body, step.status)
		}
	}
	wantCode(t, w.post("ReadNets", `{}`), 500, "2000")
	state := w.admin("GET", "state", "").body
	for _, want := range []string{id, `"stopping"`, `"OscK8sNodeName":"node-a"`, `"vm_limit":{"limit":9,"used":4}`} {
		if !strings.Contains(state, want) {
			t.Errorf("state lacks %s: %s", want, state)
		}
	}
	if strings.Contains(state, *req.UserData) || strings.Contains(state, "equation") {
		t.Errorf("state shows too much: %s", state)
	}
	w.admin("DELETE", "faults", "")
	wantCode(t, w.post("ReadNets", `{}`), 200, "")
	_, err := w.create(w.request())
	wantRefused(t, err, "10001")
}

func TestAdminSideCountsCalls(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	w.post("ReadNets", `{}`)
	w.post("ReadNets", `{"ResultsPerPage":0}`)
	var got map[string]map[string]int
	if err := json.Unmarshal([]byte(w.admin("GET", "calls", "").body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]int{
		"by_call": {"ReadNets": 2}, "by_result": {"ReadNets 200": 1, "ReadNets 4113": 1}, "by_user_agent": {"Go-http-client/1.1": 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.admin("POST", "reset-counters", "")
	if calls := w.Calls(); len(calls) != 0 {
		t.Errorf("calls after the reset: %v", calls)
	}
}
