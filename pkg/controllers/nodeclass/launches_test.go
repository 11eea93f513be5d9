package nodeclass_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/nodeclass"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// A class whose launches are refused is not ready, looked at again when the next try is, and says why until one succeeds.
func TestAClassSaysWhyItsLaunchesAreRefused(t *testing.T) {
	region := &oapitest.Region{}
	class := newNodeClass(region)
	class.UID = "class-uid"
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(class, workerconfig.Secret(t)).
		WithStatusSubresource(&v1alpha1.OutscaleNodeClass{}).Build()
	clock := clocktesting.NewFakeClock(time.Now())
	refusals := availability.New(clock.Now)
	controller := nodeclass.NewController(clock, kube, kube, discovery.NewProvider(account.Client(t, region)), refusals,
		events.NewRecorder(record.NewFakeRecorder(100)))
	look := func() (*v1alpha1.OutscaleNodeClass, time.Duration) {
		t.Helper()
		result, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(class)})
		if err != nil {
			t.Fatal(err)
		}
		got := &v1alpha1.OutscaleNodeClass{}
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(class), got); err != nil {
			t.Fatal(err)
		}
		return got, result.RequeueAfter
	}
	refusals.Refuse(availability.Blame{Class: instancetype.Class(class)}, instancetype.Class(class), "CreateVms: 4078 InvalidParameterValue: too small")
	refused, again := look()
	launches := refused.StatusConditions().Get(v1alpha1.ConditionLaunchReady)
	if !refused.StatusConditions().Get("Ready").IsFalse() || !strings.Contains(launches.Message, "4078") {
		t.Errorf("Ready is %s, LaunchReady %s: %q", refused.StatusConditions().Get("Ready").Status, launches.Status, launches.Message)
	}
	if again != time.Minute {
		t.Errorf("looked at again after %s, want at the end of the back-off", again)
	}
	clock.Step(again)
	trial, _ := look()
	if launches := trial.StatusConditions().Get(v1alpha1.ConditionLaunchReady); !trial.StatusConditions().IsTrue("Ready") || !strings.Contains(launches.Message, "4078") {
		t.Errorf("after the back-off Ready is %s, LaunchReady says %q: the pool could never try again",
			trial.StatusConditions().Get("Ready").Status, launches.Message)
	}
	refusals.Launched(availability.Launch{Class: instancetype.Class(class)})
	if good, _ := look(); good.StatusConditions().Get(v1alpha1.ConditionLaunchReady).Message != "" {
		t.Error("a launch succeeded, and the refusal is still there")
	}
	refusals.Refuse(availability.Blame{Class: instancetype.Class(class)}, instancetype.Class(class), "CreateVms: 4078 InvalidParameterValue: too small")
	edited, _ := look()
	edited.Generation++
	if err := kube.Update(t.Context(), edited); err != nil {
		t.Fatal(err)
	}
	if got, _ := look(); !got.StatusConditions().IsTrue("Ready") {
		t.Error("the edit that may have put it right has to wait for the back-off")
	}
}
