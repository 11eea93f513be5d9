package diagnose_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func TestNothingUnwellEndsInAGreenTick(t *testing.T) {
	for name, s := range worlds(t) {
		whole := diagnose.Run(s, diagnose.Rules())
		for _, m := range s.Machines() {
			well := m.Phase() == snapshot.PhaseRunning && snapshot.Ready(m.Node).Status == corev1.ConditionTrue
			if s.Why(snapshot.SourceVMs) == "" {
				well = well && m.VM != nil && (m.VM.State == vm.StateRunning || m.VM.State == vm.StatePending)
			}
			if !well && whole.Settled() {
				t.Errorf("%s: %s is %s, and there is nothing to do", name, m.Name(), m.Phase())
			}
			if !well && diagnose.Run(s, diagnose.Rules(), diagnose.NamesOf(m)...).Settled() {
				t.Errorf("%s: %s is %s, and there is nothing to do for it", name, m.Name(), m.Phase())
			}
		}
		for _, pod := range s.Pods {
			waits := pod.Spec.NodeName == "" && pod.Status.Phase == corev1.PodPending
			if waits && (whole.Settled() || diagnose.Run(s, diagnose.Rules(), pod.Namespace+"/"+pod.Name).Settled()) {
				t.Errorf("%s: pod %s is pending, and there is nothing to do", name, pod.Name)
			}
		}
	}
}

func TestCertaintyRestsOnItsEvidence(t *testing.T) {
	all, certain := scenarios(), map[rule.ID]bool{}
	for name, s := range worlds(t) {
		for _, p := range diagnose.Run(s, diagnose.Rules()).Problems {
			if p.Confidence != rule.Certain {
				continue
			}
			certain[p.Check] = true
			sources := all[p.Check].certain
			if sources == nil {
				t.Errorf("%s: %s is certain, and nothing says by what: %s", name, p.Check, p.Cause)
			}
			for _, source := range sources {
				if !slices.ContainsFunc(p.Evidence, func(e rule.Evidence) bool { return e.Source == source }) {
					t.Errorf("%s: %s is certain without evidence of %s: %+v", name, p.Check, source, p.Evidence)
				}
			}
		}
	}
	for id, s := range all {
		if s.certain != nil && !certain[id] {
			t.Errorf("%s is never certain: its scenario says by what", id)
		}
	}
}

func TestEveryCheckHasATroubleAndANearMiss(t *testing.T) {
	all := scenarios()
	for _, check := range diagnose.Rules() {
		if s := all[check.ID]; s.trouble == nil || s.nearMiss == nil {
			t.Errorf("%s lacks a scenario", check.ID)
		}
		delete(all, check.ID)
	}
	for id := range all {
		t.Errorf("%s has a scenario, and is no check", id)
	}
}

func TestNothingGoesOnForTheAgeOfAThing(t *testing.T) {
	for name, s := range worlds(t) {
		for _, p := range diagnose.Run(s, diagnose.Rules()).Problems {
			for _, subject := range p.Subjects {
				if p.Check == "KPO404" {
					continue // the node of the scenario drifts since it was made
				}
				if ageOf(s, subject) {
					t.Errorf("%s: %s began when %s was made", name, p.Check, subject.Name)
				}
			}
		}
	}
}

// ageOf reports whether the trouble is as old as a thing that ran well before: the machines of the scenarios are an hour
// old, and troubled for minutes.
func ageOf(s *snapshot.Snapshot, subject rule.Ref) bool {
	for _, m := range s.Machines() {
		if subject.Kind == "NodePool" || m.VM == nil || !slices.Contains(diagnose.NamesOf(m), subject.Name) || m.Phase() == snapshot.PhaseRegistering {
			continue
		}
		if subject.Since.Equal(m.VM.CreatedAt) || m.Node != nil && m.Phase() != snapshot.PhaseInitializing && subject.Since.Equal(m.Node.CreationTimestamp.Time) {
			return true
		}
	}
	return false
}

func TestJSONInJSONIsReadable(t *testing.T) {
	found := problemsOf(diagnose.Run(troubled(bootScenarios()["KPO208"].trouble), diagnose.Rules()), "KPO208")
	if len(found) != 1 || !strings.Contains(found[0].Evidence[0].Text, `unknown field "maxPodz"`) {
		t.Errorf("%+v", found)
	}
}
