package nodeclass_test

import (
	"context"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/nodeclass"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

func TestASpecThatCannotBeRightKeepsTheSubnetsThatWereFound(t *testing.T) {
	for name, spoil := range map[string]func(*v1alpha1.OutscaleNodeClass){
		"none of the subnets exists": func(c *v1alpha1.OutscaleNodeClass) { c.Spec.SubnetIDs = []string{"subnet-deadbeef"} },
		"other subnets and no such group": func(c *v1alpha1.OutscaleNodeClass) {
			c.Spec.SubnetIDs, c.Spec.SecurityGroupIDs = c.Spec.SubnetIDs[:1], []string{"sg-deadbeef"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			region := &oapitest.Region{Subregions: 2}
			good, err := reconcileOnce(t, region, newNodeClass(region), workerconfig.Secret(t))
			if err != nil || len(good.Status.Subnets) != 2 {
				t.Fatal(err, good.Status.Subnets)
			}
			spoil(good)
			good.Generation = 2
			got, err := reconcileOnce(t, region, good, workerconfig.Secret(t))
			if err != nil {
				t.Fatal(err)
			}
			if !got.StatusConditions().Get("Ready").IsFalse() || len(got.Status.Subnets) != 2 || len(got.Status.Subregions) != 2 {
				t.Errorf("Ready is %s, subnets %v: core marks each node drifted whose subregion is not on offer",
					got.StatusConditions().Get("Ready").Status, got.Status.Subnets)
			}
		})
	}
}

func TestASubnetThatIsMissingIsLeftOut(t *testing.T) {
	region := &oapitest.Region{Subregions: 2}
	class := newNodeClass(region)
	class.Spec.SubnetIDs = append(class.Spec.SubnetIDs, "subnet-deadbeef")
	got, err := reconcileOnce(t, region, class, workerconfig.Secret(t))
	if err != nil {
		t.Fatal(err)
	}
	subnets := got.StatusConditions().Get(v1alpha1.ConditionSubnetsReady)
	if !got.StatusConditions().IsTrue("Ready") || !strings.Contains(subnets.Message, "subnet-deadbeef") {
		t.Errorf("SubnetsReady is %s: %q, want the class Ready and the subnet named", subnets.Status, subnets.Message)
	}
	if len(got.Status.Subnets) != 2 {
		t.Errorf("subnets %v, want the two that exist", got.Status.Subnets)
	}
}

func TestTwoFailuresOfOneKindLeaveTheStatusAsItIs(t *testing.T) {
	region := &oapitest.Region{}
	if err := region.AddFault(oapitest.Fault{Call: "*", Kind: oapitest.FaultError, Code: "2000", Status: 500}); err != nil {
		t.Fatal(err)
	}
	first, err := reconcileOnce(t, region, newNodeClass(region), workerconfig.Secret(t))
	if err == nil || !strings.Contains(err.Error(), "(request ") {
		t.Fatalf("error %v, want one for the log, with its request ID", err)
	}
	before := first.Trouble()
	second, _ := reconcileOnce(t, region, first, workerconfig.Secret(t))
	if after := second.Trouble(); after != before || strings.Contains(after, "(request ") || !strings.Contains(after, "spec.imageId") {
		t.Errorf("each retry writes another status:\n%s\n%s", before, after)
	}
}

func TestAForbiddenSecretIsNamedWithTheValueOfTheChart(t *testing.T) {
	region := &oapitest.Region{}
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(newNodeClass(region)).WithStatusSubresource(&v1alpha1.OutscaleNodeClass{}).Build()
	forbidden := interceptor.NewClient(kube, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, nil)
		},
	})
	controller := nodeclass.NewController(clock.RealClock{}, kube, forbidden, discovery.NewProvider(account.Client(t, region)),
		availability.New(time.Now), events.NewRecorder(record.NewFakeRecorder(100)))
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "default"}}); err != nil {
		t.Errorf("error %v: it is no outage, and each quick retry costs reads of the cloud", err)
	}
	got := &v1alpha1.OutscaleNodeClass{}
	if err := kube.Get(t.Context(), client.ObjectKey{Name: "default"}, got); err != nil {
		t.Fatal(err)
	}
	talos := got.StatusConditions().Get(v1alpha1.ConditionTalosReady)
	if !talos.IsFalse() || !strings.Contains(talos.Message, "kube-system/talos-worker") || !strings.Contains(talos.Message, "workerConfigSecrets") {
		t.Errorf("TalosReady is %s: %q", talos.Status, talos.Message)
	}
}

func TestAVolumeThatCannotBeMadeIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		bsu  v1alpha1.BSU
		says string
	}{
		"no such snapshot":             {v1alpha1.BSU{SnapshotID: "snap-deadbeef"}, "spec.blockDeviceMappings[1].bsu.snapshotId: the account sees no snapshot snap-deadbeef"},
		"smaller than the snapshot":    {v1alpha1.BSU{VolumeSize: 1}, "spec.blockDeviceMappings[1].bsu.volumeSize: 1 GiB is less than"},
		"as large as the snapshot":     {v1alpha1.BSU{VolumeSize: 10}, ""},
		"the size that a snapshot has": {v1alpha1.BSU{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			region := &oapitest.Region{}
			class := newNodeClass(region)
			if tt.bsu.SnapshotID == "" {
				tt.bsu.SnapshotID = region.Fixture().SnapshotID
			}
			class.Spec.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{
				{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50}}, {DeviceName: "/dev/sdb", BSU: tt.bsu},
			}
			got, err := reconcileOnce(t, region, class, workerconfig.Secret(t))
			if err != nil {
				t.Fatal(err)
			}
			volumes := got.StatusConditions().Get(v1alpha1.ConditionVolumesReady)
			if got.StatusConditions().IsTrue("Ready") != (tt.says == "") || !strings.Contains(volumes.Message, tt.says) {
				t.Errorf("VolumesReady is %s: %q, want %q", volumes.Status, volumes.Message, tt.says)
			}
		})
	}
}

func TestAnImageLargerThanTheDefaultRootIsNamed(t *testing.T) {
	region := &oapitest.Region{}
	if err := region.SetImageSize(region.Fixture().ImageID, 60); err != nil {
		t.Fatal(err)
	}
	got, err := reconcileOnce(t, region, newNodeClass(region), workerconfig.Secret(t))
	if err != nil {
		t.Fatal(err)
	}
	if image := got.StatusConditions().Get(v1alpha1.ConditionImageReady); !image.IsFalse() || !strings.Contains(image.Message, "60 GiB") {
		t.Errorf("ImageReady is %s: %q, want it false: CreateVms refuses a root below the image", image.Status, image.Message)
	}
}
