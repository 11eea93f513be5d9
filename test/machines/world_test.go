package machines_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"regexp"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const (
	machineToken = "abcdef.0123456789abcdef"
	unknownToken = "aaaaaa.0123456789abcdef"
	patience     = 45 * time.Second
)

// world is one region with machines in it.
type world struct {
	t        *testing.T
	region   *oapitest.Region
	endpoint string
	client   *osc.APIClient
	auth     context.Context
}

// newWorld runs a fleet in a quick region; change sees the fleet before it runs.
func newWorld(t *testing.T, change func(*machines.Fleet)) *world {
	t.Helper()
	region := &oapitest.Region{Timings: oapitest.Timings{
		Boot: time.Millisecond, Stop: 10 * time.Second, ForceStop: time.Millisecond, Terminate: 10 * time.Second,
	}}
	w := &world{t: t, region: region, endpoint: oapitest.NewTestServer(t, region)}
	fixture := region.Fixture()
	cfg := osc.NewConfiguration()
	cfg.Servers = osc.ServerConfigurations{{URL: w.endpoint}}
	w.client = osc.NewAPIClient(cfg)
	w.auth = context.WithValue(t.Context(), osc.ContextAWSv4, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey})
	fleet := &machines.Fleet{
		Region: region, BootDelay: time.Millisecond, ReadyDelay: time.Millisecond, RetryInterval: 5 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(fleet)
	}
	run(t, fleet.Run)
	return w
}

// run runs something for the length of a test.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// launch starts a VM with the user data.
func (w *world) launch(userData string, change ...func(*osc.CreateVmsRequest)) string {
	w.t.Helper()
	fixture := w.region.Fixture()
	request := osc.CreateVmsRequest{
		ImageId: fixture.ImageID, VmType: new("tinav7.c4r8p2"), SubnetId: &fixture.Subnets[0].ID,
		SecurityGroupIds: &[]string{fixture.WorkerSecurityGroupID},
	}
	if userData != "" {
		request.UserData = new(base64.StdEncoding.EncodeToString([]byte(userData)))
	}
	for _, c := range change {
		c(&request)
	}
	answer, raw, err := w.client.VmApi.CreateVms(w.auth).CreateVmsRequest(request).Execute()
	if err != nil {
		w.t.Fatalf("creating a VM: %v", err)
	}
	defer raw.Body.Close()
	return (*answer.Vms)[0].GetVmId()
}

func (w *world) vm(id string) oapitest.VM {
	w.t.Helper()
	for _, vm := range w.region.VMs() {
		if vm.ID == id {
			return vm
		}
	}
	w.t.Fatalf("no VM %s", id)
	return oapitest.VM{}
}

// console is what ReadConsoleOutput says.
func (w *world) console(id string) string {
	w.t.Helper()
	answer, raw, err := w.client.VmApi.ReadConsoleOutput(w.auth).ReadConsoleOutputRequest(osc.ReadConsoleOutputRequest{VmId: id}).Execute()
	if err != nil {
		w.t.Fatalf("reading the console: %v", err)
	}
	defer raw.Body.Close()
	text, err := base64.StdEncoding.DecodeString(answer.GetConsoleOutput())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// expectConsole waits until the signatures show.
func (w *world) expectConsole(vm string, signatures ...string) {
	w.t.Helper()
	for _, id := range signatures {
		pattern := regexp.MustCompile(signature(w.t, id))
		if !eventually(w.t.Context(), func() bool { return pattern.MatchString(w.console(vm)) }) {
			w.t.Fatalf("no %s (%s) on the console:\n%s", id, pattern, w.console(vm))
		}
	}
}

func (w *world) refuseConsole(vm string, signatures ...string) {
	w.t.Helper()
	text := w.console(vm)
	for _, id := range signatures {
		if regexp.MustCompile(signature(w.t, id)).MatchString(text) {
			w.t.Errorf("%s on the console:\n%s", id, text)
		}
	}
}

// eventually polls until the condition holds or patience ends.
func eventually(ctx context.Context, condition func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if condition() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

func (w *world) stop(vm string) {
	w.t.Helper()
	_, raw, err := w.client.VmApi.StopVms(w.auth).StopVmsRequest(osc.StopVmsRequest{VmIds: []string{vm}}).Execute()
	if err != nil {
		w.t.Fatal(err)
	}
	defer raw.Body.Close()
}

func (w *world) start(vm string) {
	w.t.Helper()
	_, raw, err := w.client.VmApi.StartVms(w.auth).StartVmsRequest(osc.StartVmsRequest{VmIds: []string{vm}}).Execute()
	if err != nil {
		w.t.Fatal(err)
	}
	defer raw.Body.Close()
}

func (w *world) awaitState(vm, state string) {
	w.t.Helper()
	if !eventually(w.t.Context(), func() bool { return w.vm(vm).State == state }) {
		w.t.Fatalf("VM is %s, want %s", w.vm(vm).State, state)
	}
}

func (w *world) reboot(vm string) {
	w.t.Helper()
	_, raw, err := w.client.VmApi.RebootVms(w.auth).RebootVmsRequest(osc.RebootVmsRequest{VmIds: []string{vm}}).Execute()
	if err != nil {
		w.t.Fatal(err)
	}
	defer raw.Body.Close()
}
