package cloudprovider_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeclaim/disruption"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/nodeclass"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

func defaultPool() *karpv1.NodePool {
	pool := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	pool.Spec.Template.Spec.NodeClassRef = claim("x").Spec.NodeClassRef
	return pool
}

// aged launches a NodeClaim that is old enough for every check of core's, and edits its NodeClass after that.
func (w *world) aged(t *testing.T, edit func(*v1alpha1.OutscaleNodeClass)) *karpv1.NodeClaim {
	t.Helper()
	node := w.launch(t, "default-a1")
	node.CreationTimestamp = metav1.NewTime(time.Now().Add(-2 * time.Hour))
	node.StatusConditions().SetTrue(karpv1.ConditionTypeLaunched)
	edit(w.nodeClass)
	w.nodeClass.Generation++
	node.ResourceVersion, w.nodeClass.ResourceVersion = "", ""
	w.kube = fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(w.nodeClass, workerconfig.Secret(t), defaultPool(), node).
		WithStatusSubresource(w.nodeClass, node).Build()
	w.restart(t)
	return node
}

// check runs the controller of NodeClasses and returns the class.
func (w *world) check(t *testing.T) *v1alpha1.OutscaleNodeClass {
	t.Helper()
	controller := nodeclass.NewController(clock.RealClock{}, w.kube, w.kube,
		discovery.NewProvider(account.ClientAt(t, w.region, w.endpoint)), w.refusals, events.NewRecorder(w.events))
	if _, err := controller.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "default"}}); err != nil {
		t.Fatal(err)
	}
	stored := &v1alpha1.OutscaleNodeClass{}
	if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "default"}, stored); err != nil {
		t.Fatal(err)
	}
	return stored
}

// drifted runs core's own controller and returns why it takes the NodeClaim for drifted, or "".
func (w *world) drifted(t *testing.T, node *karpv1.NodeClaim) string {
	t.Helper()
	controller := disruption.NewController(clocktesting.NewFakeClock(time.Now()), w.kube, w.CloudProvider)
	if _, err := controller.Reconcile(ctx(t), node); err != nil {
		t.Logf("core leaves the NodeClaim alone: %v", err)
	}
	stored := &karpv1.NodeClaim{}
	if err := w.kube.Get(t.Context(), client.ObjectKeyFromObject(node), stored); err != nil {
		t.Fatal(err)
	}
	if condition := stored.StatusConditions().Get(karpv1.ConditionTypeDrifted); condition.IsTrue() {
		return condition.Reason
	}
	return ""
}

func TestATypoInANodeClassMakesNoNodeClaimDrift(t *testing.T) {
	for field, spoil := range map[string]func(*v1alpha1.OutscaleNodeClassSpec){
		"imageId":                          func(s *v1alpha1.OutscaleNodeClassSpec) { s.ImageID = "ami-deadbeef" },
		"subnetIds":                        func(s *v1alpha1.OutscaleNodeClassSpec) { s.SubnetIDs = []string{"subnet-deadbeef"} },
		"securityGroupIds":                 func(s *v1alpha1.OutscaleNodeClassSpec) { s.SecurityGroupIDs = []string{"sg-deadbeef"} },
		"keypairName":                      func(s *v1alpha1.OutscaleNodeClassSpec) { s.KeypairName = "missing" },
		"talos.workerConfigSecretRef.name": func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.WorkerConfigSecretRef.Name = "missing" },
		"talos.workerConfigSecretRef.key":  func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.WorkerConfigSecretRef.Key = "missing" },
		"talos.patches":                    func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.Patches = []string{"machine:\n  kubelett: {}\n"} },
		"blockDeviceMappings": func(s *v1alpha1.OutscaleNodeClassSpec) {
			s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 1, VolumeType: "gp2"}}}
		},
	} {
		t.Run(field, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{Subregions: 2}, nil)
			node := w.aged(t, func(c *v1alpha1.OutscaleNodeClass) { spoil(&c.Spec) })
			if reason := w.drifted(t, node); reason != "" {
				t.Errorf("drifted (%s) before the new spec was checked", reason)
			}
			if got := w.check(t); !got.StatusConditions().Get("Ready").IsFalse() {
				t.Fatalf("the class is ready: %+v", got.Status.Conditions)
			}
			if reason := w.drifted(t, node); reason != "" {
				t.Errorf("drifted (%s): its pods move to any other NodePool, as nothing can be launched of this class", reason)
			}
		})
	}
}

func TestAGoodEditOfANodeClassDriftsOnceItIsChecked(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Subregions: 2}, nil)
	node := w.aged(t, func(c *v1alpha1.OutscaleNodeClass) { c.Spec.ImageID = w.region.Fixture().OldImageID })
	if reason := w.drifted(t, node); reason != "" {
		t.Errorf("drifted (%s) before the new spec was checked", reason)
	}
	if got := w.check(t); !got.StatusConditions().IsTrue("Ready") {
		t.Fatalf("the class is not ready: %+v", got.Status.Conditions)
	}
	if reason := w.drifted(t, node); reason == "" {
		t.Error("not drifted by another image")
	}
}

func TestANodeClassWithoutSubnetsHasAnErrorAndNoInstanceTypes(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.aged(t, func(c *v1alpha1.OutscaleNodeClass) { c.Status.Subnets = nil })
	if list, err := w.GetInstanceTypes(ctx(t), defaultPool()); err == nil {
		t.Errorf("%d types without an offering and no error", len(list))
	}
	if reason := w.drifted(t, node); reason != "" {
		t.Errorf("core's own controller says Drifted, reason %s", reason)
	}
}

// edit changes the NodeClass in place, as if its new spec were checked already.
func (w *world) edit(t *testing.T, edit func(*v1alpha1.OutscaleNodeClassSpec)) {
	t.Helper()
	edit(&w.nodeClass.Spec)
	resolve(w.nodeClass)
	status := w.nodeClass.Status
	if err := w.kube.Update(ctx(t), w.nodeClass); err != nil {
		t.Fatal(err)
	}
	w.nodeClass.Status = status
	if err := w.kube.Status().Update(ctx(t), w.nodeClass); err != nil {
		t.Fatal(err)
	}
}

func maxPods30(s *v1alpha1.OutscaleNodeClassSpec) { s.Kubelet.MaxPods = 30 }

func TestDriftIsAChangedNodeClassOfTheSameHashVersion(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	w.edit(t, maxPods30)
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason != "NodeClassDrifted" {
		t.Errorf("reason %q, error %v, want NodeClassDrifted", reason, err)
	}
	node.Annotations[v1alpha1.AnnotationHashVersion] = "v0"
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason != "" {
		t.Errorf("reason %q, error %v: an upgrade of the provider must not replace the fleet", reason, err)
	}
	node.StatusConditions().SetTrueWithReason(karpv1.ConditionTypeDrifted, "NodeClassDrifted", "NodeClassDrifted")
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason != "NodeClassDrifted" {
		t.Errorf("reason %q, error %v: the upgrade forgets a drift that was found before it", reason, err)
	}
}

func TestAnotherImageIsADriftWhateverTheHashSays(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	node.Annotations[v1alpha1.AnnotationHashVersion] = "v0"
	w.edit(t, func(s *v1alpha1.OutscaleNodeClassSpec) { s.ImageID = w.region.Fixture().OldImageID })
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason != "ImageDrifted" {
		t.Errorf("reason %q, error %v, want ImageDrifted", reason, err)
	}
	node.Status.ImageID = ""
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason != "" {
		t.Errorf("reason %q, error %v: the image of the node is not known", reason, err)
	}
}

func TestAnAdoptedVMHasTheHashOfItsLaunch(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	if _, err := w.Create(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	w.edit(t, maxPods30)
	w.restart(t)
	adopted, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	node.Annotations, node.Status = adopted.Annotations, adopted.Status
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason != "NodeClassDrifted" || len(w.machines()) != 1 {
		t.Errorf("reason %q, error %v, %d VMs: the VM was made with maxPods 110, and looks current", reason, err, len(w.machines()))
	}
}

func TestAnAdoptedVMWithoutTheTagIsNotReplacedForThat(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	if _, err := w.Create(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	w.region.StripTags(w.machines()[0].ID)
	w.restart(t)
	adopted, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	node.Annotations, node.Status = adopted.Annotations, adopted.Status
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason != "" || len(w.machines()) != 1 {
		t.Errorf("reason %q, error %v, %d VMs", reason, err, len(w.machines()))
	}
}
