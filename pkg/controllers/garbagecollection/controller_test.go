package garbagecollection_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/garbagecollection"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func ours() vm.Cluster { return vm.Cluster{Name: "test", ID: "test-id", UID: "kube-system-uid"} }

// world is a fleet, its NodeClaims and a controller that sweeps when it is told.
type world struct {
	region     *oapitest.Region
	clock      *clocktesting.FakeClock
	kube       client.WithWatch
	vms        *vm.Provider
	events     *record.FakeRecorder
	controller *garbagecollection.Controller
}

// newWorld launches one VM for each of n NodeClaims. The one Node is the one that the controller runs on.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	w := &world{region: &oapitest.Region{}, clock: clocktesting.NewFakeClock(time.Now()), events: record.NewFakeRecorder(100)}
	w.kube = fake.NewClientBuilder().WithScheme(scheme.Scheme).Build()
	w.vms = vm.NewProvider(account.Client(t, w.region), ours(), vm.Options{TagsInUserData: true}, w.clock.Now)
	w.controller = garbagecollection.NewController(w.clock, w.kube, w.kube, w.vms, events.NewRecorder(w.events))
	w.node(t, "control-plane", "aws:///eu-west-2a/"+w.region.Fixture().ControlPlane[0])
	for i := range n {
		name := fmt.Sprintf("default-%02d", i)
		w.launch(t, w.vms, name)
		claim := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)}}
		claim.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
		if err := w.kube.Create(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) launch(t *testing.T, vms *vm.Provider, name string) string {
	t.Helper()
	fixture := w.region.Fixture()
	v, err := vms.Launch(t.Context(), vm.Request{
		Owner: vm.Owner{NodeClaim: name, NodeClaimUID: "uid-" + name, NodePool: "default", NodeClass: "default", NodeName: name},
		Type:  "tinav6.c2r4p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID,
		SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID}, UserData: []byte("machine: {}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// node stores a Node.
func (w *world) node(t *testing.T, name, providerID string) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{ProviderID: providerID}}
	if err := w.kube.Create(t.Context(), node); err != nil {
		t.Fatal(err)
	}
}

// alive are the VMs of the cluster that are not on their way out.
func (w *world) alive() int {
	n := 0
	for _, v := range w.region.VMs() {
		if v.Tags[vm.TagManagedBy] == ours().Name && v.State != vm.StateShuttingDown && v.State != vm.StateTerminated {
			n++
		}
	}
	return n
}

// alarms are the events of refused sweeps.
func (w *world) alarms() int {
	n := 0
	for range len(w.events.Events) {
		if strings.Contains(<-w.events.Events, "GarbageCollectionRefused") {
			n++
		}
	}
	return n
}

// restart replaces what knows the VMs, as a new process would.
func (w *world) restart(t *testing.T) {
	t.Helper()
	w.vms = vm.NewProvider(account.Client(t, w.region), ours(), vm.Options{TagsInUserData: true}, w.clock.Now)
	w.controller = garbagecollection.NewController(w.clock, w.kube, w.kube, w.vms, events.NewRecorder(record.NewFakeRecorder(10)))
}

// vmOf is the VM of a NodeClaim.
func (w *world) vmOf(name string) string {
	for _, v := range w.region.VMs() {
		if v.Tags[vm.TagNodeClaim] == name {
			return v.ID
		}
	}
	return ""
}

// forget deletes a NodeClaim while no controller looks.
func (w *world) forget(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := w.kube.Delete(t.Context(), &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
}

// sweep runs the controller once, a minute after the last time.
func (w *world) sweep(t *testing.T) {
	t.Helper()
	w.clock.Step(time.Minute)
	if _, err := w.controller.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) deletions() int { return w.region.Calls()["DeleteVms"] }

func TestALeakedVMIsDeletedInTheSecondSweep(t *testing.T) {
	w := newWorld(t, 3)
	w.forget(t, "default-01")
	w.clock.Step(10 * time.Minute)
	w.sweep(t)
	if w.deletions() != 0 {
		t.Fatal("deleted in the first sweep")
	}
	w.sweep(t)
	if w.deletions() != 1 {
		t.Errorf("%d deletions, want 1", w.deletions())
	}
	for _, v := range w.region.VMs() {
		gone := v.State == "shutting-down" || v.State == "terminated"
		if gone != (v.Tags[vm.TagNodeClaim] == "default-01") {
			t.Errorf("VM of %q is %s", v.Tags[vm.TagNodeClaim], v.State)
		}
	}
}

func TestAYoungVMIsLeftToBeAdopted(t *testing.T) {
	w := newWorld(t, 3)
	w.forget(t, "default-01")
	w.sweep(t)
	w.sweep(t)
	if w.deletions() != 0 {
		t.Error("deleted a VM that is younger than Karpenter's launch timeout")
	}
}

// Somebody deleted NodeClaims past their finalizers: the machines are alive.
func TestManyVMsWithoutNodeClaimsAreNotDeletedWhileOneIsANode(t *testing.T) {
	for _, of := range []string{"provider ID", "name"} {
		t.Run(of, func(t *testing.T) {
			w := newWorld(t, 12)
			if of == "name" {
				w.node(t, "default-02", "")
			} else {
				w.node(t, "ip-10-0-0-9", "aws:///eu-west-2a/"+w.vmOf("default-02"))
			}
			w.forget(t, "default-01", "default-02", "default-03")
			w.clock.Step(10 * time.Minute)
			for range 10 {
				w.sweep(t)
			}
			if w.deletions() != 0 || w.alive() != 12 {
				t.Errorf("%d deletions: a quarter of the fleet is more likely a mistake of ours than a leak", w.deletions())
			}
			if w.alarms() == 0 {
				t.Error("no event says so")
			}
		})
	}
}

// The API server answers, with empty lists.
func TestNothingIsDeletedWhenTheAPIServerShowsNothing(t *testing.T) {
	w := newWorld(t, 12)
	empty := fake.NewClientBuilder().WithScheme(scheme.Scheme).Build()
	w.controller = garbagecollection.NewController(w.clock, w.kube, empty, w.vms, events.NewRecorder(w.events))
	w.clock.Step(10 * time.Minute)
	for range 10 {
		w.sweep(t)
	}
	if w.deletions() != 0 {
		t.Errorf("%d deletions: a cluster that runs this controller has a Node", w.deletions())
	}
	if w.alarms() == 0 {
		t.Error("no event says so")
	}
}

func TestNothingIsDeletedWhileNodesCannotBeRead(t *testing.T) {
	w := newWorld(t, 12)
	w.forget(t, "default-01", "default-02", "default-03")
	w.clock.Step(10 * time.Minute)
	blind := interceptor.NewClient(w.kube, interceptor.Funcs{
		List: func(ctx context.Context, kube client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, ok := list.(*corev1.NodeList); ok {
				return errors.New("forbidden")
			}
			return kube.List(ctx, list, options...)
		},
	})
	w.controller = garbagecollection.NewController(w.clock, w.kube, blind, w.vms, events.NewRecorder(w.events))
	for range 3 {
		w.sweep(t)
	}
	if w.deletions() != 0 {
		t.Error("deleted without having looked")
	}
}

// The usual reason of a leak is one cause for several launches, and the usual cluster is small.
func TestManyLeakedVMsGoOverSeveralSweeps(t *testing.T) {
	w := newWorld(t, 19)
	for i := 2; i < 19; i++ {
		w.node(t, fmt.Sprintf("default-%02d", i), "")
	}
	w.forget(t, "default-00", "default-01")
	w.clock.Step(10 * time.Minute)
	for _, want := range []int{19, 18, 17, 17, 17} {
		w.sweep(t)
		if w.alive() != want {
			t.Fatalf("%d VMs are alive, want %d", w.alive(), want)
		}
	}
	if w.alarms() != 0 {
		t.Error("an alarm was raised for what went by itself")
	}
}

// Ten launches whose answers were lost until core's launch timeout deleted their NodeClaims.
func TestAFailedScaleUpFromZeroLeaksNothing(t *testing.T) {
	w := newWorld(t, 0)
	for i := range 10 {
		w.launch(t, w.vms, fmt.Sprintf("default-%02d", i))
	}
	w.clock.Step(10 * time.Minute)
	for range 11 {
		before := w.alive()
		w.sweep(t)
		if before-w.alive() > 1 {
			t.Errorf("%d deletions in one sweep, want 1", before-w.alive())
		}
	}
	if w.alive() != 0 {
		t.Errorf("%d VMs are left", w.alive())
	}
}

// The answers of two launches were lost, and their NodeClaims were given up before the machines joined: their Nodes wait to
// be registered for ever, and no pod runs on them.
func TestManyLeakedVMsGoThoughTheirMachinesHaveJoined(t *testing.T) {
	w := newWorld(t, 0)
	for i := range 2 {
		name := fmt.Sprintf("default-%02d", i)
		id := w.launch(t, w.vms, name)
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		node.Spec.ProviderID = "aws:///eu-west-2a/" + id
		node.Spec.Taints = []corev1.Taint{karpv1.UnregisteredNoExecuteTaint}
		if err := w.kube.Create(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Step(10 * time.Minute)
	for range 3 {
		w.sweep(t)
	}
	if w.alive() != 0 || w.alarms() != 0 {
		t.Errorf("%d VMs are left", w.alive())
	}
}

// A second Karpenter in the cluster: core filters by the group of the NodeClass everywhere.
func TestTheNodeClaimOfAnotherProviderIsLeftAlone(t *testing.T) {
	w := newWorld(t, 1)
	foreign := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: "aws-booting", UID: "aws-uid", CreationTimestamp: metav1.NewTime(w.clock.Now())}}
	foreign.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: "karpenter.k8s.aws", Kind: "EC2NodeClass", Name: "default"}
	foreign.Status.ProviderID = "aws:///eu-west-1a/i-0abc1234"
	if err := w.kube.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.sweep(t)
	}
	if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "aws-booting"}, &karpv1.NodeClaim{}); err != nil {
		t.Errorf("its machine was booting for two minutes: %v", err)
	}
}

func TestVMsOfAnotherClusterOfTheSameNameAreLeftAlone(t *testing.T) {
	w := newWorld(t, 1)
	twin := vm.Cluster{Name: ours().Name, ID: ours().ID, UID: "another-kube-system-uid"}
	w.launch(t, vm.NewProvider(account.Client(t, w.region), twin, vm.Options{TagsInUserData: true}, w.clock.Now), "default-twin")
	w.clock.Step(10 * time.Minute)
	w.sweep(t)
	w.sweep(t)
	if w.deletions() != 0 {
		t.Error("deleted a node of another cluster")
	}
}

// Somebody copied a VM with its tags, or tagged one by hand: the name of the cluster alone proves nothing.
func TestAVMWithTheNameOfTheClusterOnlyIsLeftAlone(t *testing.T) {
	w := newWorld(t, 1)
	fixture := w.region.Fixture()
	api := account.Client(t, w.region)
	response, err := api.CreateVms(t.Context(), osc.CreateVmsRequest{ImageId: fixture.ImageID, SubnetId: &fixture.Subnets[0].ID, VmType: new("tinav6.c2r4p2")})
	if err != nil {
		t.Fatal(err)
	}
	tags := []osc.ResourceTag{{Key: vm.TagManagedBy, Value: ours().Name}}
	if err := api.CreateTags(t.Context(), osc.CreateTagsRequest{ResourceIds: []string{response.GetVms()[0].GetVmId()}, Tags: tags}); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(10 * time.Minute)
	w.sweep(t)
	w.sweep(t)
	if w.deletions() != 0 {
		t.Error("deleted a VM that is not proven to be ours")
	}
}

func TestNothingIsDeletedWhileNodeClaimsCannotBeRead(t *testing.T) {
	w := newWorld(t, 1)
	w.clock.Step(10 * time.Minute)
	blind := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("the API server is away")
		},
	}).Build()
	w.controller = garbagecollection.NewController(w.clock, w.kube, blind, w.vms, events.NewRecorder(record.NewFakeRecorder(10)))
	for range 2 {
		w.clock.Step(time.Minute)
		if _, err := w.controller.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if w.deletions() != 0 {
		t.Error("deleted without having looked")
	}
}

func TestAVMThatLostAllItsTagsIsFoundByItsClientToken(t *testing.T) {
	w := newWorld(t, 12)
	w.forget(t, "default-01")
	for _, v := range w.region.VMs() {
		if v.Tags[vm.TagNodeClaim] == "default-01" {
			w.region.StripTags(v.ID)
		}
	}
	w.clock.Step(10 * time.Minute)
	w.restart(t)
	w.sweep(t)
	w.sweep(t)
	if w.deletions() != 1 {
		t.Errorf("%d deletions, want 1: a launch whose answer was lost would cost money for ever", w.deletions())
	}
}

func TestASecondVMOfALiveNodeClaimIsLeaked(t *testing.T) {
	w := newWorld(t, 3)
	claim := &karpv1.NodeClaim{}
	if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "default-01"}, claim); err != nil {
		t.Fatal(err)
	}
	first := w.vmOf("default-01")
	claim.Status.ProviderID = "aws:///eu-west-2a/" + first
	if err := w.kube.Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	fixture := w.region.Fixture()
	second, err := w.vms.Launch(t.Context(), vm.Request{
		Owner: vm.Owner{NodeClaim: "default-01", NodeClaimUID: "uid-default-01", NodeName: "default-01"}, Type: "tinav6.c4r8p2",
		ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID, SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID}, UserData: []byte("machine: {}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Step(10 * time.Minute)
	w.sweep(t)
	w.sweep(t)
	for _, v := range w.region.VMs() {
		if leaving := v.State == "shutting-down" || v.State == "terminated"; leaving != (v.ID == second.ID) {
			t.Errorf("VM %s of %q is %s", v.ID, v.Tags[vm.TagNodeClaim], v.State)
		}
	}
}

func TestANodeClaimWhoseVMDiedBeforeItRegisteredIsDeleted(t *testing.T) {
	w := newWorld(t, 3)
	claim := &karpv1.NodeClaim{}
	if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "default-01"}, claim); err != nil {
		t.Fatal(err)
	}
	claim.Status.ProviderID = "aws:///eu-west-2a/" + w.vmOf("default-01")
	claim.CreationTimestamp, claim.Finalizers = metav1.NewTime(w.clock.Now()), []string{karpv1.TerminationFinalizer}
	if err := w.kube.Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	w.region.KillVM(w.vmOf("default-01"))
	w.clock.Step(2 * time.Minute)
	w.sweep(t)
	if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "default-01"}, claim); err != nil || claim.DeletionTimestamp.IsZero() {
		t.Errorf("got %v: its pods would wait 15 minutes", err)
	}
	if why, ok := ledger.DecidedOf(claim); !ok || why.Cause != ledger.CauseVMGone {
		t.Errorf("left for the ledger: %+v", why)
	}
}

func TestOneVMThatCannotBeDeletedKeepsNoOtherAlive(t *testing.T) {
	w := newWorld(t, 24)
	w.forget(t, "default-01", "default-02")
	if err := w.region.AddFault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultError, Code: "8018", Status: 400, Nth: 1}); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(10 * time.Minute)
	w.sweep(t)
	w.sweep(t)
	gone := 0
	for _, v := range w.region.VMs() {
		if v.State == "shutting-down" || v.State == "terminated" {
			gone++
		}
	}
	if gone != 1 {
		t.Errorf("%d deleted, want the other one", gone)
	}
}

func TestProtectedVMDoesNotBlockTheOthersOfASmallFleet(t *testing.T) {
	w := newWorld(t, 3)
	w.forget(t, "default-00", "default-01", "default-02")
	if err := w.region.AddFault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultError, Code: "8018", Status: 400, Nth: 1}); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(10 * time.Minute)
	w.sweep(t)
	w.sweep(t)
	if w.alive() != 2 {
		t.Errorf("%d VMs are alive: the first cannot be deleted, and the second was not tried", w.alive())
	}
}
