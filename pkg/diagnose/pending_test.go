package diagnose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	tooBig    = "Failed to schedule pod, no instance type has enough resources, requirements=karpenter.outscale.com/instance-cpu Exists <=16"
	overLimit = "Failed to schedule pod, all available instance types exceed limits for nodepool (NodePool=default)"
)

// pending adds pods that the scheduler finds no node for.
func pending(s *snapshot.Snapshot, n int, since time.Duration) {
	for i := range n {
		p := pod(fmt.Sprintf("web-%d", i), "", nil, nil)
		p.Status.Phase = corev1.PodPending
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, LastTransitionTime: ago(since),
		}}
		s.Pods = append(s.Pods, p)
	}
}

// refused has Karpenter say of the first pod why it makes no node for it.
func refused(s *snapshot.Snapshot, message string, before time.Duration) {
	e := event("Pod", "web-0", "FailedScheduling", message, before)
	e.InvolvedObject.Namespace, e.Source.Component = "shop", "karpenter"
	s.Events = append(s.Events, e)
}

func pendingScenarios() map[rule.ID]scenario {
	says := func(message string, before time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			pending(s, 1, 25*time.Second)
			refused(s, message, before)
		}
	}
	limit := func(used string, pods int) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.NodePools[0].Spec.Limits = karpv1.Limits{corev1.ResourceCPU: resource.MustParse("8")}
			s.NodePools[0].Status.Resources = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(used)}
			pending(s, pods, 30*time.Minute)
		}
	}
	ready := func(state string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.NodePools[0].Status.Conditions = []status.Condition{
				{Type: "Ready", Status: "False", Reason: "UnhealthyDependents", Message: "ValidationSucceeded=False", LastTransitionTime: ago(time.Hour)},
				{Type: "ValidationSucceeded", Status: "False", Reason: "NodePoolValidationFailed", Message: "label domain is restricted", LastTransitionTime: ago(time.Hour)},
			}
			if state != "False" {
				s.NodePools[0].Status.Conditions = []status.Condition{{Type: "Ready", Status: "Unknown", Reason: "AwaitingReconciliation"}}
			}
		}
	}
	nothingFits := func(pods int) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			pending(s, pods, 30*time.Minute)
			s.Events = append(s.Events, event("NodePool", "default", "NoCompatibleInstanceTypes", "NodePool requirements filtered out all compatible available instance types", 30*time.Second))
		}
	}
	return map[rule.ID]scenario{
		"KPO111": {trouble: says(tooBig, 20*time.Second), nearMiss: says(tooBig, 10*time.Minute), certain: []string{"event"}},
		"KPO112": {
			trouble: func(s *snapshot.Snapshot) { pending(s, 3, 2*time.Minute) },
			nearMiss: func(s *snapshot.Snapshot) {
				pending(s, 3, 2*time.Minute)
				booting(s, 30*time.Second, "")
			},
		},
		"KPO113": {trouble: limit("8", 2), nearMiss: limit("8", 0), certain: []string{"event", "pods"}},
		"KPO114": {trouble: ready("False"), nearMiss: ready("Unknown"), certain: []string{"pool"}},
		"KPO115": {trouble: nothingFits(1), nearMiss: nothingFits(0), certain: []string{"event"}},
		"KPO116": {trouble: func(s *snapshot.Snapshot) { s.NodePools = nil }, nearMiss: func(*snapshot.Snapshot) {}, certain: []string{}},
	}
}

// checksOf are the checks of the problems.
func checksOf(r diagnose.Report) []string {
	out := []string{}
	for _, p := range r.Problems {
		out = append(out, string(p.Check))
	}
	slices.Sort(out)
	return out
}

func TestPendingPodsHaveOneCause(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*snapshot.Snapshot)
		want   []string
	}{
		"the limit, as Karpenter says while there is a core left": {func(s *snapshot.Snapshot) {
			pendingScenarios()["KPO113"].trouble(s)
			s.Pods = s.Pods[:1]
			s.NodePools[0].Status.Resources[corev1.ResourceCPU] = resource.MustParse("7")
			refused(s, overLimit, 10*time.Second)
		}, []string{"KPO113"}},
		"a pod that is too big, next to a limit": {func(s *snapshot.Snapshot) {
			pendingScenarios()["KPO113"].trouble(s)
			refused(s, tooBig, 10*time.Second)
		}, []string{"KPO111", "KPO113"}},
		"no capacity": {func(s *snapshot.Snapshot) {
			launchScenarios()["KPO102"].trouble(s)
			refused(s, "Failed to schedule pod, no instance type has the required offering, requirements=x", 10*time.Second)
			s.Events = append(s.Events, event("NodePool", "default", "NoCompatibleInstanceTypes", "NodePool requirements filtered out all", 30*time.Second))
		}, []string{"KPO102"}},
		"a NodeClass that is not Ready": {func(s *snapshot.Snapshot) {
			launchScenarios()["KPO101"].trouble(s)
			pendingScenarios()["KPO114"].trouble(s)
			pending(s, 2, 10*time.Minute)
		}, []string{"KPO101"}},
		"a machine that does not join": {func(s *snapshot.Snapshot) {
			bootScenarios()["KPO207"].trouble(s)
			pending(s, 2, 10*time.Minute)
		}, []string{"KPO207"}},
		"a controller that is down": {func(s *snapshot.Snapshot) {
			s.Cluster.Controller.Available = 0
			pending(s, 2, 10*time.Minute)
		}, []string{"KPO603"}},
		"a name that another cluster uses": {func(s *snapshot.Snapshot) {
			scenarios()["KPO604"].trouble(s)
			pending(s, 2, 10*time.Minute)
		}, []string{"KPO112", "KPO604"}},
		"no NodePool": {func(s *snapshot.Snapshot) {
			s.NodePools = nil
			pending(s, 2, 10*time.Minute)
		}, []string{"KPO116"}},
	} {
		s := troubled(c.change)
		if got := checksOf(diagnose.Run(s, diagnose.Rules())); !slices.Equal(got, c.want) {
			t.Errorf("%s: problems %v, want %v", name, got, c.want)
		}
		for _, p := range s.Pods {
			if r := diagnose.Run(s, diagnose.Rules(), p.Namespace+"/"+p.Name); len(r.Problems) == 0 {
				t.Errorf("%s: doctor %s finds nothing", name, p.Name)
			}
		}
	}
}

func TestPendingPodIsNeverSettled(t *testing.T) {
	for name, s := range worlds(t) {
		pending(s, 1, 25*time.Second)
		if diagnose.Run(s, diagnose.Rules()).Settled() {
			t.Errorf("%s: a pod is pending, and there is nothing to do", name)
		}
	}
	s := troubled(func(s *snapshot.Snapshot) { pending(s, 2, 25*time.Second) })
	r := diagnose.Run(s, diagnose.Rules())
	if !r.Healthy() || len(r.UnderWay) != 1 || r.UnderWay[0].Text != "2 pods are pending" || now().Sub(r.UnderWay[0].Since) != 25*time.Second {
		t.Errorf("healthy %v, under way %+v", r.Healthy(), r.UnderWay)
	}
}

func TestRefusalThatNothingWaitsOnIsOver(t *testing.T) {
	for check, change := range map[rule.ID]func(*snapshot.Snapshot){
		"KPO102": launchScenarios()["KPO102"].trouble,
		"KPO103": func(s *snapshot.Snapshot) {
			launchScenarios()["KPO103"].trouble(s)
			s.Quotas[0].Used = 97
			pending(s, 1, time.Minute)
		},
	} {
		s := troubled(change)
		if len(problemsOf(diagnose.Run(s, diagnose.Rules()), check)) == 0 {
			t.Errorf("%s: not found while a pod is pending", check)
		}
		s.Pods = nil
		if found := problemsOf(diagnose.Run(s, diagnose.Rules()), check); len(found) > 0 {
			t.Errorf("%s: %+v although nothing waits", check, found)
		}
	}
}

func TestNodeClassThatOutscaleRefusesIsNamedWithItsMessage(t *testing.T) {
	for _, kind := range []string{v1alpha1.ConditionLaunchReady, v1alpha1.ConditionVolumesReady} {
		s := troubled(func(s *snapshot.Snapshot) {
			s.NodeClasses[0].Status.Conditions = []status.Condition{
				{Type: "Ready", Status: "False", Message: kind + "=False", LastTransitionTime: ago(time.Minute)},
				{Type: kind, Status: "False", Reason: "LaunchRefused", Message: "spec.x: CreateVms 4047 of " + kind, LastTransitionTime: ago(time.Minute)},
			}
			launchScenarios()["KPO107"].trouble(s)
		})
		r := diagnose.Run(s, diagnose.Rules())
		if got := checksOf(r); !slices.Equal(got, []string{"KPO101"}) {
			t.Fatalf("%s: problems %v", kind, got)
		}
		if p := r.Problems[0]; p.Cause != "NodeClass condition "+kind+" is false" || p.Evidence[0].Text != "default: spec.x: CreateVms 4047 of "+kind {
			t.Errorf("%s: %+v", kind, p)
		}
	}
}

func TestBudgetOfTheNodePoolIsToldWhenItBlocks(t *testing.T) {
	const message = "No allowed disruptions for disruption reason Drifted due to blocking budget"
	s := troubled(func(s *snapshot.Snapshot) {
		set(&s.NodeClaims[0], "Drifted", "True", "NodeClassDrifted", 24*time.Hour)
		s.Events = []corev1.Event{event("NodePool", "default", "DisruptionBlocked", message, time.Minute)}
	})
	if got := checksOf(diagnose.Run(s, diagnose.Rules())); !slices.Equal(got, []string{"KPO404"}) {
		t.Errorf("drifted for a day: problems %v", got)
	}
	s = healthy("default-7xk2p")
	e := event("NodePool", "default", "DisruptionBlocked", "No allowed disruptions for disruption reason Empty due to blocking budget", time.Minute)
	e.FirstTimestamp = ago(20 * time.Minute)
	s.Events = []corev1.Event{e}
	if r := diagnose.Run(s, diagnose.Rules()); r.Settled() || !r.Healthy() {
		t.Errorf("blocked for 20 minutes: problems %v, under way %v", r.Problems, r.UnderWay)
	}
	s.Events[0].FirstTimestamp = ago(2 * time.Minute)
	if r := diagnose.Run(s, diagnose.Rules()); !r.Settled() {
		t.Errorf("blocked for a minute: under way %v", r.UnderWay)
	}
}

func TestDrainOfSecondsIsNoTrouble(t *testing.T) {
	s := troubled(endScenarios()["KPO501"].trouble)
	s.NodeClaims[0].DeletionTimestamp = new(ago(10 * time.Second))
	if r := diagnose.Run(s, diagnose.Rules()); len(r.Problems) > 0 || r.Settled() {
		t.Errorf("problems %v, under way %v", r.Problems, r.UnderWay)
	}
}

func TestAllTagsStrippedIsOneProblemOfTheOwner(t *testing.T) {
	s := troubled(func(s *snapshot.Snapshot) { s.VMs[0].Tags = nil })
	r := diagnose.Run(s, diagnose.Rules())
	if got := checksOf(r); !slices.Equal(got, []string{"KPO405"}) || !strings.Contains(r.Problems[0].Evidence[1].Text, "OscK8sNodeName") {
		t.Errorf("problems %v %+v", got, r.Problems)
	}
}

func TestOneOfSeveralCausesIsNeverCertain(t *testing.T) {
	for name, s := range worlds(t) {
		for _, p := range diagnose.Run(s, diagnose.Rules()).Problems {
			if p.Confidence == rule.Certain && strings.Contains(p.Cause, ", or ") {
				t.Errorf("%s: %s is certain that %q", name, p.Check, p.Cause)
			}
		}
	}
}
