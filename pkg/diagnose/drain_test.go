package diagnose_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// budget covers the pods of an app.
func budget(name, app string, allowed int32) policyv1.PodDisruptionBudget {
	b := policyv1.PodDisruptionBudget{}
	b.Namespace, b.Name = "shop", name
	b.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	b.Status.DisruptionsAllowed, b.Status.CurrentHealthy, b.Status.DesiredHealthy = allowed, 2, 2
	return b
}

// twoBudgets drains a node with a pod of redis for half a minute; the second budget covers the app.
func twoBudgets(first, second string) func(*snapshot.Snapshot) {
	app := strings.TrimSuffix(second, "-copy")
	return func(s *snapshot.Snapshot) {
		terminating(s, 30*time.Second)
		s.Pods = []corev1.Pod{pod("redis-0", s.Nodes[0].Name, map[string]string{"app": "redis"}, nil)}
		s.Budgets = []policyv1.PodDisruptionBudget{budget(first, "redis", 1), budget(second, app, 1)}
	}
}

// reported loads a snapshot that a public report was rebuilt as (see the reports that testdata/reports came with).
func reported(t *testing.T, name string) *snapshot.Snapshot {
	t.Helper()
	s, err := gather.Load(filepath.Join("testdata", "reports", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDrainsNameWhatReallyBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		check rule.ID
		says  []string
		until string
	}{
		"s20_dnd_duration":  {"KPO502", []string{"shop/batch-1: karpenter.sh/do-not-disrupt=4h, until 2026-11-22T06:52:07Z"}, "2026-11-22T06:52:07Z"},
		"s20b_dnd_true":     {"KPO502", []string{"shop/batch-1: karpenter.sh/do-not-disrupt=true"}, ""},
		"s21_dnd_daemonset": {"", nil, ""},
		"s21b_dnd_static":   {"", nil, ""},
		"s22_two_pdbs":      {"KPO508", []string{"shop/web", "shop/web-copy", "shop/web-1"}, ""},
	} {
		r := diagnose.Run(reported(t, name), diagnose.Rules())
		for _, id := range []rule.ID{"KPO501", "KPO502", "KPO508"} {
			if found := problemsOf(r, id); (len(found) > 0) != (id == c.check) {
				t.Errorf("%s: %s: %+v, want %s", name, id, found, c.check)
			}
		}
		if c.check == "" {
			continue
		}
		p := problemsOf(r, c.check)[0]
		text := p.Cause
		for _, e := range p.Evidence {
			text += "\n" + e.Text
		}
		for _, words := range c.says {
			if !strings.Contains(text, words) {
				t.Errorf("%s: no %q in %s", name, words, text)
			}
		}
		if got := p.Deadline.Format(time.RFC3339); c.until != "" && got != c.until || c.until == "" && !p.Deadline.IsZero() {
			t.Errorf("%s: deadline %s, want %q", name, got, c.until)
		}
		if len(problemsOf(r, "KPO507")) > 0 {
			t.Errorf("%s: KPO507 although the cause is known", name)
		}
	}
}

func TestPodsThatDoNotBlockADrainAreNotBlamed(t *testing.T) {
	yes := map[string]string{karpv1.DoNotDisruptAnnotationKey: "true"}
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		blamed bool
	}{
		"as it is":            {func(*corev1.Pod) {}, true},
		"10m, 20 minutes old": {func(p *corev1.Pod) { p.Annotations = map[string]string{karpv1.DoNotDisruptAnnotationKey: "10m"} }, false},
		"30m, 20 minutes old": {func(p *corev1.Pod) { p.Annotations = map[string]string{karpv1.DoNotDisruptAnnotationKey: "30m"} }, true},
		"no duration":         {func(p *corev1.Pod) { p.Annotations = map[string]string{karpv1.DoNotDisruptAnnotationKey: "yes"} }, false},
		"a negative duration": {func(p *corev1.Pod) { p.Annotations = map[string]string{karpv1.DoNotDisruptAnnotationKey: "-4h"} }, false},
		"a duration, not started": {func(p *corev1.Pod) {
			p.Annotations, p.Status.StartTime = map[string]string{karpv1.DoNotDisruptAnnotationKey: "10m"}, nil
		}, true},
		"tolerates the taint":      {tolerates(corev1.Toleration{Key: "karpenter.sh/disrupted", Operator: corev1.TolerationOpExists}), false},
		"tolerates all":            {tolerates(corev1.Toleration{Operator: corev1.TolerationOpExists}), false},
		"tolerates NoExecute only": {tolerates(corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}), true},
		"tolerates another taint":  {tolerates(corev1.Toleration{Key: "example.com/x", Operator: corev1.TolerationOpExists}), true},
		"tolerates another value":  {tolerates(corev1.Toleration{Key: "karpenter.sh/disrupted", Value: "x"}), true},
		"a static pod":             {func(p *corev1.Pod) { p.OwnerReferences = []metav1.OwnerReference{{Kind: "Node", Name: "n"}} }, false},
		"ended":                    {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, false},
		"being deleted":            {func(p *corev1.Pod) { p.DeletionTimestamp = new(ago(time.Second)) }, false},
	} {
		s := troubled(func(s *snapshot.Snapshot) {
			terminating(s, 5*time.Minute)
			p := pod("batch-0", s.Nodes[0].Name, nil, yes)
			p.Status.StartTime = new(ago(20 * time.Minute))
			c.change(&p)
			s.Pods = []corev1.Pod{p}
		})
		if found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO502"); (len(found) > 0) != c.blamed {
			t.Errorf("%s: %+v, want blamed %v", name, found, c.blamed)
		}
	}
}

func tolerates(toleration corev1.Toleration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{toleration} }
}

func TestBudgetsBlockOnlyWhatTheyMay(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*policyv1.PodDisruptionBudget, *corev1.Pod)
		found  bool
	}{
		"used up":              {func(*policyv1.PodDisruptionBudget, *corev1.Pod) {}, true},
		"for ten seconds":      {func(b *policyv1.PodDisruptionBudget, _ *corev1.Pod) { b.Status.Conditions = usedUp(10 * time.Second) }, false},
		"for three minutes":    {func(b *policyv1.PodDisruptionBudget, _ *corev1.Pod) { b.Status.Conditions = usedUp(3 * time.Minute) }, true},
		"of another namespace": {func(b *policyv1.PodDisruptionBudget, _ *corev1.Pod) { b.Namespace = "other" }, false},
		"of a tolerant pod": {func(_ *policyv1.PodDisruptionBudget, p *corev1.Pod) {
			tolerates(corev1.Toleration{Operator: "Exists"})(p)
		}, false},
		"of a pending pod":       {func(_ *policyv1.PodDisruptionBudget, p *corev1.Pod) { p.Status.Phase = corev1.PodPending }, false},
		"of a pod that goes":     {func(_ *policyv1.PodDisruptionBudget, p *corev1.Pod) { p.DeletionTimestamp = new(ago(time.Second)) }, false},
		"not Ready, all healthy": {func(_ *policyv1.PodDisruptionBudget, p *corev1.Pod) { unready(p) }, false},
		"not Ready, one short":   {func(b *policyv1.PodDisruptionBudget, p *corev1.Pod) { unready(p); b.Status.CurrentHealthy = 1 }, true},
		"not Ready, AlwaysAllow": {func(b *policyv1.PodDisruptionBudget, p *corev1.Pod) {
			unready(p)
			b.Status.CurrentHealthy, b.Spec.UnhealthyPodEvictionPolicy = 1, new(policyv1.AlwaysAllow)
		}, false},
	} {
		s := troubled(func(s *snapshot.Snapshot) {
			terminating(s, 4*time.Minute)
			b, p := budget("redis", "redis", 0), pod("redis-0", s.Nodes[0].Name, map[string]string{"app": "redis"}, nil)
			c.change(&b, &p)
			s.Pods, s.Budgets = []corev1.Pod{p}, []policyv1.PodDisruptionBudget{b}
		})
		found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO501")
		if (len(found) > 0) != c.found {
			t.Errorf("%s: %+v, want found %v", name, found, c.found)
		}
		if c.found && !strings.Contains(found[0].Evidence[len(found[0].Evidence)-1].Text, "shop/redis-0") {
			t.Errorf("%s: the pod is not named: %+v", name, found[0].Evidence)
		}
	}
}

func usedUp(since time.Duration) []metav1.Condition {
	return []metav1.Condition{{Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, LastTransitionTime: ago(since)}}
}

func unready(p *corev1.Pod) {
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
}

func TestABlockOfDriftThatIsOverIsNone(t *testing.T) {
	for age, want := range map[time.Duration]bool{5 * time.Minute: true, 40 * time.Minute: false} {
		s := troubled(runScenarios()["KPO404"].trouble)
		s.Events[0].LastTimestamp = ago(age)
		if found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO404"); (len(found) > 0) != want {
			t.Errorf("blocked %s ago: %+v", age, found)
		}
	}
}
