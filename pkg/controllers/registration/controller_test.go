package registration_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/registration"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/tagging"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const name = "default-a1"

// world is one VM that runs, and its NodeClaim that has not registered.
type world struct {
	t          *testing.T
	region     *oapitest.Region
	clock      *clocktesting.FakeClock
	kube       client.Client
	vms        *vm.Provider
	events     *record.FakeRecorder
	controller *registration.Controller
	vmID       string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: clocktesting.NewFakeClock(time.Now()), events: record.NewFakeRecorder(100)}
	w.region = &oapitest.Region{Clock: w.clock}
	nodeClass := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	created := metav1.NewTime(w.clock.Now().Add(-time.Minute))
	claim := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: created}}
	claim.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	cluster := vm.Cluster{Name: "test", ID: "test-id", UID: "kube-system-uid"}
	w.vms = vm.NewProvider(account.Client(t, w.region), cluster, vm.Options{TagsInUserData: true}, w.clock.Now)
	fixture := w.region.Fixture()
	v, err := w.vms.Launch(t.Context(), vm.Request{
		Owner: owner.Of(claim, nodeClass, ""), Type: "tinav6.c2r4p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID,
		SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID}, UserData: []byte("machine: {}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.vmID = v.ID
	claim.Status.ProviderID = utils.ProviderID(v.Subregion, v.ID)
	w.kube = fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(claim, nodeClass).Build()
	recorder := events.NewRecorder(w.events)
	provider := cloudprovider.New(cloudprovider.Kube{Client: w.kube, Uncached: w.kube}, w.vms, nil, nil, recorder, cloudprovider.DefaultRepairTimes())
	w.controller = registration.NewController(w.clock, w.kube, w.kube, w.vms, provider, recorder)
	w.clock.Step(w.region.Timings.Boot + 10*time.Second)
	return w
}

func node() *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: uuid.NewUUID(), CreationTimestamp: metav1.Now()}}
}

// deleted tells the controller of a Node that is gone, and wants it to look at so many NodeClaims.
func (w *world) deleted(node *corev1.Node, want int) {
	w.t.Helper()
	if requests := w.controller.Deleted(w.t.Context(), node); len(requests) != want {
		w.t.Fatalf("%d NodeClaims to look at, want %d", len(requests), want)
	}
}

// reconcile looks once.
func (w *world) reconcile() (reconcile.Result, error) {
	return w.controller.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
}

// until looks again and again as it is asked to, and returns when nothing is left to wait for within the time.
func (w *world) until(within time.Duration) {
	w.t.Helper()
	for end := w.clock.Now().Add(within); ; {
		result, err := w.reconcile()
		if err != nil {
			w.t.Fatal(err)
		}
		if result.RequeueAfter == 0 || w.clock.Now().Add(result.RequeueAfter).After(end) {
			return
		}
		w.clock.Step(result.RequeueAfter)
	}
}

func (w *world) wantReboots(want int) {
	w.t.Helper()
	if n := w.region.Calls()["RebootVms"]; n != want {
		w.t.Errorf("%d calls of RebootVms, want %d", n, want)
	}
}

// claim is the NodeClaim, nil when it is gone.
func (w *world) claim() *karpv1.NodeClaim {
	w.t.Helper()
	claim := &karpv1.NodeClaim{}
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Name: name}, claim)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return claim
}

func (w *world) update(change func(*karpv1.NodeClaim)) {
	w.t.Helper()
	claim := w.claim()
	change(claim)
	if err := w.kube.Update(w.t.Context(), claim); err != nil {
		w.t.Fatal(err)
	}
}

// wantEvent wants one event, with all these parts.
func (w *world) wantEvent(parts ...string) {
	w.t.Helper()
	if n := len(w.events.Events); n != 1 {
		w.t.Fatalf("%d events, want one", n)
	}
	event := <-w.events.Events
	for _, part := range append(parts, "Warning NodeDeletedBeforeRegistration", w.vmID) {
		if !strings.Contains(event, part) {
			w.t.Errorf("event %q does not say %q", event, part)
		}
	}
}

func (w *world) fault(fault oapitest.Fault) {
	w.t.Helper()
	if err := w.region.AddFault(fault); err != nil {
		w.t.Fatal(err)
	}
}

func TestTheVMOfADeletedNodeIsRebootedOnceWithinAMinute(t *testing.T) {
	w := newWorld(t)
	w.deleted(node(), 1)
	if result, err := w.reconcile(); err != nil || result.RequeueAfter == 0 {
		t.Fatalf("%+v, %v: one read is no proof, and must be followed by another", result, err)
	}
	w.wantReboots(0)
	w.until(time.Minute)
	w.until(time.Minute)
	w.wantReboots(1)
	w.wantEvent("Node "+name, "cloud controller manager", "rebooted")
	if w.claim() == nil {
		t.Error("the NodeClaim is gone: its VM was about to come back")
	}
}

func TestANodeThatIsDeletedAgainAfterTheRebootCostsItsNodeClaim(t *testing.T) {
	w := newWorld(t)
	w.deleted(node(), 1)
	w.until(time.Minute)
	<-w.events.Events
	w.clock.Step(30 * time.Second)
	w.deleted(node(), 1)
	w.until(time.Minute)
	w.wantReboots(1)
	w.wantEvent("again", "replaced")
	if w.claim() != nil {
		t.Error("the NodeClaim waits for core's 15 minutes")
	}
}

func TestARebootThatBringsNoNodeBackCostsTheNodeClaim(t *testing.T) {
	w := newWorld(t)
	w.update(func(c *karpv1.NodeClaim) { c.Finalizers = []string{karpv1.TerminationFinalizer} })
	w.deleted(node(), 1)
	w.until(time.Minute)
	<-w.events.Events
	w.until(10 * time.Minute)
	w.wantReboots(1)
	w.wantEvent("did not bring it back", "replaced")
	claim := w.claim()
	if claim.DeletionTimestamp.IsZero() {
		t.Error("the NodeClaim waits for core's 15 minutes")
	}
	if why, ok := ledger.DecidedOf(claim); !ok || why.Cause != ledger.CauseNodeLost || !strings.Contains(why.Why, "did not bring it back") {
		t.Errorf("left for the ledger: %+v", why)
	}
}

func TestANodeThatIsThereNeedsNoReboot(t *testing.T) {
	for when, created := range map[string]bool{"at the first read": true, "at the second": false} {
		t.Run(when, func(t *testing.T) {
			w := newWorld(t)
			w.deleted(node(), 1)
			if !created {
				if _, err := w.reconcile(); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.kube.Create(t.Context(), node()); err != nil {
				t.Fatal(err)
			}
			w.clock.Step(time.Minute)
			w.until(10 * time.Minute)
			w.wantReboots(0)
		})
	}
}

func TestTheTagsAreRightBeforeTheReboot(t *testing.T) {
	w := newWorld(t)
	w.region.StripTags(w.vmID)
	w.clock.Step(time.Minute) // until our own words about the tags are older than what a read says
	w.deleted(node(), 1)
	w.until(time.Minute)
	w.wantReboots(0)
	tags := tagging.NewController(w.clock, w.kube, w.vms)
	result, err := tags.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	if result.RequeueAfter > 10*time.Second {
		t.Errorf("tags of a VM without a Node are looked at every %s: a minute is over before they are right", result.RequeueAfter)
	}
	w.until(time.Minute)
	w.wantReboots(1)
	w.wantEvent("lacked", "OscK8sNodeName", "OscK8sClusterID/test-id")
}

func TestAVMThatCannotBeRebootedIsReplacedAtOnce(t *testing.T) {
	for what, spoil := range map[string]func(*world){
		"stopped": func(w *world) {
			w.region.StopVM(w.vmID)
			w.clock.Step(time.Minute)
		},
		"forbidden": func(w *world) {
			w.fault(oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultError, Code: "1", Status: 401})
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			spoil(w)
			w.deleted(node(), 1)
			w.until(time.Minute)
			if w.claim() != nil {
				t.Error("the NodeClaim waits for core's 15 minutes")
			}
		})
	}
}

func TestARebootWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.fault(oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultLostReply, Times: 1})
	w.deleted(node(), 1)
	w.clock.Step(time.Second)
	for range 4 {
		_, _ = w.reconcile()
		w.clock.Step(10 * time.Second)
	}
	w.wantReboots(1)
	if w.claim() == nil {
		t.Error("the NodeClaim is gone: its VM may be about to come back")
	}
}

func TestOtherNodesAreNotMissed(t *testing.T) {
	registered := node()
	registered.Labels = map[string]string{karpv1.NodeRegisteredLabelKey: "true"}
	older := node()
	older.CreationTimestamp = metav1.NewTime(time.Now().Add(-time.Hour))
	stranger := node()
	stranger.Name = "control-plane"
	for what, c := range map[string]struct {
		node  *corev1.Node
		claim func(*karpv1.NodeClaim)
		want  int
	}{
		"a Node that had registered":          {registered, nil, 0},
		"a Node of an earlier VM":             {older, nil, 1},
		"a Node of somebody else":             {stranger, nil, 1},
		"a NodeClaim that has registered":     {node(), func(c *karpv1.NodeClaim) { c.StatusConditions().SetTrue(karpv1.ConditionTypeRegistered) }, 0},
		"a NodeClaim of another provider":     {node(), func(c *karpv1.NodeClaim) { c.Spec.NodeClassRef.Group = "karpenter.k8s.aws" }, 0},
		"a NodeClaim that is being deleted":   {node(), func(c *karpv1.NodeClaim) { c.Finalizers = []string{"example.com/wait"} }, 0},
		"a NodeClaim that has no VM, not yet": {node(), func(c *karpv1.NodeClaim) { c.Status.ProviderID = "" }, 1},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			if c.claim != nil {
				w.update(c.claim)
			}
			if claim := w.claim(); len(claim.Finalizers) > 0 {
				if err := w.kube.Delete(t.Context(), claim); err != nil {
					t.Fatal(err)
				}
			}
			w.deleted(c.node, c.want)
			w.until(10 * time.Minute)
			w.wantReboots(0)
			if n := len(w.events.Events); n > 0 {
				t.Errorf("event %q", <-w.events.Events)
			}
		})
	}
}
