package oapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"
)

// answering returns a client of an API with one answer for all calls.
func answering(t *testing.T, body string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return newClient(t, server.URL, "secret")
}

func TestValueNewerThanTheSDKHidesNoVM(t *testing.T) {
	client := answering(t, `{"Vms":[
		{"VmId":"i-00000001","State":"running","BootMode":"uefi","Tags":[{"Key":"a","Value":"b"}]},
		{"VmId":"i-00000002","State":"running","BootMode":"quantum","ActionsOnNextBoot":{"SecureBoot":"maybe"}},
		{"VmId":"i-00000003","State":"stopped"}],"NextPageToken":"bmV4dA==","ResponseContext":{"RequestId":"r"}}`)
	response, err := client.ReadVms(t.Context(), osc.ReadVmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	vms := response.GetVms()
	if len(vms) != 3 || vms[1].GetVmId() != "i-00000002" || vms[1].GetState() != "running" || len(vms[0].GetTags()) != 1 {
		t.Errorf("VMs %+v", vms)
	}
	if response.GetNextPageToken() != "bmV4dA==" {
		t.Errorf("the token of the next page is %q: pages would be lost", response.GetNextPageToken())
	}
}

func TestAnswerThatCannotBeReadIsNoEmptyList(t *testing.T) {
	for _, body := range []string{
		`{"Vms":[{"VmId":7}]}`, `{"Vms":"none"}`, `not json`,
		`{"Vms":[{"VmId":"i-00000001","BootMode":7}]}`,
		`{"Vms":[{"VmId":"i-00000001","BootMode":"quantum","State":5}]}`,
	} {
		if response, err := answering(t, body).ReadVms(t.Context(), osc.ReadVmsRequest{}); err == nil {
			t.Errorf("%s was read as %+v", body, response)
		}
	}
}

// The VM exists and costs money: without its ID the next try makes no second one, but nothing else finds it either.
func TestValueNewerThanTheSDKDoesNotLoseALaunch(t *testing.T) {
	client := answering(t, `{"Vms":[{"VmId":"i-00000001","State":"pending","BootMode":"quantum","PrivateIp":"10.0.0.5",
		"CreationDate":"2026-03-01T12:00:00.000Z","Placement":{"SubregionName":"eu-west-2a","Tenancy":"default"}}]}`)
	response, err := client.CreateVms(t.Context(), osc.CreateVmsRequest{ClientToken: new("token")})
	if err != nil || len(response.GetVms()) != 1 {
		t.Fatalf("answer %+v, %v", response, err)
	}
	v := response.GetVms()[0]
	placement := v.GetPlacement()
	if v.GetVmId() != "i-00000001" || v.GetState() != "pending" || v.GetPrivateIp() != "10.0.0.5" || placement.GetSubregionName() != "eu-west-2a" {
		t.Errorf("VM %+v", v)
	}
}

func TestValueNewerThanTheSDKBreaksNoRead(t *testing.T) {
	client := answering(t, `{"Images":[{"ImageId":"ami-00000001","ImageName":"talos-v1.13.0","State":"available","BootModes":["uefi","quantum"],
		"SecureBoot":false,"PermissionsToLaunch":{"GlobalPermission":true},"Tags":null}]}`)
	images, err := client.ReadImages(t.Context(), osc.FiltersImage{})
	if err != nil || len(images) != 1 {
		t.Fatalf("images %+v, %v", images, err)
	}
	if modes := images[0].GetBootModes(); images[0].GetImageName() != "talos-v1.13.0" || len(modes) != 1 || modes[0] != osc.UEFI {
		t.Errorf("image %+v", images[0])
	}
}

// plan has an enum in each place that an answer can have one.
type plan struct {
	Mode   osc.BootMode           `json:"Mode"`
	Modes  *[]osc.BootMode        `json:"Modes,omitempty"`
	Next   *osc.ActionsOnNextBoot `json:"Next,omitempty"`
	Nested []*plan                `json:"Nested,omitempty"`
	Count  *int64                 `json:"Count,omitempty"`
	At     *time.Time             `json:"At,omitempty"`
}

func TestOnlyUnknownValuesAreLeftOut(t *testing.T) {
	const answer = `{"Mode":"quantum","Modes":["a","legacy","b"],"Next":{"SecureBoot":"maybe"},"Count":9007199254740993,
		"Nested":[{"Mode":"uefi","Count":null},{"Mode":"c","Modes":null},{}],"At":"2026-03-01T12:00:00Z","Other":{"Mode":"d"}}`
	known, ok, err := withoutUnknown(reflect.TypeFor[plan](), json.RawMessage(answer))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var got plan
	if err := json.Unmarshal(known, &got); err != nil {
		t.Fatal(err)
	}
	want := plan{
		Modes: &[]osc.BootMode{osc.LEGACY}, Next: &osc.ActionsOnNextBoot{}, Nested: []*plan{{Mode: osc.UEFI}, {}, {}},
		Count: new(int64(9007199254740993)), At: new(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}
