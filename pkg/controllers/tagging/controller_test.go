package tagging_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/tagging"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// launched is a region with the VM of one NodeClaim, and a controller that has never seen it.
func launched(t *testing.T, region *oapitest.Region) (*tagging.Controller, *karpv1.NodeClaim, string) {
	t.Helper()
	api := account.Client(t, region)
	nodeClass := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	claim := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: "default-a1", UID: "uid-1", CreationTimestamp: metav1.Now()}}
	claim.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	cluster := vm.Cluster{Name: "test", ID: "test-id", UID: "kube-system-uid"}
	fixture := region.Fixture()
	v, err := vm.NewProvider(api, cluster, vm.Options{TagsInUserData: true}, time.Now).Launch(t.Context(), vm.Request{
		Owner: owner.Of(claim, nodeClass, ""), Type: "tinav6.c2r4p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID,
		SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID}, UserData: []byte("machine: {}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	claim.Status.ProviderID = utils.ProviderID(v.Subregion, v.ID)
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(claim, nodeClass).Build()
	return tagging.NewController(clock.RealClock{}, kube, vm.NewProvider(api, cluster, vm.Options{TagsInUserData: true}, time.Now)), claim, v.ID
}

func tags(region *oapitest.Region, id string) map[string]string {
	for _, v := range region.VMs() {
		if v.ID == id {
			return v.Tags
		}
	}
	return nil
}

func TestStrippedTagsArePutBack(t *testing.T) {
	region := &oapitest.Region{}
	controller, claim, id := launched(t, region)
	want := tags(region, id)
	region.StripTags(id, "karpenter.sh/managed-by", "OscK8sNodeName", "OscK8sClusterID/test-id")
	result, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)})
	if err != nil {
		t.Fatal(err)
	}
	got := tags(region, id)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("tag %s is %q, want %q", key, got[key], value)
		}
	}
	if result.RequeueAfter == 0 {
		t.Error("not looked at again: tags can be stripped at any time")
	}
}

func TestRightTagsCostNoCall(t *testing.T) {
	region := &oapitest.Region{}
	controller, claim, _ := launched(t, region)
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)}); err != nil {
		t.Fatal(err)
	}
	if n := region.Calls()["CreateTags"]; n != 0 {
		t.Errorf("%d calls of CreateTags, want none", n)
	}
}

func TestAnIgnoredSectionIsRepairedBeforeTheKubeletComes(t *testing.T) {
	region := &oapitest.Region{Uncertain: oapitest.Uncertain{SectionIgnored: true}}
	controller, claim, id := launched(t, region)
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)}); err != nil {
		t.Fatal(err)
	}
	if got := tags(region, id)["OscK8sNodeName"]; got != "default-a1" {
		t.Errorf("OscK8sNodeName is %q: the CCM would delete the Node", got)
	}
}

func TestAVMOfSomebodyElseIsNotTagged(t *testing.T) {
	region := &oapitest.Region{}
	_, claim, _ := launched(t, region)
	victim := region.Fixture().ControlPlane[0]
	claim.Status.ProviderID = utils.ProviderID(region.Fixture().Subnets[0].Subregion, victim)
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(claim, &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}).Build()
	controller := tagging.NewController(clock.RealClock{}, kube, vm.NewProvider(account.Client(t, region), vm.Cluster{Name: "test", ID: "test-id", UID: "kube-system-uid"}, vm.Options{}, time.Now))
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)}); err == nil {
		t.Error("no error")
	}
	if got := tags(region, victim)["karpenter.sh/managed-by"]; got != "" {
		t.Error("the control plane is tagged as ours: it would be deleted as leaked one day")
	}
}

func TestANodeNameThatIsThereStaysWhateverTheNodeClassSaysToday(t *testing.T) {
	region := &oapitest.Region{}
	_, claim, id := launched(t, region)
	nodeClass := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	nodeClass.Spec.Talos.Hostname = v1alpha1.HostnamePrivateIP
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(claim, nodeClass).Build()
	controller := tagging.NewController(clock.RealClock{}, kube, vm.NewProvider(account.Client(t, region), vm.Cluster{Name: "test", ID: "test-id", UID: "kube-system-uid"}, vm.Options{}, time.Now))
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)}); err != nil {
		t.Fatal(err)
	}
	if got := tags(region, id)["OscK8sNodeName"]; got != "default-a1" {
		t.Errorf("OscK8sNodeName is %q: the CCM would no longer find the VM of Node default-a1", got)
	}
}
