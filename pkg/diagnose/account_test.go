package diagnose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// elsewhere is the healthy cluster as seen with the credentials of another account.
func elsewhere(change func(*snapshot.Snapshot)) *snapshot.Snapshot {
	s := troubled(func(s *snapshot.Snapshot) {
		s.Access = snapshot.Access{Context: "prod", Region: "eu-west-2", Key: "4821"}
		s.VMs = []snapshot.VM{{ID: "i-0000ffff", State: vm.StateRunning, Tags: map[string]string{"OscK8sClusterID/other": "owned"}}}
	})
	change(s)
	s.CheckAccount()
	return s
}

func TestAnotherAccountIsOneFinding(t *testing.T) {
	s := elsewhere(func(*snapshot.Snapshot) {})
	r := diagnose.Run(s, diagnose.Rules())
	const want = "none of the 3 VMs that Ready Nodes name exists in this account (key ...4821, eu-west-2): wrong credentials or region?"
	if len(r.Problems) != 1 || r.Problems[0].Check != "KPO610" || r.Problems[0].Cause != want || !r.Has(clusterwide.WrongAccount) {
		t.Fatalf("problems %+v, want KPO610 alone with %q", r.Problems, want)
	}
	for _, check := range diagnose.Rules() {
		cloud := slices.ContainsFunc(check.Needs, func(source snapshot.Source) bool {
			return slices.Contains([]snapshot.Source{snapshot.SourceVMs, snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourcePrices}, source)
		})
		if passed := slices.Contains(r.Passed, check.ID); passed && cloud {
			t.Errorf("%s passed, and needs what is another account's", check.ID)
		}
	}
	if !strings.Contains(s.Why(snapshot.SourceVMs), want) {
		t.Errorf("VMs: %q", s.Why(snapshot.SourceVMs))
	}
}

func TestOneVMOfTheClusterProvesTheAccount(t *testing.T) {
	for name, change := range map[string]func(*snapshot.Snapshot){
		"the VM of a NodeClaim":     func(s *snapshot.Snapshot) { s.VMs = append(s.VMs, snapshot.VM{ID: vmID(0), State: vm.StateRunning}) },
		"one that was terminated":   func(s *snapshot.Snapshot) { s.VMs = append(s.VMs, snapshot.VM{ID: vmID(1), State: vm.StateTerminated}) },
		"a leaked one with our UID": func(s *snapshot.Snapshot) { s.VMs[0].Tags = map[string]string{vm.TagClusterUID: clusterUID} },
		"no Node is Ready":          func(s *snapshot.Snapshot) { notReadyAtAll(s) },
		"no Node has a provider ID": func(s *snapshot.Snapshot) { s.Nodes = nil },
		"the VMs were not read": func(s *snapshot.Snapshot) {
			s.Sources[snapshot.SourceVMs] = snapshot.SourceStatus{State: snapshot.StateFailed, Reason: "x"}
		},
		"the user asked not to look": func(s *snapshot.Snapshot) {
			s.Sources[snapshot.SourceVMs] = snapshot.SourceStatus{State: snapshot.StateSkipped}
		},
	} {
		if s := elsewhere(change); s.WrongAccount != "" {
			t.Errorf("%s: %s", name, s.WrongAccount)
		}
	}
}

func notReadyAtAll(s *snapshot.Snapshot) {
	for i := range s.Nodes {
		s.Nodes[i].Status.Conditions[0].Status = corev1.ConditionUnknown
	}
}

func TestReadyNodeContradictsThatItsVMIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		ready   corev1.ConditionStatus
		certain bool
	}{
		"Ready":     {corev1.ConditionTrue, false},
		"not Ready": {corev1.ConditionUnknown, true},
	} {
		s := troubled(func(s *snapshot.Snapshot) {
			s.VMs = s.VMs[1:]
			s.Nodes[0].Status.Conditions[0] = corev1.NodeCondition{Type: corev1.NodeReady, Status: c.ready, LastTransitionTime: ago(5 * time.Minute)}
			s.CheckAccount()
		})
		found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO402")
		if len(found) != 1 || (found[0].Confidence == rule.Certain) != c.certain || strings.Contains(found[0].Next, "delete") {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
