//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// seesLess takes away what kpo reads from, on a cluster on which nothing is wrong. No screen may call
// such a cluster healthy, and none may name a cause.
func seesLess(w *world) {
	for _, look := range []struct {
		name string
		at   func(*world)
	}{
		{"another account", anotherAccount},
		{"revoked key", revokedKey},
		{"no rights in Kubernetes", noRights},
		{"dead API server", deadAPIServer},
		{"slow Outscale", slowOutscale},
	} {
		w.t.Run(look.name, func(t *testing.T) { look.at(w.in(t)) })
	}
}

// environment is what KpoWith takes for a key of a region.
func environment(fixture oapitest.Fixture, url string) []string {
	return []string{"OSC_ACCESS_KEY=" + fixture.AccessKey, "OSC_SECRET_KEY=" + fixture.SecretKey, "OSC_REGION=eu-west-2", "OSC_ENDPOINT_API=" + url}
}

func anotherAccount(w *world) {
	other := &oapitest.Region{ClusterID: "other", Seed: 2}
	url := oapitest.NewTestServer(w.t, other)
	w.broken("wrong-account", func(s *situation) {
		s.credentials = new(environment(other.Fixture(), url))
		s.silent(s.kpo(2, []string{"doctor"}, "KPO610"), "nothing to do", "delete nodeclaim")
		for _, args := range [][]string{{"orphans"}, {"tags"}} {
			s.silent(s.kpo(2, args), noLeak, "√")
		}
	})
}

// revokedKey runs doctor as a nervous person does. Four refusals would lock the account, and the controller with it.
func revokedKey(w *world) {
	fixture := w.Region.Fixture()
	fixture.SecretKey = "revoked"
	refused := func() int {
		return len(slices.DeleteFunc(w.Region.APILog(), func(c oapitest.APICall) bool { return c.Code != "1" && c.Code != "4" }))
	}
	before := refused()
	w.broken("revoked-key", func(s *situation) {
		s.credentials = new(environment(fixture, w.RegionURL))
		s.silent(s.kpo(2, []string{"doctor"}, "refused"), "nothing to do")
		for range 2 {
			s.quietly(2, []string{"doctor"}, "--retry-refused")
		}
		s.kpo(2, []string{"doctor"}, "--retry-refused")
	})
	// What kpo remembers of the key would keep the next situations from Outscale as well.
	w.must(os.RemoveAll(filepath.Join(w.Dir, ".cache")))
	if n := refused() - before; n != 1 {
		w.t.Errorf("%d calls with the revoked key were sent in four runs, want 1", n)
	}
}

func noRights(w *world) {
	w.broken("rbac-denied", func(s *situation) {
		s.silent(s.kpo(2, []string{"doctor", "--as", "jane"}, "kpo-viewer"), "nothing to do")
		s.silent(s.kpo(2, []string{"nodes", "--as", "jane"}, "kpo-viewer"), "0 VMs")
	})
}

// deadAPIServer is the load balancer that takes connections for servers that are gone.
func deadAPIServer(w *world) {
	var config net.ListenConfig
	listener, err := config.Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	w.must(err)
	defer func() { _ = listener.Close() }()
	kubeconfig := filepath.Join(w.t.TempDir(), "kubeconfig")
	w.must(os.WriteFile(kubeconfig, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: dead, cluster: {server: "https://%s", insecure-skip-tls-verify: true}}]
users: [{name: you, user: {token: none}}]
contexts: [{name: dead, context: {cluster: dead, user: you}}]
current-context: dead
`, listener.Addr()), 0o600))
	w.broken("dead-api-server", func(s *situation) {
		s.credentials = new(append(environment(w.Region.Fixture(), w.RegionURL), "KUBECONFIG="+kubeconfig))
		began := time.Now()
		s.silent(s.kpo(2, []string{"doctor"}), "nothing to do", "0 Nodes")
		w.t.Logf("doctor on a dead API server took %s", time.Since(began).Round(100*time.Millisecond))
	})
}

func slowOutscale(w *world) {
	w.fault(oapitest.Fault{Call: "*", Kind: oapitest.FaultDelay, Delay: 30 * time.Second})
	defer w.Region.ClearFaults()
	w.broken("slow-outscale", func(s *situation) {
		began := time.Now()
		s.silent(s.kpo(2, []string{"doctor"}, "not checked"), "nothing to do")
		w.t.Logf("doctor with 30 s for each call of Outscale took %s", time.Since(began).Round(100*time.Millisecond))
	})
}
