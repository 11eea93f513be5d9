package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
)

// rebooting is the healthy cluster while node repair reboots its first machine.
func rebooting(t *testing.T) string {
	t.Helper()
	s, err := gather.Load(filepath.Join("testdata", "healthy.json"))
	if err != nil {
		t.Fatal(err)
	}
	claim := &s.NodeClaims[0]
	ago := func(d time.Duration) metav1.Time { return metav1.NewTime(s.TakenAt.Add(-d)) }
	for i := range claim.Status.Conditions {
		if condition := &claim.Status.Conditions[i]; condition.Type == karpv1.ConditionTypeInitialized {
			condition.Status, condition.Reason, condition.LastTransitionTime = metav1.ConditionUnknown, karpv1.RebootReasonRebooting, ago(time.Minute)
		}
	}
	claim.Status.Conditions = append(claim.Status.Conditions,
		status.Condition{
			Type: karpv1.ConditionTypeRebooting, Status: metav1.ConditionTrue, Reason: karpv1.RebootReasonIssued,
			Message: "rebooting for Ready/NodeStatusUnknown", LastTransitionTime: ago(90 * time.Second),
		},
		status.Condition{Type: karpv1.ConditionTypeDisruptionReason, Status: metav1.ConditionTrue, Reason: "Unhealthy", LastTransitionTime: ago(90 * time.Second)},
	)
	claim.Annotations = map[string]string{
		v1alpha1.AnnotationReboot: `{"operation":"x","sentAt":"` + ago(time.Minute).UTC().Format(time.RFC3339) + `","accepted":true}`,
	}
	path := filepath.Join(t.TempDir(), "rebooting.json")
	if err := gather.Save(s, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRebootIsShownWhereverMachinesAre(t *testing.T) {
	file := rebooting(t)
	for line, want := range map[string][]string{
		"nodes":                {"default-7xk2p  Rebooting", "Rebooting 1, Running 1"},
		"timeline":             {"REBOOT OF", "requested  2026-11-22T03:10:37Z     0s  rebooting for Ready/NodeStatusUnknown", "issued     2026-11-22T03:11:07Z    30s"},
		"timeline -o yaml":     {"reboot:\n", "step: issued"},
		"doctor default-7xk2p": {"Initialized - Rebooting", "rebooting for 90s (RebootIssued)", "disrupted as Unhealthy: node repair", "no problems found"},
	} {
		got := kpo(t, session.Environment{UTF8: true}, append(strings.Fields(line), "--from", file)...)
		for _, word := range want {
			if got.code != exitHealthy || !strings.Contains(got.stdout, word) {
				t.Errorf("%q: exit %d, no %q in\n%s%s", line, got.code, word, got.stdout, got.stderr)
			}
		}
	}
	if got := kpo(t, session.Environment{}, "timeline", "--from", filepath.Join("testdata", "healthy.json")); strings.Contains(got.stdout, "REBOOT") {
		t.Errorf("reboots where there was none:\n%s", got.stdout)
	}
}

func TestReportCountsNoChecks(t *testing.T) {
	for line, want := range map[string]string{
		"doctor --from testdata/healthy.json":           "no problems found, nothing to do\n",
		"doctor --from testdata/sleepless.json":         "no other problems found in what was checked\n",
		"doctor -o wide --from testdata/sleepless.json": "passed: KPO101 ",
	} {
		if got := kpo(t, session.Environment{UTF8: true}, strings.Fields(line)...); !strings.Contains(got.stdout, want) {
			t.Errorf("%q: no %q in\n%s", line, want, got.stdout)
		}
	}
}
