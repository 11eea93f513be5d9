package gather_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func runningPod(name, node, cpu, memory string, phase corev1.PodPhase) *corev1.Pod {
	requests := corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: requests}}}},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

func TestUsageAddsUpWhatRunsAndKeepsNoPod(t *testing.T) {
	// An init container that needs more than the pod later on counts, as it does for the scheduler.
	starting := runningPod("starting", "n1", "100m", "1Gi", corev1.PodRunning)
	starting.Spec.InitContainers = []corev1.Container{{
		Name: "init", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}},
	}}
	objects := []client.Object{
		kubeSystem(), starting,
		runningPod("web", "n1", "500m", "512Mi", corev1.PodRunning),
		runningPod("done", "n1", "8", "8Gi", corev1.PodSucceeded),
		runningPod("dead", "n2", "8", "8Gi", corev1.PodFailed),
		runningPod("waiting", "", "8", "8Gi", corev1.PodPending),
		runningPod("pulling", "n2", "250m", "1Gi", corev1.PodPending),
	}
	in := gather.Inputs{Kube: kube(objects...).Build(), NoCloud: gather.Skipped("off"), Now: time.Now}
	if s := gather.New(in).Read(t.Context()); s.Usage != nil || s.Why(snapshot.SourceUsage) == "" {
		t.Errorf("read without being asked: %v", s.Usage)
	}
	in.Reads = []snapshot.Source{snapshot.SourceUsage}
	s := gather.New(in).Read(t.Context())
	want := map[string]snapshot.Usage{"n1": {Pods: 2, MilliCPU: 1500, Memory: 1536 << 20}, "n2": {Pods: 1, MilliCPU: 250, Memory: 1 << 30}}
	if diff := cmp.Diff(want, s.Usage); diff != "" || s.Why(snapshot.SourceUsage) != "" {
		t.Error(diff, s.Why(snapshot.SourceUsage))
	}
	for _, pod := range s.Pods {
		if pod.Name == "web" || pod.Name == "starting" {
			t.Errorf("pod %s is kept", pod.Name)
		}
	}
}

func TestShareIsUnknownWhereTheNodeDoesNotSayWhatItHas(t *testing.T) {
	node := &corev1.Node{}
	if _, _, known := (snapshot.Usage{MilliCPU: 1}).Share(node); known {
		t.Error("known")
	}
	node.Status.Allocatable = corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi")}
	if cpu, memory, known := (snapshot.Usage{MilliCPU: 1000, Memory: 4 << 30}).Share(node); cpu != 0.25 || memory != 0.5 || !known {
		t.Error(cpu, memory, known)
	}
}

func TestPartOfTheUsageIsNone(t *testing.T) {
	failing := kube(kubeSystem(), runningPod("web", "n1", "500m", "512Mi", corev1.PodRunning)).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, into client.ObjectList, options ...client.ListOption) error {
			_, pods := into.(*corev1.PodList)
			switch asked := (&client.ListOptions{}).ApplyOptions(options); {
			case !pods || asked.FieldSelector != nil:
				return c.List(ctx, into, options...)
			case asked.Continue != "":
				return errors.New("etcd is away")
			}
			err := c.List(ctx, into)
			into.SetContinue("more")
			return err
		},
	}).Build()
	s := gather.New(gather.Inputs{Kube: failing, NoCloud: gather.Skipped("off"), Now: time.Now, Reads: []snapshot.Source{snapshot.SourceUsage}}).Read(t.Context())
	if s.Usage != nil || s.Sources[snapshot.SourceUsage].State != snapshot.StateFailed {
		t.Errorf("usage %v, source %+v", s.Usage, s.Sources[snapshot.SourceUsage])
	}
}
