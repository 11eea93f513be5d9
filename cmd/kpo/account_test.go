package main

import (
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// stored writes a changed healthy cluster to a file.
func stored(t *testing.T, change func(*snapshot.Snapshot)) string {
	t.Helper()
	s, err := gather.Load(filepath.Join("testdata", "healthy.json"))
	if err != nil {
		t.Fatal(err)
	}
	change(s)
	path := filepath.Join(t.TempDir(), "snapshot.json")
	if err := gather.Save(s, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnotherAccountIsNoHealthyCluster(t *testing.T) {
	path := stored(t, func(s *snapshot.Snapshot) {
		s.Access = snapshot.Access{Context: "prod-admin", Region: "eu-west-2", Key: "S000"}
		s.VMs = []snapshot.VM{{ID: "i-0000ffff", State: vm.StateRunning, Tags: map[string]string{vm.TagManagedBy: "prod", vm.TagClusterUID: "another"}}}
	})
	const want = "none of the 2 VMs that Ready Nodes name exists in this account (key ...S000, eu-west-2): wrong credentials or region?"
	for _, line := range []string{"doctor", "doctor -o short", "doctor default-7xk2p", "orphans", "orphans --delete --yes", "tags", "nodes", "timeline"} {
		got := kpo(t, session.Environment{}, append(strings.Fields(line), "--from", path)...)
		if got.code != exitTrouble || !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", line, got.code, exitTrouble, want, got.stdout, got.stderr)
		}
		for _, bad := range []string{"√", "OK ", "delete nodeclaim", "KPO402", "ORPHAN", "FOREIGN"} {
			if line != "doctor" && strings.Contains(got.stdout, bad) && !strings.Contains(got.stdout, "no other problems found") {
				t.Errorf("%s: %q in\n%s", line, bad, got.stdout)
			}
		}
	}
}

func TestLiveClusterWithCredentialsOfAnotherAccount(t *testing.T) {
	l, other := newLive(t), newLive(t)
	v := l.launch(t, "default-7xk2p")
	l.claim("default-7xk2p", v)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "default-7xk2p", Labels: map[string]string{"karpenter.sh/nodepool": "default"}}}
	node.Spec.ProviderID = "aws:///" + v.Subregion + "/" + v.ID
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}}
	l.objects = append(l.objects, node)
	if got := l.kpo(t, "", "nodes"); got.code != exitHealthy || !strings.Contains(got.stdout, "key ...Y000") {
		t.Errorf("its own account: %+v", got)
	}
	l.clients.Cloud = other.clients.Cloud
	for _, command := range []string{"doctor", "orphans", "tags", "nodes"} {
		if got := l.kpo(t, "", command, "--cluster-name", "prod"); got.code != exitTrouble || !strings.Contains(got.stdout+got.stderr, "wrong credentials or region?") {
			t.Errorf("%s: %+v", command, got)
		}
	}
}

func TestScreensNameContextAccountAndRegion(t *testing.T) {
	for _, command := range []string{"doctor", "doctor -o short", "orphans", "tags", "nodes"} {
		got := kpo(t, session.Environment{}, append(strings.Fields(command), "--from", filepath.Join("testdata", "healthy.json"))...)
		first, _, _ := strings.Cut(got.stdout, "\n")
		if !strings.HasPrefix(first, "prod | context prod-admin, key ...4821, eu-west-2") {
			t.Errorf("%s begins with %q", command, first)
		}
	}
	l := newLive(t)
	l.claim("default-7xk2p", l.launch(t, "default-7xk2p"))
	fixture := l.region.Fixture()
	for _, command := range []string{"doctor", "orphans", "tags", "nodes"} {
		got := l.kpo(t, "", command, "--context", "staging", "--cluster-name", "prod")
		if !strings.Contains(got.stdout, "prod | context staging, key ..."+fixture.AccessKey[len(fixture.AccessKey)-4:]+", 127.0.0.1:") {
			t.Errorf("%s: %+v", command, got)
		}
		if strings.Contains(got.stdout+got.stderr, fixture.SecretKey) || strings.Contains(got.stdout+got.stderr, fixture.AccessKey) {
			t.Errorf("%s shows the key: %+v", command, got)
		}
	}
	if got := kpo(t, session.Environment{}, "nodes", "--no-headers", "--from", filepath.Join("testdata", "healthy.json")); strings.Contains(got.stdout, "prod-admin") {
		t.Errorf("--no-headers: %s", got.stdout)
	}
}
