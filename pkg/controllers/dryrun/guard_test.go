package dryrun_test

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/dryrun"
)

// controllerPod is one that the chart makes for a live controller of namespace "live".
func controllerPod(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "live", Name: "karpenter-1", Labels: map[string]string{"app.kubernetes.io/name": "karpenter-provider-outscale"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "controller", Env: []corev1.EnvVar{{Name: "OSC_CLUSTER_ID", Value: "prod"}}}}},
	}
	change(pod)
	return pod
}

func TestADryRunNextToALiveControllerDoesNotRun(t *testing.T) {
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(controllerPod(func(*corev1.Pod) {})).Build()
	err := dryrun.NewGuard(kube, "trial").Check(t.Context())
	if !errors.Is(err, dryrun.ErrLive) || !strings.Contains(err.Error(), "live/karpenter-1") || !strings.Contains(err.Error(), "settings.dryRun") {
		t.Errorf("got %v, want one that names the pod and what to do", err)
	}
}

func TestADryRunRunsNextToWhatActsOnNothing(t *testing.T) {
	for name, change := range map[string]func(*corev1.Pod){
		"another dry run": func(p *corev1.Pod) {
			p.Spec.Containers[0].Env = append(p.Spec.Containers[0].Env, corev1.EnvVar{Name: "DRY_RUN", Value: "true"})
		},
		"a dry run by its flag": func(p *corev1.Pod) { p.Spec.Containers[0].Args = []string{"--dry-run"} },
		"the controller before": func(p *corev1.Pod) { p.Namespace = "trial" },
		"a pod that has ended":  func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed },
		"another program":       func(p *corev1.Pod) { p.Labels["app.kubernetes.io/name"] = "karpenter" },
	} {
		kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(controllerPod(change)).Build()
		if err := dryrun.NewGuard(kube, "trial").Check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
