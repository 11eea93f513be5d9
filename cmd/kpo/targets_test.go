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

func TestATargetMayHaveEveryFormThatIsPrinted(t *testing.T) {
	healthy := filepath.Join("testdata", "healthy.json")
	s, err := gather.Load(healthy)
	if err != nil {
		t.Fatal(err)
	}
	claim, node, id := s.NodeClaims[0].Name, s.Nodes[0].Name, s.VMs[0].ID
	for _, target := range []string{
		claim, "nodeclaim/" + claim, "nodeclaims.karpenter.sh/" + claim, "nodeclaim.karpenter.sh/" + claim, "machine.kpo/" + claim,
		node, "node/" + node, "no/" + node, id, "vm/" + id, s.NodeClaims[0].Status.ProviderID, "leftover.kpo/" + id,
	} {
		for _, command := range []string{"doctor", "nodes", "timeline", "tags"} {
			got := kpo(t, session.Environment{}, command, target, "--from", healthy)
			if got.code != exitHealthy || command == "nodes" && strings.Count(got.stdout, "\n") != 4 {
				t.Errorf("%s %s: exit %d\n%s%s", command, target, got.code, got.stdout, got.stderr)
			}
		}
	}
	for _, target := range []string{"nodepool/default", "nodepool.karpenter.sh/default", "outscalenodeclass.karpenter.outscale.com/default", "oscnc/default"} {
		if got := kpo(t, session.Environment{}, "doctor", target, "--from", healthy); got.code != exitHealthy {
			t.Errorf("doctor %s: exit %d\n%s%s", target, got.code, got.stdout, got.stderr)
		}
	}
	for _, target := range []string{"nodeclaim/nosuch", "nodepool/nosuch", "pod/nosuch", "shop/nosuch"} {
		if got := kpo(t, session.Environment{}, "doctor", target, "--from", healthy); got.code != exitUsage {
			t.Errorf("doctor %s: exit %d\n%s%s", target, got.code, got.stdout, got.stderr)
		}
	}
}

func TestATerminatedVMIsStillATarget(t *testing.T) {
	path := changed(t, func(s *snapshot.Snapshot) {
		s.VMs = append(s.VMs, snapshot.VM{
			ID: "i-0badc0de", State: vm.StateTerminated, StateReason: "Client.UserInitiatedShutdown", CreatedAt: s.TakenAt.Add(-3 * 60e9),
			Tags: map[string]string{vm.TagManagedBy: s.Cluster.Name, vm.TagNodeClaim: "default-gone1"},
		})
		s.Events = append(s.Events, corev1.Event{
			InvolvedObject: corev1.ObjectReference{Kind: "NodeClaim", Name: "default-gone1"}, Reason: "DisruptionTerminating", Message: "Disrupting NodeClaim: Drifted",
			LastTimestamp: metav1.NewTime(s.TakenAt.Add(-60e9)),
		})
	})
	for _, target := range []string{"i-0badc0de", "nodeclaim/default-gone1", "aws:///eu-west-2a/i-0badc0de"} {
		got := kpo(t, session.Environment{}, "doctor", target, "--from", path)
		for _, want := range []string{"the VM is terminated (Client.UserInitiatedShutdown)", "3m ago", "Drifted"} {
			if got.code != exitHealthy || !strings.Contains(got.stdout, want) || strings.Contains(got.stdout, "nothing to do") {
				t.Errorf("%s: exit %d, no %q\n%s%s", target, got.code, want, got.stdout, got.stderr)
			}
		}
	}
}

func TestAPodLeadsToItsNode(t *testing.T) {
	l := newLive(t)
	v := l.launch(t, "default-7xk2p")
	l.claim("default-7xk2p", v)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "default-7xk2p", Labels: map[string]string{"karpenter.sh/nodepool": "default"}}}
	node.Spec.ProviderID = "aws:///" + v.Subregion + "/" + v.ID
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "shop"}, Spec: corev1.PodSpec{NodeName: node.Name}}
	l.objects = append(l.objects, node, pod)
	for _, line := range []string{"doctor shop/web-1", "doctor pod/web-1 -n shop"} {
		if got := l.kpo(t, "", strings.Fields(line)...); !strings.Contains(got.stdout, "\ndefault-7xk2p  ") {
			t.Errorf("%s: exit %d\n%s%s", line, got.code, got.stdout, got.stderr)
		}
	}
	if got := l.kpo(t, "", "doctor", "pod/web-1"); got.code != exitUsage || !strings.Contains(got.stderr, `no pod "web-1" in namespace "default"`) {
		t.Errorf("%+v", got)
	}
}
