package nodeclass_test

import (
	"strings"
	"testing"
	"time"

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

// reconcileOnce stores the objects, reconciles the class once and returns it with the error of the reconciliation.
func reconcileOnce(t *testing.T, region *oapitest.Region, objects ...client.Object) (*v1alpha1.OutscaleNodeClass, error) {
	t.Helper()
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.OutscaleNodeClass{}).Build()
	controller := nodeclass.NewController(clock.RealClock{}, kube, kube,
		discovery.NewProvider(account.Client(t, region)), availability.New(time.Now), events.NewRecorder(record.NewFakeRecorder(100)))
	_, reconcileErr := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "default"}})
	stored := &v1alpha1.OutscaleNodeClass{}
	if err := kube.Get(t.Context(), client.ObjectKey{Name: "default"}, stored); err != nil {
		t.Fatal(err)
	}
	return stored, reconcileErr
}

func newNodeClass(region *oapitest.Region) *v1alpha1.OutscaleNodeClass {
	fixture := region.Fixture()
	nodeClass := &v1alpha1.OutscaleNodeClass{
		ObjectMeta: metav1.ObjectMeta{Name: "default", Generation: 1},
		Spec: v1alpha1.OutscaleNodeClassSpec{
			ImageID:          fixture.ImageID,
			SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID},
			KeypairName:      fixture.KeypairName,
			Talos: v1alpha1.Talos{
				WorkerConfigSecretRef: v1alpha1.SecretKeyReference{Namespace: "kube-system", Name: "talos-worker", Key: "worker.yaml"},
				Hostname:              v1alpha1.HostnameNodeClaim,
			},
		},
	}
	for _, subnet := range fixture.Subnets {
		nodeClass.Spec.SubnetIDs = append(nodeClass.Spec.SubnetIDs, subnet.ID)
	}
	return nodeClass
}

func TestAGoodNodeClassIsReadyAndShowsWhatItFound(t *testing.T) {
	region := &oapitest.Region{}
	got, err := reconcileOnce(t, region, newNodeClass(region), workerconfig.Secret(t))
	if err != nil {
		t.Fatal(err)
	}
	if !got.StatusConditions().IsTrue("Ready") {
		t.Fatalf("conditions %+v", got.Status.Conditions)
	}
	if len(got.Status.Subnets) != len(region.Fixture().Subnets) || got.Status.Subnets[0].Subregion != region.Fixture().Subnets[0].Subregion {
		t.Errorf("subnets %+v", got.Status.Subnets)
	}
	fixture := region.Fixture()
	image := got.Status.Image
	if image == nil || image.ID != fixture.ImageID || image.Name == "" || image.TalosVersion != "v1.13.0" {
		t.Errorf("image %+v", image)
	}
	groups := got.Status.SecurityGroups
	if len(groups) != 1 || groups[0].ID != fixture.WorkerSecurityGroupID || groups[0].Name == "" {
		t.Errorf("security groups %+v", groups)
	}
	if len(got.Finalizers) != 1 {
		t.Errorf("finalizers %v, want ours: a class must not go before its nodes", got.Finalizers)
	}
}

func TestABadFieldIsNamedInTheCondition(t *testing.T) {
	for field, spoil := range map[string]func(*v1alpha1.OutscaleNodeClass){
		"spec.imageId":                         func(c *v1alpha1.OutscaleNodeClass) { c.Spec.ImageID = "ami-deadbeef" },
		"spec.subnetIds":                       func(c *v1alpha1.OutscaleNodeClass) { c.Spec.SubnetIDs = []string{"subnet-deadbeef"} },
		"spec.securityGroupIds":                func(c *v1alpha1.OutscaleNodeClass) { c.Spec.SecurityGroupIDs[0] = "sg-deadbeef" },
		"spec.keypairName":                     func(c *v1alpha1.OutscaleNodeClass) { c.Spec.KeypairName = "nobody" },
		"spec.talos.workerConfigSecretRef":     func(c *v1alpha1.OutscaleNodeClass) { c.Spec.Talos.WorkerConfigSecretRef.Name = "nobody" },
		"spec.talos.workerConfigSecretRef.key": func(c *v1alpha1.OutscaleNodeClass) { c.Spec.Talos.WorkerConfigSecretRef.Key = "nothing" },
		"patches[0]":                           func(c *v1alpha1.OutscaleNodeClass) { c.Spec.Talos.Patches = []string{"machine:\n  kubelett: {}\n"} },
		"machine.kubelet.extraConfig": func(c *v1alpha1.OutscaleNodeClass) {
			c.Spec.Talos.Patches = []string{"machine:\n  kubelet:\n    extraConfig:\n      maxPodz: 12\n"}
		},
		"spec.blockDeviceMappings[0].bsu.volumeSize": func(c *v1alpha1.OutscaleNodeClass) {
			c.Spec.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 1, VolumeType: "gp2"}}}
		},
	} {
		t.Run(field, func(t *testing.T) {
			region := &oapitest.Region{}
			nodeClass := newNodeClass(region)
			spoil(nodeClass)
			got, err := reconcileOnce(t, region, nodeClass, workerconfig.Secret(t))
			if err != nil {
				t.Fatal(err)
			}
			bad := ""
			for _, condition := range got.Status.Conditions {
				if condition.Status == metav1.ConditionFalse && condition.Type != "Ready" {
					bad += condition.Message
				}
			}
			if !strings.Contains(bad, field) || !got.StatusConditions().Get("Ready").IsFalse() {
				t.Errorf("false conditions say %q, want %q; Ready is %s", bad, field, got.StatusConditions().Get("Ready").Status)
			}
		})
	}
}

func TestWhatCannotBeReadIsUnknownAndNotFalse(t *testing.T) {
	region := &oapitest.Region{}
	if err := region.AddFault(oapitest.Fault{Call: "ReadImages", Kind: oapitest.FaultErrorBefore}); err != nil {
		t.Fatal(err)
	}
	got, err := reconcileOnce(t, region, newNodeClass(region), workerconfig.Secret(t))
	if err == nil {
		t.Error("no error: it would not be tried again soon")
	}
	image := got.StatusConditions().Get(v1alpha1.ConditionImageReady)
	if !image.IsUnknown() || !strings.Contains(image.Message, "spec.imageId") {
		t.Errorf("ImageReady is %s: %q, want Unknown: one failed read must not stop a NodePool", image.Status, image.Message)
	}
}

func TestAFailedReadTakesNothingBackThatWasFoundGood(t *testing.T) {
	region := &oapitest.Region{}
	good, err := reconcileOnce(t, region, newNodeClass(region), workerconfig.Secret(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := region.AddFault(oapitest.Fault{Call: "*", Kind: oapitest.FaultErrorBefore}); err != nil {
		t.Fatal(err)
	}
	got, err := reconcileOnce(t, region, good, workerconfig.Secret(t))
	if err == nil || !got.StatusConditions().IsTrue("Ready") {
		t.Errorf("error %v, Ready is %s: an outage of the API must not stop every NodePool", err, got.StatusConditions().Get("Ready").Status)
	}
}

func TestANodeClassStaysAsLongAsANodeClaimUsesIt(t *testing.T) {
	region := &oapitest.Region{}
	nodeClass := newNodeClass(region)
	nodeClass.Finalizers = []string{v1alpha1.Finalizer}
	nodeClass.DeletionTimestamp = new(metav1.Now())
	user := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: "default-a1"}}
	user.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	got, err := reconcileOnce(t, region, nodeClass, user)
	if err != nil || len(got.Finalizers) != 1 {
		t.Errorf("finalizers %v, error %v, want ours kept", got.Finalizers, err)
	}
}

func TestSecretsOfTheWorkerConfigNeverShowInTheStatus(t *testing.T) {
	region := &oapitest.Region{}
	secret := workerconfig.Secret(t)
	secret.Data["worker.yaml"] = append(secret.Data["worker.yaml"], []byte("\n---\nmachine:\n  tokenn: hunter2hunter2\n")...)
	got, err := reconcileOnce(t, region, newNodeClass(region), secret)
	if err != nil {
		t.Fatal(err)
	}
	talos := got.StatusConditions().Get(v1alpha1.ConditionTalosReady)
	if !talos.IsFalse() || strings.Contains(talos.Message, "hunter2") {
		t.Errorf("TalosReady is %s: %q", talos.Status, talos.Message)
	}
}

func TestASubnetThatIsNotFoundTakesNoInstanceTypesAway(t *testing.T) {
	region := &oapitest.Region{}
	good, err := reconcileOnce(t, region, newNodeClass(region), workerconfig.Secret(t))
	if err != nil {
		t.Fatal(err)
	}
	// The same class, seen with the credentials of an account that has other subnets.
	got, err := reconcileOnce(t, &oapitest.Region{Seed: 7}, good, workerconfig.Secret(t))
	if err != nil {
		t.Fatal(err)
	}
	if !got.StatusConditions().Get("Ready").IsFalse() || len(got.Status.Subnets) != len(good.Status.Subnets) {
		t.Errorf("Ready is %s, subnets %v: without subregions core would replace every node", got.StatusConditions().Get("Ready").Status, got.Status.Subnets)
	}
}
