package cloudprovider_test

import (
	"strings"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeclaim/lifecycle"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/events"
	"sigs.k8s.io/karpenter/pkg/state/nodepoolhealth"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// kubeletLabels are the labels that the kubelet of the only VM sets when it creates its Node.
func (w *world) kubeletLabels(t *testing.T) map[string]string {
	t.Helper()
	data, ok := w.region.GuestUserData(w.machines()[0].ID)
	if !ok {
		t.Fatal("the VM has no user data")
	}
	cfg, err := configloader.NewFromBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, list := range cfg.RawV1Alpha1().MachineConfig.MachineKubelet.KubeletExtraArgs.ToMap()["node-labels"] {
		for pair := range strings.SplitSeq(list, ",") {
			key, value, _ := strings.Cut(pair, "=")
			out[key] = value
		}
	}
	return out
}

// A startup taint that its agent removed before the CCM set the provider ID has no one left to remove it again.
func TestAStartupTaintThatWasRemovedStaysAway(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	delete(node.Labels, karpv1.NodePoolLabelKey)
	node.Spec.Taints = []corev1.Taint{{Key: "dedicated", Value: "db", Effect: corev1.TaintEffectNoSchedule}}
	node.Spec.StartupTaints = []corev1.Taint{{Key: "example.com/agent-not-ready", Effect: corev1.TaintEffectNoExecute}}
	created, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	node.Labels, node.Annotations, node.Status = created.Labels, created.Annotations, created.Status
	node.StatusConditions().SetTrue(karpv1.ConditionTypeLaunched)
	registered := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: w.kubeletLabels(t)},
		Spec: corev1.NodeSpec{
			ProviderID: node.Status.ProviderID,
			Taints:     []corev1.Taint{karpv1.UnregisteredNoExecuteTaint, node.Spec.Taints[0]},
		},
	}
	w.kube = fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(node, registered).WithStatusSubresource(node).
		WithIndex(&corev1.Node{}, "spec.providerID", func(o client.Object) []string {
			n, ok := o.(*corev1.Node)
			if !ok {
				return nil
			}
			return []string{n.Spec.ProviderID}
		}).Build()
	clk := clocktesting.NewFakeClock(time.Now())
	controller := lifecycle.NewController(clk, w.kube, w.CloudProvider, events.NewRecorder(w.events),
		state.NewCluster(clk, w.kube, w.CloudProvider), nodepoolhealth.NewState(), nil)
	if err := w.kube.Get(t.Context(), client.ObjectKeyFromObject(node), node); err != nil {
		t.Fatal(err)
	}
	if _, err := controller.Reconcile(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	if err := w.kube.Get(t.Context(), client.ObjectKeyFromObject(registered), registered); err != nil {
		t.Fatal(err)
	}
	if registered.Labels[karpv1.NodeRegisteredLabelKey] != "true" {
		t.Fatalf("core did not register the Node: %+v", node.Status.Conditions)
	}
	if got := registered.Spec.Taints; len(got) != 1 || got[0] != node.Spec.Taints[0] {
		t.Errorf("taints after registration %v, want the one of the NodePool", got)
	}
}
