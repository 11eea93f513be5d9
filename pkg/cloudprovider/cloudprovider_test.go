package cloudprovider_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/events"
	"sigs.k8s.io/karpenter/pkg/operator/options"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// world is one region, one NodeClass that is ready, and the provider between them.
type world struct {
	region    *oapitest.Region
	endpoint  string
	kube      client.Client
	nodeClass *v1alpha1.OutscaleNodeClass
	events    *record.FakeRecorder
	refusals  *availability.Memory
	// noSection sends no tags in the user data from the next restart on.
	noSection bool
	*cloudprovider.CloudProvider
}

// newWorld builds a world; edit may change the NodeClass before it is stored.
func newWorld(t *testing.T, region *oapitest.Region, edit func(*v1alpha1.OutscaleNodeClass)) *world {
	t.Helper()
	w := &world{region: region, endpoint: oapitest.NewTestServer(t, region), events: record.NewFakeRecorder(1000)}
	w.nodeClass = readyNodeClass(region)
	if edit != nil {
		edit(w.nodeClass)
		resolve(w.nodeClass)
	}
	w.kube = fake.NewClientBuilder().WithScheme(scheme.Scheme).
		WithObjects(w.nodeClass, workerconfig.Secret(t)).WithStatusSubresource(w.nodeClass).Build()
	w.restart(t)
	return w
}

// restart replaces the provider as a new process would: everything it had in memory is gone.
func (w *world) restart(t *testing.T) {
	t.Helper()
	api := account.ClientAt(t, w.region, w.endpoint)
	prices := pricing.NewProvider(api, time.Now)
	if err := prices.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster := vm.Cluster{Name: "test", ID: w.region.Fixture().ClusterID, UID: "8a1f7c52-kube-system"}
	vms := vm.NewProvider(api, cluster, vm.Options{TagsInUserData: !w.noSection}, time.Now)
	w.refusals = availability.New(time.Now)
	w.CloudProvider = cloudprovider.New(cloudprovider.Kube{Client: w.kube, Uncached: w.kube}, vms, instancetype.NewProvider(prices, w.refusals, nil),
		nodeoverlay.NewInstanceTypeStore(), events.NewRecorder(w.events), cloudprovider.DefaultRepairTimes())
}

func readyNodeClass(region *oapitest.Region) *v1alpha1.OutscaleNodeClass {
	fixture := region.Fixture()
	nodeClass := &v1alpha1.OutscaleNodeClass{
		ObjectMeta: metav1.ObjectMeta{Name: "default", UID: "class-uid", Generation: 1},
		Spec: v1alpha1.OutscaleNodeClassSpec{
			ImageID:          fixture.ImageID,
			SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID},
			Tags:             map[string]string{"team": "platform", "Name": "not mine to choose"},
			Talos: v1alpha1.Talos{
				WorkerConfigSecretRef: v1alpha1.SecretKeyReference{Namespace: "kube-system", Name: "talos-worker", Key: "worker.yaml"},
				Hostname:              v1alpha1.HostnameNodeClaim,
			},
		},
	}
	for _, subnet := range fixture.Subnets {
		nodeClass.Spec.SubnetIDs = append(nodeClass.Spec.SubnetIDs, subnet.ID)
		nodeClass.Status.Subnets = append(nodeClass.Status.Subnets, v1alpha1.Subnet{ID: subnet.ID, Subregion: subnet.Subregion})
	}
	resolve(nodeClass)
	for _, condition := range nodeClass.StatusConditions().List() {
		nodeClass.StatusConditions().SetTrue(condition.Type)
	}
	return nodeClass
}

// resolve writes into the status what the controller would find of the spec.
func resolve(nodeClass *v1alpha1.OutscaleNodeClass) {
	nodeClass.Status.Image = &v1alpha1.Image{ID: nodeClass.Spec.ImageID}
	nodeClass.Status.SecurityGroups = nil
	for _, id := range nodeClass.Spec.SecurityGroupIDs {
		nodeClass.Status.SecurityGroups = append(nodeClass.Status.SecurityGroups, v1alpha1.SecurityGroup{ID: id})
	}
}

// ctx carries core's options, as the operator's does.
func ctx(t *testing.T) context.Context {
	t.Helper()
	return options.ToContext(t.Context(), &options.Options{})
}

// claim is a NodeClaim as core's provisioner makes it, for a pod of one vCore.
func claim(name string, requirements ...karpv1.NodeSelectorRequirementWithMinValues) *karpv1.NodeClaim {
	return &karpv1.NodeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID("uid-of-" + name), CreationTimestamp: metav1.Now(),
			Labels: map[string]string{karpv1.NodePoolLabelKey: "default", "example.com/team": "platform"},
		},
		Spec: karpv1.NodeClaimSpec{
			NodeClassRef: &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"},
			Requirements: requirements,
			Resources:    karpv1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		},
	}
}

func in(key string, values ...string) karpv1.NodeSelectorRequirementWithMinValues {
	return karpv1.NodeSelectorRequirementWithMinValues{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
}

// machines are the VMs that the provider launched.
func (w *world) machines() []oapitest.VM {
	var out []oapitest.VM
	for _, v := range w.region.VMs() {
		if !v.Fixture && v.State != "terminated" {
			out = append(out, v)
		}
	}
	return out
}
