package oapitest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	osc "github.com/outscale/osc-sdk-go/v2"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// world is one test's region with the real client of it.
type world struct {
	*oapitest.Region

	t       testing.TB
	api     *osc.APIClient
	ctx     context.Context //nolint:containedctx // carries the credentials of the SDK, as the SDK wants it
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
	var api osc.GenericOpenAPIError
	if errors.As(err, &api) {
		return string(api.Body())
	}
	return ""
}

// answer is what the API sent, unread by the SDK.
type answer struct {
	status int
	header http.Header
	body   string
	Errors []struct{ Code, Type, Details string }
	// ResponseContext is on each answer.
	ResponseContext struct{ RequestId string } //nolint:revive // the name that the API gives
}

func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Code
}

// post sends bytes that the SDK would never write, signed as the third generation of the SDK signs.
func (w *world) post(call, payload string) answer {
	w.t.Helper()
	return w.postAs(w.fixture.AccessKey, w.fixture.SecretKey, call, payload)
}

func (w *world) postAs(access, secret, call, payload string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.url+"/"+call, strings.NewReader(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if access != "" {
		sum := sha256.Sum256([]byte(payload))
		credentials := aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(w.ctx, credentials, req, hex.EncodeToString(sum[:]), "osc", w.Name, time.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.send(req)
}

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(raw)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &a); err != nil {
			w.t.Fatalf("answer %q: %v", raw, err)
		}
	}
	return a
}

// wantRefused checks an error of the SDK down to its code.
func wantRefused(t testing.TB, err error, code string) {
	t.Helper()
	var refused struct{ Errors []struct{ Code string } }
	if err == nil {
		t.Errorf("no error, want code %s", code)
		return
	}
	if jsonErr := json.Unmarshal([]byte(body(err)), &refused); jsonErr != nil || len(refused.Errors) != 1 {
		t.Errorf("error %v with body %q, want code %s", err, body(err), code)
		return
	}
	if got := refused.Errors[0].Code; got != code {
		t.Errorf("code %s (%s), want %s", got, body(err), code)
	}
}

// wantCode checks a raw answer.
func wantCode(t testing.TB, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("answer %d code %q (%s), want %d code %q", a.status, a.code(), a.body, status, code)
	}
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
