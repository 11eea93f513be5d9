package nodeclass_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/nodeclass"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// launchedBefore is a NodeClaim of class default that an older release launched.
func launchedBefore(edit func(*karpv1.NodeClaim)) *karpv1.NodeClaim {
	out := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{
		Name: "default-a1",
		Annotations: map[string]string{
			v1alpha1.AnnotationHash: "1", v1alpha1.AnnotationHashVersion: "v1", "karpenter.sh/nodepool-hash": "7",
		},
	}}
	out.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	out.Status.ProviderID = "aws:///eu-west-2a/i-00000001"
	edit(out)
	return out
}

// migrated reconciles the class with the NodeClaim and returns hash version and hash of the NodeClaim.
func migrated(t *testing.T, region *oapitest.Region, given *karpv1.NodeClaim, others ...client.Object) (string, string) {
	t.Helper()
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(append(others, given)...).
		WithStatusSubresource(&v1alpha1.OutscaleNodeClass{}, given).Build()
	controller := nodeclass.NewController(clock.RealClock{}, kube, kube,
		discovery.NewProvider(account.Client(t, region)), availability.New(time.Now), events.NewRecorder(record.NewFakeRecorder(100)))
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "default"}}); err != nil {
		t.Fatal(err)
	}
	stored := &karpv1.NodeClaim{}
	if err := kube.Get(t.Context(), client.ObjectKeyFromObject(given), stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(given.Annotations["karpenter.sh/nodepool-hash"], stored.Annotations["karpenter.sh/nodepool-hash"]); diff != "" {
		t.Errorf("annotation of core's (-want +got):\n%s", diff)
	}
	return stored.Annotations[v1alpha1.AnnotationHashVersion], stored.Annotations[v1alpha1.AnnotationHash]
}

func TestANodeOfAnotherHashVersionGetsTheHashOfToday(t *testing.T) {
	secret := workerconfig.Secret(t)
	for name, edit := range map[string]func(*karpv1.NodeClaim){
		"older":   func(*karpv1.NodeClaim) {},
		"newer":   func(c *karpv1.NodeClaim) { c.Annotations[v1alpha1.AnnotationHashVersion] = "v99" },
		"without": func(c *karpv1.NodeClaim) { c.Annotations = nil },
		"drifted from its NodePool": func(c *karpv1.NodeClaim) {
			c.StatusConditions().SetTrueWithReason(karpv1.ConditionTypeDrifted, "NodePoolDrifted", "NodePoolDrifted")
		},
	} {
		region := &oapitest.Region{}
		nodeClass := newNodeClass(region)
		version, hash := migrated(t, region, launchedBefore(edit), nodeClass, secret)
		if version != v1alpha1.HashVersion || hash != nodeClass.Hash() {
			t.Errorf("%s: %s %s, want %s: it would never drift again", name, version, hash, nodeClass.VersionedHash())
		}
	}
}

func TestAnUpgradeForgetsNoDrift(t *testing.T) {
	region := &oapitest.Region{}
	drifted := launchedBefore(func(c *karpv1.NodeClaim) {
		c.StatusConditions().SetTrueWithReason(karpv1.ConditionTypeDrifted, "NodeClassDrifted", "NodeClassDrifted")
	})
	version, hash := migrated(t, region, drifted, newNodeClass(region), workerconfig.Secret(t))
	if version != v1alpha1.HashVersion || hash != "1" {
		t.Errorf("%s %s, want %s 1", version, hash, v1alpha1.HashVersion)
	}
}

func TestHashesThatAreNotToBeMigratedStay(t *testing.T) {
	secret := workerconfig.Secret(t)
	for name, edit := range map[string]func(*karpv1.NodeClaim){
		"of this version":     func(c *karpv1.NodeClaim) { c.Annotations[v1alpha1.AnnotationHashVersion] = v1alpha1.HashVersion },
		"of another class":    func(c *karpv1.NodeClaim) { c.Spec.NodeClassRef.Name = "other" },
		"of another provider": func(c *karpv1.NodeClaim) { c.Spec.NodeClassRef.Group = "karpenter.k8s.aws" },
		"not launched":        func(c *karpv1.NodeClaim) { c.Status.ProviderID = "" },
		"being deleted": func(c *karpv1.NodeClaim) {
			c.Finalizers, c.DeletionTimestamp = []string{"karpenter.sh/termination"}, new(metav1.Now())
		},
	} {
		region := &oapitest.Region{}
		given := launchedBefore(edit)
		version, hash := migrated(t, region, given, newNodeClass(region), secret)
		if version != given.Annotations[v1alpha1.AnnotationHashVersion] || hash != "1" {
			t.Errorf("%s: now %s %s", name, version, hash)
		}
	}
	region := &oapitest.Region{}
	typo := newNodeClass(region)
	typo.Spec.ImageID = "ami-deadbeef"
	if version, hash := migrated(t, region, launchedBefore(func(*karpv1.NodeClaim) {}), typo, secret); version != "v1" || hash != "1" {
		t.Errorf("the class is not ready: now %s %s", version, hash)
	}
}
