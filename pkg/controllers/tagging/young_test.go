package tagging_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
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

// world is a region, and one process in it that launches VMs and compares their tags.
type world struct {
	*oapitest.Region

	t         *testing.T
	clock     *clocktesting.FakeClock
	vms       *vm.Provider
	nodeClass *v1alpha1.OutscaleNodeClass
}

func newWorld(t *testing.T, region *oapitest.Region, options vm.Options, mode v1alpha1.HostnameMode) *world {
	t.Helper()
	w := &world{Region: region, t: t, clock: clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	region.Clock = w.clock
	w.nodeClass = &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	w.nodeClass.Spec.Talos.Hostname = mode
	w.nodeClass.Spec.Tags = map[string]string{"team": "platform"}
	cluster := vm.Cluster{Name: "test", ID: "test-id", UID: "kube-system-uid"}
	w.vms = vm.NewProvider(account.Client(t, region), cluster, options, w.clock.Now)
	return w
}

// launch returns the NodeClaim of a VM as it is right after Create, and the VM's ID. The NodeClaim may have waited.
func (w *world) launch(waited time.Duration) (*karpv1.NodeClaim, string) {
	w.t.Helper()
	claim := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{
		Name: "default-a1", UID: "uid-1", CreationTimestamp: metav1.NewTime(w.clock.Now().Add(-waited)),
		Annotations: map[string]string{v1alpha1.AnnotationHostname: string(w.nodeClass.Spec.Talos.Hostname)},
	}}
	// The snapshot is fresh, as in a burst: the first look reads none.
	if _, err := w.vms.List(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	claim.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	fixture := w.Fixture()
	v, err := w.vms.Launch(w.t.Context(), vm.Request{
		Owner: owner.Of(claim, w.nodeClass, ""), Type: "tinav6.c2r4p2",
		ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID,
		SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID},
		UserData:         []byte("machine: {}\n"), Tags: w.nodeClass.Spec.Tags,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	claim.Status.ProviderID = utils.ProviderID(v.Subregion, v.ID)
	return claim, v.ID
}

// reconcile looks at the tags once, and returns when to look again.
func (w *world) reconcile(claim *karpv1.NodeClaim) time.Duration {
	w.t.Helper()
	claim.ResourceVersion = ""
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(claim, w.nodeClass).Build()
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)}
	result, err := tagging.NewController(w.clock, kube, w.vms).Reconcile(w.t.Context(), request)
	if err != nil {
		w.t.Fatal(err)
	}
	return result.RequeueAfter
}

// registered lets the NodeClaim's node have joined.
func (w *world) registered(claim *karpv1.NodeClaim) {
	claim.StatusConditions().SetTrue(karpv1.ConditionTypeRegistered)
}

func (w *world) wantTag(id, key, want string) {
	w.t.Helper()
	if got := tags(w.Region, id)[key]; got != want {
		w.t.Errorf("%s is %q, want %q", key, got, want)
	}
}

func (w *world) address(id string) string {
	for _, v := range w.VMs() {
		if v.ID == id {
			return v.PrivateIP
		}
	}
	return ""
}

// The first look comes with the provider ID: it must not wait for a read that shows what is missing.
func TestTagsThatTheLaunchCouldNotSetAreSetAtTheFirstLook(t *testing.T) {
	t.Run("the name follows from the address", func(t *testing.T) {
		w := newWorld(t, &oapitest.Region{}, vm.Options{TagsInUserData: true}, v1alpha1.HostnamePrivateIP)
		claim, id := w.launch(0)
		w.reconcile(claim)
		w.wantTag(id, vm.TagNodeName, utils.IPToHostname(w.address(id)))
		w.wantTag(id, "Name", "test-"+utils.IPToHostname(w.address(id)))
	})
	t.Run("the section is off", func(t *testing.T) {
		w := newWorld(t, &oapitest.Region{}, vm.Options{}, v1alpha1.HostnameNodeClaim)
		claim, id := w.launch(0)
		w.reconcile(claim)
		w.wantTag(id, vm.TagNodeName, "default-a1")
		w.wantTag(id, vm.TagManagedBy, "test")
		w.wantTag(id, "team", "platform")
	})
}

// 300 launches take a minute at 5 calls/s: the VM is a second old, its NodeClaim is not.
func TestVMLaunchedLateInABurstIsYoung(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, vm.Options{}, v1alpha1.HostnameNodeClaim)
	claim, id := w.launch(70 * time.Second)
	if next := w.reconcile(claim); next > 5*time.Second {
		t.Errorf("looked at again in %s: its kubelet comes before that", next)
	}
	w.wantTag(id, "team", "platform")
	w.clock.Step(2 * time.Minute)
	w.registered(claim)
	if next := w.reconcile(claim); next < time.Minute {
		t.Errorf("two minutes after the launch it is looked at again in %s", next)
	}
}

// 2,000 nodes that are looked at each minute would keep the reads of all VMs going without end.
func TestTagsOfOldVMsAreComparedWithAnOlderRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, vm.Options{TagsInUserData: true}, v1alpha1.HostnameNodeClaim)
	claim, id := w.launch(0)
	w.registered(claim)
	for range 2 {
		w.clock.Step(5 * time.Minute)
		w.reconcile(claim)
	}
	w.ResetCounters()
	for range 9 {
		w.clock.Step(6 * time.Second)
		w.reconcile(claim)
	}
	if n := w.Calls()["ReadVms"]; n != 0 {
		t.Errorf("%d calls of ReadVms in a minute, want none", n)
	}
	w.StripTags(id, vm.TagNodeName)
	w.clock.Step(time.Minute)
	w.reconcile(claim)
	w.wantTag(id, vm.TagNodeName, "default-a1")
}

func TestNodeNameThatSomebodyChangedIsRepaired(t *testing.T) {
	const byClaim, byIP = v1alpha1.HostnameNodeClaim, v1alpha1.HostnamePrivateIP
	for name, c := range map[string]struct {
		node         string
		launch, now  v1alpha1.HostnameMode
		fromAddress  bool
		want, before string
	}{
		"once there is a Node":                       {node: "default-a1", launch: byClaim, now: byClaim, before: "x", want: "default-a1"},
		"before there is one":                        {launch: byClaim, now: byClaim, before: "x", want: "default-a1"},
		"the mode was changed, there is a Node":      {node: "default-a1", launch: byClaim, now: byIP, want: "default-a1"},
		"the mode was changed before there is one":   {launch: byClaim, now: byIP, want: "default-a1"},
		"the mode was the address's, and is no more": {launch: byIP, now: byClaim, fromAddress: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, vm.Options{TagsInUserData: true}, c.launch)
			claim, id := w.launch(0)
			claim.Status.NodeName = c.node
			if c.fromAddress {
				c.want = utils.IPToHostname(w.address(id))
			}
			w.nodeClass.Spec.Talos.Hostname = c.now
			w.clock.Step(5 * time.Minute)
			w.reconcile(claim)
			w.StripTags(id, vm.TagNodeName)
			if c.before != "" {
				if err := w.vms.Tag(t.Context(), id, map[string]string{vm.TagNodeName: c.before}); err != nil {
					t.Fatal(err)
				}
			}
			w.clock.Step(5 * time.Minute)
			w.reconcile(claim)
			w.wantTag(id, vm.TagNodeName, c.want)
		})
	}
}

// The tag is for people: who renames a VM keeps its name.
func TestNameOfPeopleIsLeftAlone(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, vm.Options{TagsInUserData: true}, v1alpha1.HostnameNodeClaim)
	claim, id := w.launch(0)
	if err := w.vms.Tag(t.Context(), id, map[string]string{"Name": "the old one"}); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(5 * time.Minute)
	w.reconcile(claim)
	w.wantTag(id, "Name", "the old one")
}
