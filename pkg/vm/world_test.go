package vm_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// world is one region and the provider of one cluster in it. Both follow one clock.
type world struct {
	*oapitest.Region

	t       *testing.T
	clock   *clocktesting.FakeClock
	fixture oapitest.Fixture
	sdk     *osc.APIClient
	api     *oapi.Client
	vms     *vm.Provider

	// What the witness of the account says, and how often it was asked.
	elsewhere  bool
	witnessErr error
	asked      int
}

func newWorld(t *testing.T, region *oapitest.Region) *world {
	t.Helper()
	w := &world{Region: region, t: t, clock: clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	region.Clock = w.clock
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: oapitest.NewTestServer(t, region)}}
	w.fixture = region.Fixture()
	options := oapi.DefaultOptions("vm-test")
	options.RateLimit, options.RetryWait, options.MaxRetryWait = 100_000, time.Millisecond, 2*time.Millisecond
	credentials := osc.AWSv4{AccessKey: w.fixture.AccessKey, SecretKey: w.fixture.SecretKey}
	api, err := oapi.New(configuration, credentials, options, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w.sdk, w.api, w.vms = osc.NewAPIClient(configuration), api, w.provider(api, "uid-1")
	return w
}

func cluster(uid string) vm.Cluster { return vm.Cluster{Name: "prod", ID: "prod-id", UID: uid} }

// another is the provider of another process: one after a restart, or of another cluster.
func (w *world) another(uid string) *vm.Provider {
	return w.provider(w.api, uid)
}

func (w *world) provider(api *oapi.Client, uid string) *vm.Provider {
	witness := func(context.Context) (bool, error) {
		w.asked++
		return !w.elsewhere, w.witnessErr
	}
	return vm.NewProvider(api, cluster(uid), vm.Options{TagsInUserData: true, Witness: witness}, w.clock.Now)
}

func (w *world) request(claim string) vm.Request {
	return vm.Request{
		Owner: vm.Owner{NodeClaim: claim, NodeClaimUID: claim + "-uid", NodePool: "default", NodeClass: "talos", NodeName: claim},
		Type:  "tinav6.c2r4p2", ImageID: w.fixture.ImageID, SubnetID: w.fixture.Subnets[0].ID,
		SecurityGroupIDs: []string{w.fixture.WorkerSecurityGroupID},
		Devices:          []vm.Device{{Name: "/dev/sda1", SizeGiB: 50, Type: "gp2"}},
		UserData:         []byte("version: v1alpha1\n"),
	}
}

func (w *world) launch(claim string) vm.VM {
	w.t.Helper()
	launched, err := w.vms.Launch(w.t.Context(), w.request(claim))
	if err != nil {
		w.t.Fatal(err)
	}
	return launched
}

// running launches VMs and waits until they run and a snapshot knows them.
func (w *world) running(claims ...string) []vm.VM {
	w.t.Helper()
	var ids []string
	for _, claim := range claims {
		ids = append(ids, w.launch(claim).ID)
	}
	w.clock.Step(time.Minute)
	listed := w.list()
	var out []vm.VM
	for _, id := range ids {
		i := slices.IndexFunc(listed, func(v vm.VM) bool { return v.ID == id })
		if i < 0 || listed[i].State != vm.StateRunning {
			w.t.Fatalf("VM %s does not run: %+v", id, listed)
		}
		out = append(out, listed[i])
	}
	return out
}

func (w *world) list(named ...vm.VM) []vm.VM {
	w.t.Helper()
	vms, err := w.vms.List(w.t.Context(), named...)
	if err != nil {
		w.t.Fatal(err)
	}
	return vms
}

// named are VMs that NodeClaims name, whatever reads say.
func named(ids ...string) []vm.VM {
	var out []vm.VM
	for _, id := range ids {
		out = append(out, vm.VM{ID: id, Subregion: "eu-west-2a"})
	}
	return out
}

// later lists after the snapshot's age.
func (w *world) later() []vm.VM {
	w.t.Helper()
	w.clock.Step(5 * time.Second)
	return w.list()
}

func (w *world) fault(fault oapitest.Fault) {
	w.t.Helper()
	if err := w.AddFault(fault); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantCalls(call string, want int) {
	w.t.Helper()
	if got := w.Calls()[call]; got != want {
		w.t.Errorf("%s was called %d times, want %d", call, got, want)
	}
}

// signed is the context of a call past the provider, as an operator would make it.
func (w *world) signed() context.Context {
	return context.WithValue(w.t.Context(), osc.ContextAWSv4, osc.AWSv4{AccessKey: w.fixture.AccessKey, SecretKey: w.fixture.SecretKey})
}

func (w *world) protect(id string) {
	w.t.Helper()
	request := osc.UpdateVmRequest{VmId: id, DeletionProtection: new(true)}
	if _, _, err := w.sdk.VmApi.UpdateVm(w.signed()).UpdateVmRequest(request).Execute(); err != nil {
		w.t.Fatal(err)
	}
}

// state is what the region itself knows.
func (w *world) state(id string) string {
	for _, v := range w.VMs() {
		if v.ID == id {
			return v.State
		}
	}
	return ""
}

func ids(vms []vm.VM) []string {
	var out []string
	for _, v := range vms {
		out = append(out, v.ID)
	}
	return out
}

// atOnce calls do n times at once, and returns the errors.
func atOnce(ctx context.Context, n int, do func(context.Context, int) error) []error {
	out := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { out[i] = do(ctx, i) })
	}
	group.Wait()
	return out
}
