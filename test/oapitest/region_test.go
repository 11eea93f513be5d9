package oapitest_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// world is one test's region with the real client of it.
type world struct {
	*oapitest.Region

	t       testing.TB
	api     *osc.APIClient
	ctx     context.Context
	clock   *clocktesting.FakeClock
	fixture oapitest.Fixture
	url     string
}

func newWorld(t testing.TB, r *oapitest.Region) *world {
	t.Helper()
	w := &world{Region: r, t: t, clock: clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	r.Clock = w.clock
	w.url = oapitest.NewTestServer(t, r)
	w.fixture = r.Fixture()
	config := osc.NewConfiguration()
	config.Servers = osc.ServerConfigurations{{URL: w.url}}
	w.api = osc.NewAPIClient(config)
	w.ctx = signed(t.Context(), w.fixture.AccessKey, w.fixture.SecretKey)
	return w
}

func signed(ctx context.Context, access, secret string) context.Context {
	return context.WithValue(ctx, osc.ContextAWSv4, osc.AWSv4{AccessKey: access, SecretKey: secret})
}

// request is a launch like the provider's.
func (w *world) request() osc.CreateVmsRequest {
	return osc.CreateVmsRequest{
		ImageId: w.fixture.ImageID, VmType: new("tinav6.c2r4p2"), SubnetId: new(w.fixture.Subnets[0].ID),
		SecurityGroupIds: &[]string{w.fixture.WorkerSecurityGroupID},
	}
}

func (w *world) create(req osc.CreateVmsRequest) (*osc.Vm, error) {
	resp, _, err := w.api.VmApi.CreateVms(w.ctx).CreateVmsRequest(req).Execute()
	if err != nil {
		return nil, err
	}
	return &resp.GetVms()[0], nil
}

func (w *world) mustCreate(req osc.CreateVmsRequest) *osc.Vm {
	w.t.Helper()
	m, err := w.create(req)
	if err != nil {
		w.t.Fatalf("CreateVms: %v %s", err, body(err))
	}
	return m
}

func (w *world) running() *osc.Vm {
	w.t.Helper()
	m := w.mustCreate(w.request())
	w.clock.Step(w.Timings.Boot)
	return m
}

func (w *world) readVMs(req osc.ReadVmsRequest) []osc.Vm {
	w.t.Helper()
	resp, _, err := w.api.VmApi.ReadVms(w.ctx).ReadVmsRequest(req).Execute()
	if err != nil {
		w.t.Fatalf("ReadVms: %v %s", err, body(err))
	}
	return resp.GetVms()
}

func (w *world) read(id string) *osc.Vm {
	w.t.Helper()
	vms := w.readVMs(osc.ReadVmsRequest{Filters: &osc.FiltersVm{VmIds: &[]string{id}}})
	if len(vms) != 1 {
		w.t.Fatalf("ReadVms of %s: %d VMs, want 1", id, len(vms))
	}
	return &vms[0]
}

func (w *world) wantState(id, state string) {
	w.t.Helper()
	if m := w.read(id); m.GetState() != state {
		w.t.Errorf("state of %s: %s, want %s", id, m.GetState(), state)
	}
}

func (w *world) delete(ids ...string) error {
	_, _, err := w.api.VmApi.DeleteVms(w.ctx).DeleteVmsRequest(osc.DeleteVmsRequest{VmIds: ids}).Execute()
	return err
}

func (w *world) fault(f oapitest.Fault) {
	w.t.Helper()
	if err := w.AddFault(f); err != nil {
		w.t.Fatal(err)
	}
}

func body(err error) string {
	if api, ok := errors.AsType[osc.GenericOpenAPIError](err); ok {
		return string(api.Body())
	}
	return ""
}

func ids(vms []osc.Vm) []string {
	out := []string{}
	for _, m := range vms {
		out = append(out, m.GetVmId())
	}
	return out
}

func tagsOf(m *osc.Vm) map[string]string {
	out := map[string]string{}
	for _, tag := range m.GetTags() {
		out[tag.Key] = tag.Value
	}
	return out
}

func (w *world) tag(id string, tags ...osc.ResourceTag) {
	w.t.Helper()
	req := osc.CreateTagsRequest{ResourceIds: []string{id}, Tags: tags}
	if _, _, err := w.api.TagApi.CreateTags(w.ctx).CreateTagsRequest(req).Execute(); err != nil {
		w.t.Fatalf("CreateTags: %v %s", err, body(err))
	}
}

func (w *world) console(id string) string {
	w.t.Helper()
	resp, _, err := w.api.VmApi.ReadConsoleOutput(w.ctx).ReadConsoleOutputRequest(osc.ReadConsoleOutputRequest{VmId: id}).Execute()
	if err != nil {
		w.t.Fatalf("ReadConsoleOutput: %v %s", err, body(err))
	}
	text, err := base64.StdEncoding.DecodeString(resp.GetConsoleOutput())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func copyText(to io.Writer, resp *http.Response) (int64, error) { return io.Copy(to, resp.Body) }
