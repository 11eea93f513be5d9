package vm_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// inProcess calls a region without a network, so that a test of the default pace runs in the time of a bubble.
type inProcess struct{ *oapitest.Region }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	p.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// paced is a world in the time of the bubble it is made in, with so many calls a second.
func paced(t *testing.T, region *oapitest.Region, rate float64) *world {
	t.Helper()
	region.Clock = clock.RealClock{}
	region.ContractViolation = func(err error) { t.Errorf("the emulator broke the contract: %v", err) }
	w := &world{Region: region, t: t, fixture: region.Fixture()}
	configuration := osc.NewConfiguration()
	configuration.HTTPClient = &http.Client{Transport: inProcess{region}}
	options := oapi.DefaultOptions("vm-test")
	options.RateLimit = rate
	credentials := osc.AWSv4{AccessKey: w.fixture.AccessKey, SecretKey: w.fixture.SecretKey}
	api, err := oapi.New(configuration, credentials, options, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w.sdk, w.api = osc.NewAPIClient(configuration), api
	w.vms = vm.NewProvider(api, cluster("uid-1"), vm.Options{TagsInUserData: true}, time.Now)
	return w
}

func TestDeletionLeavesWithinTwoSecondsBehindABurstOfLaunches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := paced(t, &oapitest.Region{}, 5)
		id := w.launch("default-a").ID
		time.Sleep(time.Minute)
		for i := range 700 {
			go func() { _, _ = w.vms.Launch(ctx, w.request(fmt.Sprintf("burst-%d", i))) }()
		}
		synctest.Wait()
		started := time.Now()
		if err := w.vms.Delete(ctx, id); err != nil {
			t.Error(err)
		}
		if took := time.Since(started); took > 2*time.Second || w.state(id) != vm.StateShuttingDown {
			t.Errorf("after %s the VM is %s", took, w.state(id))
		}
		cancel()
		synctest.Wait()
	})
}

// The read waits for its turn longer than a snapshot lives: its age counts from the moment it was sent.
func TestSnapshotIsNotBornOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := paced(t, &oapitest.Region{}, 0.1)
		// It takes the turn that is there: the next one comes in ten seconds.
		if _, err := w.api.ReadQuotas(t.Context(), "vm_limit"); err != nil {
			t.Fatal(err)
		}
		w.ResetCounters()
		w.list()
		time.Sleep(time.Second)
		w.list()
		w.wantCalls("ReadVms", 1)
	})
}

// Each call of the batch waits for its turn for most of the time that one call may take.
func TestSplitBatchHasTimeForEachOfItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := paced(t, &oapitest.Region{}, 0.02)
		var fleet []string
		for i := range 4 {
			fleet = append(fleet, w.launch(fmt.Sprintf("default-%d", i)).ID)
		}
		time.Sleep(time.Minute)
		w.protect(fleet[0])
		w.list()
		errs := atOnce(t.Context(), 4, func(ctx context.Context, i int) error { return w.vms.Delete(ctx, fleet[i]) })
		for i, err := range errs {
			if refused := oapi.Code(err) == "8018"; refused != (i == 0) || err != nil && !refused {
				t.Errorf("VM %d: %v", i, err)
			}
		}
	})
}
