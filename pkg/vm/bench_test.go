package vm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// large returns the provider of so many VMs, whose snapshot stays fresh.
func large(tb testing.TB, n int) *vm.Provider {
	tb.Helper()
	answer := osc.ReadVmsResponse{Vms: &[]osc.Vm{}}
	for i := range n {
		owner := vm.Owner{NodeClaim: fmt.Sprintf("default-%d", i), NodeClaimUID: fmt.Sprintf("uid-%d", i)}
		v := osc.Vm{VmId: new(fmt.Sprintf("i-%08x", i+1)), State: new(vm.StateRunning), Tags: &[]osc.ResourceTag{}}
		v.ClientToken = new(cluster("uid-1").Token(owner, "tinav6.c2r4p2", "subnet-00000001"))
		for key, value := range cluster("uid-1").Tags(owner, nil) {
			*v.Tags = append(*v.Tags, osc.ResourceTag{Key: key, Value: value})
		}
		*answer.Vms = append(*answer.Vms, v)
	}
	body, err := json.Marshal(answer)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	tb.Cleanup(server.Close)
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: server.URL}}
	credentials := osc.AWSv4{AccessKey: "a", SecretKey: "s"}
	api, err := oapi.New(configuration, credentials, oapi.DefaultOptions("bench"), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	vms := vm.NewProvider(api, cluster("uid-1"), vm.Options{TagsInUserData: true}, func() time.Time { return now })
	if listed, err := vms.List(tb.Context()); err != nil || len(listed) != n {
		tb.Fatalf("%d VMs are listed, %v, want %d", len(listed), err, n)
	}
	return vms
}

// young is the birth of a NodeClaim that no earlier process can have launched.
func young() time.Time { return time.Now().Add(time.Hour) }

// BenchmarkAdopt is what each Create asks before it launches, next to the reference: a copy of the whole fleet.
func BenchmarkAdopt(b *testing.B) {
	vms := large(b, 2000)
	b.Run("none", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := vms.Adopt(b.Context(), vm.Owner{NodeClaimUID: "uid-new"}, young()); !errors.Is(err, vm.ErrNotFound) {
				b.Fatal(err)
			}
		}
	})
	b.Run("reference-list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := vms.List(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A thousand Creates at once ask it, and each hash of each VM would be seconds of CPU.
func TestCostOfAdoptDoesNotGrowWithTheFleet(t *testing.T) {
	vms := large(t, 2000)
	allocations := testing.AllocsPerRun(10, func() {
		if _, err := vms.Adopt(t.Context(), vm.Owner{NodeClaimUID: "uid-new"}, young()); !errors.Is(err, vm.ErrNotFound) {
			t.Fatal(err)
		}
	})
	if allocations > 100 {
		t.Errorf("%v allocations for one Adopt among 2,000 VMs", allocations)
	}
	if found, err := vms.Adopt(t.Context(), vm.Owner{NodeClaimUID: "uid-1234"}, young()); err != nil || found.ID != fmt.Sprintf("i-%08x", 1235) {
		t.Errorf("found %q, %v", found.ID, err)
	}
}
