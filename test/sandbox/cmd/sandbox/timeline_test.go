package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

func TestEachStageIsToldOnceAndMeasured(t *testing.T) {
	var out bytes.Buffer
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	line := newTimeline(&out, begin)
	claim := karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: "default-abcde"}}
	line.observe(begin, sandbox.State{NodeClaims: []karpv1.NodeClaim{claim}})

	claim.StatusConditions().SetTrue(karpv1.ConditionTypeLaunched)
	claim.Status.NodeName = "default-abcde"
	state := sandbox.State{
		NodeClaims: []karpv1.NodeClaim{claim},
		VMs:        []oapitest.VM{{ID: "i-00000001", State: "running", Tags: map[string]string{"karpenter.sh/nodeclaim": claim.Name}}},
		Pods: []corev1.Pod{
			{Spec: corev1.PodSpec{NodeName: claim.Name}, Status: corev1.PodStatus{Phase: corev1.PodRunning}},
			{Spec: corev1.PodSpec{NodeName: claim.Name}, Status: corev1.PodStatus{Phase: corev1.PodPending}},
		},
	}
	line.observe(begin.Add(2*time.Second), state)
	line.observe(begin.Add(3*time.Second), state)
	line.observe(begin.Add(4*time.Second), sandbox.State{})

	told := out.String()
	for stage, times := range map[string]int{"created": 1, "launched": 1, "VM running": 1, "pods running": 0, "gone": 1} {
		if got := strings.Count(told, " "+stage+" "); got != times {
			t.Errorf("%q is told %d times, want %d:\n%s", stage, got, times, told)
		}
	}
	if took := line.durations(created, launched); len(took) != 1 || took[0] != 2*time.Second {
		t.Errorf("created -> launched took %v", took)
	}
}

func TestSummaryCountsCallsByNodeAndVMsLeft(t *testing.T) {
	var out bytes.Buffer
	line := newTimeline(io.Discard, time.Time{})
	line.claims = map[string]*claim{"a": {}, "b": {}}
	summarize(&out, line, []oapitest.APICall{{Name: "ReadVms", Status: 200}, {Name: "ReadVms", Status: 429}, {Name: "CreateVms", Status: 200}}, 7)
	for _, want := range []string{"ReadVms               2       1.0", "all (1 refused)       3       1.5", "VMs left    7"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestCommandLine(t *testing.T) {
	chosen, err := parse([]string{"stay", "--ccm", "off", "--replicas", "4", "--scenario", "sold-out"}, io.Discard)
	if err != nil || chosen.command != "stay" || !chosen.options.WithoutCCM || chosen.replicas != 4 || chosen.options.Scenario != "sold-out" {
		t.Errorf("got %+v, %v", chosen, err)
	}
	var usage bytes.Buffer
	if _, err := parse([]string{"dance"}, &usage); !errors.Is(err, flag.ErrHelp) || !strings.Contains(usage.String(), "kubelet-typo") {
		t.Errorf("want the usage with the scenarios, got %v:\n%s", err, usage.String())
	}
	if _, err := parse([]string{"demo", "--ccm", "perhaps"}, io.Discard); err == nil || !strings.Contains(err.Error(), "perhaps") {
		t.Errorf("want the wrong value, got %v", err)
	}
}
