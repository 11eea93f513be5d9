package diagnose_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// sleepless is a cluster with several troubles at once: what kpo's screens are shown by.
func sleepless() *snapshot.Snapshot {
	s := healthy("default-web11")
	for i, change := range []func(*snapshot.Snapshot){
		scenarios()["KPO207"].trouble, scenarios()["KPO207"].trouble, scenarios()["KPO501"].trouble, scenarios()["KPO601"].trouble, scenarios()["KPO406"].trouble,
	} {
		one := healthy()
		add(one, fmt.Sprintf("default-%dxk2p", i), i+1)
		change(one)
		s.NodeClaims, s.Nodes, s.VMs = append(s.NodeClaims, one.NodeClaims...), append(s.Nodes, one.Nodes...), append(s.VMs, one.VMs...)
		s.Pods, s.Budgets = append(s.Pods, one.Pods...), append(s.Budgets, one.Budgets...)
		maps.Copy(s.Consoles, one.Consoles)
	}
	for i := range s.VMs {
		s.VMs[i].EURPerHour = 0.171
	}
	s.Sources[snapshot.SourceQuotas] = snapshot.SourceStatus{State: snapshot.StateFailed, Reason: "ReadQuotas: 4 AccessDenied: not allowed (request 9f0c)"}
	s.Quotas = nil
	furnish(s)
	return s
}

// furnish adds what only tables show: sizes, what pods request, and why a node is not consolidated.
func furnish(s *snapshot.Snapshot) {
	s.NodeClasses[0].Spec.InstanceTypes = v1alpha1.InstanceTypes{
		Generations: []int32{6, 7}, VCores: []int32{2, 4}, MemoryPerVCore: []int32{4}, Performances: []string{"high"},
	}
	s.NodeClasses[0].Status.Subnets = []v1alpha1.Subnet{
		{ID: "subnet-a", Subregion: "eu-west-2a"}, {ID: "subnet-b", Subregion: "eu-west-2b"},
	}
	for i := range s.Nodes {
		s.Nodes[i].Status.Allocatable = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"),
		}
	}
	s.Usage = map[string]snapshot.Usage{
		"default-web11": {Pods: 17, MilliCPU: 2950, Memory: 4 << 30},
		"default-2xk2p": {Pods: 3, MilliCPU: 250, Memory: 256 << 20},
		"default-4xk2p": {Pods: 11, MilliCPU: 1000, Memory: 6 << 30},
	}
	s.Sources[snapshot.SourceUsage] = snapshot.SourceStatus{State: snapshot.StateOK, Count: 31}
	at := metav1.NewTime(now().Add(-7 * time.Minute))
	s.Events = append(s.Events, corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "default-web11.1", Namespace: "default", CreationTimestamp: at},
		InvolvedObject: corev1.ObjectReference{Kind: "NodeClaim", Name: "default-web11"},
		Reason:         "Unconsolidatable", Message: "Can't replace with a cheaper node", Type: corev1.EventTypeNormal,
		Source: corev1.EventSource{Component: "karpenter"}, FirstTimestamp: at, LastTimestamp: at, Count: 1,
	})
}

func TestFixturesOfTheScreensAreCurrent(t *testing.T) {
	for name, s := range map[string]*snapshot.Snapshot{"sleepless": sleepless(), "healthy": healthy("default-7xk2p", "default-9qqzz")} {
		s.Access = snapshot.Access{Context: "prod-admin", Region: "eu-west-2", Key: "4821"}
		golden(t, filepath.Join("..", "..", "..", "cmd", "kpo", "testdata", name), s)
		loaded, err := gather.Load(filepath.Join("..", "..", "cmd", "kpo", "testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(diagnose.Run(s, diagnose.Rules()), diagnose.Run(loaded, diagnose.Rules())); diff != "" {
			t.Errorf("%s: a file is judged otherwise than what it was made of:\n%s", name, diff)
		}
	}
}

func TestOrphansHaveTheirVerdicts(t *testing.T) {
	token := healthy().Cluster.Owned()
	for verdict, change := range map[string]func(*snapshot.Snapshot){
		clusterwide.Orphan:    func(*snapshot.Snapshot) {},
		clusterwide.Young:     func(s *snapshot.Snapshot) { s.VMs[0].CreatedAt = now().Add(-time.Minute) },
		clusterwide.Deleting:  func(s *snapshot.Snapshot) { s.VMs[0].State = "shutting-down" },
		clusterwide.Protected: func(s *snapshot.Snapshot) { s.VMs[0].Protected = true },
		clusterwide.Foreign:   func(s *snapshot.Snapshot) { s.VMs[0].Tags["karpenter.outscale.com/cluster-uid"] = "another" },
		clusterwide.Untagged: func(s *snapshot.Snapshot) {
			s.VMs[0].Tags, s.VMs[0].ClientToken = nil, token.Token(ownerOf("gone"), "tinav6.c4r8p1", "subnet-1")
		},
		clusterwide.NodeAlive: func(s *snapshot.Snapshot) {
			spare := healthy("default-7xk2p")
			s.Nodes = append(s.Nodes, spare.Nodes[0])
		},
	} {
		s := troubled(func(s *snapshot.Snapshot) { s.NodeClaims, s.Nodes = s.NodeClaims[1:], s.Nodes[1:] })
		change(s)
		found := clusterwide.Orphans(s)
		if len(found) != 1 || found[0].Verdict != verdict {
			t.Errorf("%+v, want one %s", found, verdict)
			continue
		}
		if deletable := found[0].Deletable(); deletable != slices.Contains([]string{clusterwide.Orphan, clusterwide.Untagged}, verdict) {
			t.Errorf("%s: deletable %v", verdict, deletable)
		}
	}
}

// Its NodeClaim was given up before the machine joined: no pod runs there, and the controller deletes the VM.
func TestTheNodeOfAnOrphanThatWasNeverRegisteredProtectsNothing(t *testing.T) {
	s := troubled(func(s *snapshot.Snapshot) {
		s.NodeClaims = s.NodeClaims[1:]
		s.Nodes[0].Spec.Taints = append(s.Nodes[0].Spec.Taints, karpv1.UnregisteredNoExecuteTaint)
	})
	if found := clusterwide.Orphans(s); len(found) != 1 || found[0].Verdict != clusterwide.Orphan {
		t.Errorf("%+v, want an orphan", found)
	}
}

func TestVMThatAClaimIsLaunchingIsNoOrphan(t *testing.T) {
	s := troubled(func(s *snapshot.Snapshot) {
		claim := &s.NodeClaims[0]
		claim.Status.ProviderID, claim.Status.NodeName = "", ""
		s.VMs[0].ClientToken = s.Cluster.Owned().Token(ownerOf(string(claim.UID)), "tinav6.c4r8p1", "subnet-1")
		s.VMs[0].Tags = nil
	})
	if found := clusterwide.Orphans(s); len(found) > 0 {
		t.Errorf("orphans %+v", found)
	}
}

func BenchmarkDoctor(b *testing.B) {
	s := healthy()
	for i := range 2000 {
		add(s, fmt.Sprintf("default-%05d", i), i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := diagnose.Run(s, diagnose.Rules()); !r.Healthy() {
			b.Fatal(r.Problems)
		}
	}
}
