package dryrun_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/dryrun"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

func readyClass() *v1alpha1.OutscaleNodeClass {
	nodeClass := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default", Generation: 1}}
	for _, condition := range nodeClass.StatusConditions().List() {
		nodeClass.StatusConditions().SetTrue(condition.Type)
	}
	return nodeClass
}

func TestANodeClassSaysThatADryRunIsOnAndStaysReady(t *testing.T) {
	nodeClass := readyClass()
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(nodeClass).WithStatusSubresource(nodeClass).Build()
	// After each switch once more: the second time there is nothing to write.
	for _, on := range []bool{false, true, true, false, false} {
		request := reconcile.Request{NamespacedName: client.ObjectKey{Name: "default"}}
		if _, err := dryrun.NewController(kube, on).Reconcile(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		got := &v1alpha1.OutscaleNodeClass{}
		if err := kube.Get(t.Context(), request.NamespacedName, got); err != nil {
			t.Fatal(err)
		}
		if said := got.StatusConditions().IsTrue("DryRun"); said != on {
			t.Errorf("dry run %t: the condition is %t", on, said)
		}
		if !got.StatusConditions().IsTrue(status.ConditionReady) || got.Trouble() != "" {
			t.Errorf("dry run %t: the NodeClass is not ready: %s", on, got.Trouble())
		}
	}
}

func TestADryRunDeletesNothingInKubernetesAndMakesNoSecret(t *testing.T) {
	claim := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: "default-a1", UID: "uid-1"}}
	base := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(claim).Build()
	said := record.NewFakeRecorder(10)
	kube := dryrun.NewClient(base, events.NewRecorder(said), true)
	if err := kube.Delete(t.Context(), claim); !errors.Is(err, oapi.ErrDryRun) {
		t.Errorf("deleting: %v, want a plan: whoever deletes says that it did", err)
	}
	if err := kube.DeleteAllOf(t.Context(), claim); !errors.Is(err, oapi.ErrDryRun) {
		t.Errorf("deleting all: %v, want a plan", err)
	}
	if err := base.Get(t.Context(), client.ObjectKey{Name: "default-a1"}, &karpv1.NodeClaim{}); err != nil {
		t.Errorf("the NodeClaim: %v", err)
	}
	if event := <-said.Events; !strings.Contains(event, "would delete NodeClaim default-a1") {
		t.Errorf("event %q", event)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-abc"}}
	if err := kube.Create(t.Context(), secret); err != nil {
		t.Errorf("making a Secret: %v, want the launch to go on to its own plan", err)
	}
	if err := base.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err == nil {
		t.Error("the Secret was made")
	}
}

func TestWithoutADryRunTheClientIsTheSame(t *testing.T) {
	base := fake.NewClientBuilder().WithScheme(scheme.Scheme).Build()
	if kube := dryrun.NewClient(base, nil, false); kube != client.Client(base) {
		t.Error("another client")
	}
}
