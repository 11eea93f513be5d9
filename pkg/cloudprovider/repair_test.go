package cloudprovider_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/controllers/node/health"
	"sigs.k8s.io/karpenter/pkg/operator/options"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// Core's own matcher judges the policies: it is what decides in a cluster.
func TestASilentNodeIsRebootedAndAnyOtherThatIsNotReadyIsReplaced(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	ctx := options.ToContext(t.Context(), &options.Options{FeatureGates: options.FeatureGates{NodeRepair: true}})
	matcher, err := health.NewRepairPolicyMatcher(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status  corev1.ConditionStatus
		reason  string
		minutes int
		want    karp.RepairAction
	}{
		"silent for 9 minutes":                     {corev1.ConditionUnknown, "NodeStatusUnknown", 9, ""},
		"silent for 10 minutes":                    {corev1.ConditionUnknown, "NodeStatusUnknown", 10, karp.RebootNode},
		"silent for hours":                         {corev1.ConditionUnknown, "NodeStatusUnknown", 300, karp.RebootNode},
		"never reported, for 19 minutes":           {corev1.ConditionUnknown, "NodeStatusNeverUpdated", 19, ""},
		"never reported, for 20 minutes":           {corev1.ConditionUnknown, "NodeStatusNeverUpdated", 20, karp.ReplaceNode},
		"reports that it is not ready, 19 minutes": {corev1.ConditionFalse, "KubeletNotReady", 19, ""},
		"reports that it is not ready, 20 minutes": {corev1.ConditionFalse, "KubeletNotReady", 20, karp.ReplaceNode},
		"ready": {corev1.ConditionTrue, "KubeletReady", 300, ""},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			since := metav1.NewTime(now.Add(-time.Duration(c.minutes) * time.Minute))
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-24 * time.Hour))}}
			node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: c.status, Reason: c.reason, LastTransitionTime: since}}
			result := health.Resolve(matcher.Match(node), now, time.Time{})
			if result.Action != c.want {
				t.Errorf("action %q, want %q", result.Action, c.want)
			}
			if c.want == karp.RebootNode && (result.TerminationGracePeriod == nil || *result.TerminationGracePeriod != 0) {
				t.Error("a silent kubelet evicts nothing: the reboot must not wait for a drain")
			}
		})
	}
}
