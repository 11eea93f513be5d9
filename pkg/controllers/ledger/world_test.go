package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// world is a node named default-a that runs for ten minutes, with its VM, and the ConfigMap of the ring.
type world struct {
	t      *testing.T
	region *oapitest.Region
	clock  *clocktesting.FakeClock
	kube   client.WithWatch
	vms    *vm.Provider
	queue  workqueue.TypedRateLimitingInterface[reconcile.Request]
	ring   *ledger.Ring
	*Controller
	// said are the events, as "Type Kind/name Reason: message".
	said []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, region: &oapitest.Region{}, clock: clocktesting.NewFakeClock(noon)}
	w.region.Clock = w.clock
	w.kube = fake.NewClientBuilder().WithScheme(scheme.Scheme).
		WithIndex(&karpv1.NodeClaim{}, "status.providerID", func(o client.Object) []string {
			claim, ok := o.(*karpv1.NodeClaim)
			if !ok {
				return nil
			}
			return []string{claim.Status.ProviderID}
		}).
		WithObjects(
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "karpenter", Name: "ends"}},
			&karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: "default"}},
		).Build()
	w.vms = vm.NewProvider(account.Client(t, w.region), vm.Cluster{Name: "test", ID: "test-id", UID: "uid"},
		vm.Options{TagsInUserData: true}, w.clock.Now)
	w.restart()
	w.join()
	w.clock.Step(10 * time.Minute)
	return w
}

// restart replaces the controller, as a new process would.
func (w *world) restart() {
	w.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	w.ring = ledger.NewRing(w.kube, w.kube, types.NamespacedName{Namespace: "karpenter", Name: "ends"})
	w.Controller = NewController(w.clock, w.kube, w.vms, w.ring, w)
}

// Publish implements the recorder of events.
func (w *world) Publish(all ...events.Event) {
	for _, e := range all {
		w.said = append(w.said, fmt.Sprintf("%s %s %s: %s", e.Type, kindOf(e.InvolvedObject), e.Reason, e.Message))
	}
}

func kindOf(object runtime.Object) string {
	switch o := object.(type) {
	case *karpv1.NodeClaim:
		return "NodeClaim/" + o.Name
	case *corev1.Node:
		return "Node/" + o.Name
	default:
		return fmt.Sprintf("%T", object)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) join() {
	w.t.Helper()
	fixture := w.region.Fixture()
	v, err := w.vms.Launch(w.t.Context(), vm.Request{
		Owner: vm.Owner{NodeClaim: "default-a", NodeClaimUID: "uid-a", NodePool: "default", NodeClass: "default", NodeName: "default-a"},
		Type:  "tinav6.c2r4p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID,
		SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID}, UserData: []byte("machine: {}\n"),
	})
	w.must(err)
	f := healthy()
	claim := f.claim
	// The fake API server deletes at the time of the wall clock.
	claim.DeletionTimestamp, claim.CreationTimestamp = nil, metav1.NewTime(time.Now().Add(-10*time.Minute))
	claim.Status.ProviderID = utils.ProviderID(v.Subregion, v.ID)
	w.must(w.kube.Create(w.t.Context(), claim))
	node := f.node
	node.UID, node.Spec.ProviderID, node.Finalizers = "uid-of-node", claim.Status.ProviderID, []string{karpv1.TerminationFinalizer}
	w.must(w.kube.Create(w.t.Context(), node))
}

func (w *world) claim() *karpv1.NodeClaim {
	w.t.Helper()
	claim := &karpv1.NodeClaim{}
	w.must(w.kube.Get(w.t.Context(), client.ObjectKey{Name: "default-a"}, claim))
	return claim
}

func (w *world) node() *corev1.Node {
	w.t.Helper()
	node := &corev1.Node{}
	w.must(w.kube.Get(w.t.Context(), client.ObjectKey{Name: "default-a"}, node))
	return node
}

func (w *world) update(change func(*karpv1.NodeClaim)) {
	w.t.Helper()
	claim := w.claim()
	change(claim)
	w.must(w.kube.Update(w.t.Context(), claim))
}

// delete deletes an object, whose finalizer keeps it, and returns it as it was before.
func (w *world) delete(object client.Object) {
	w.t.Helper()
	w.must(w.kube.Delete(w.t.Context(), object))
}

// hear tells the controller of a change of the NodeClaim.
func (w *world) hear() {
	w.t.Helper()
	w.witness.claims().Update(w.t.Context(), event.UpdateEvent{ObjectNew: w.claim()}, w.queue)
}

// hearStart tells the controller that the NodeClaim is there, as its first list does.
func (w *world) hearStart() {
	w.t.Helper()
	w.witness.claims().Create(w.t.Context(), event.CreateEvent{Object: w.claim()}, w.queue)
}

// hearGone takes the finalizer off, and tells the controller that the NodeClaim is no more.
func (w *world) hearGone() {
	w.t.Helper()
	last := w.claim()
	w.update(func(c *karpv1.NodeClaim) { c.Finalizers = nil })
	w.witness.claims().Delete(w.t.Context(), event.DeleteEvent{Object: last}, w.queue)
}

// look reconciles what the queue has, and returns when to look again: 0 for never.
func (w *world) look() time.Duration {
	w.t.Helper()
	result, err := w.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "uid-a"}})
	w.must(err)
	return result.RequeueAfter
}

// lookUntilWritten reconciles as often as the controller wants.
func (w *world) lookUntilWritten() {
	w.t.Helper()
	for range 100 {
		wait := w.look()
		if wait == 0 {
			return
		}
		w.clock.Step(wait)
	}
	w.t.Fatal("the end is never written")
}

// ends are those in the ConfigMap, after a write.
func (w *world) ends() []ledger.End {
	w.t.Helper()
	w.must(w.ring.Flush(w.t.Context()))
	kept := &corev1.ConfigMap{}
	w.must(w.kube.Get(w.t.Context(), types.NamespacedName{Namespace: "karpenter", Name: "ends"}, kept))
	out, err := ledger.ReadRing(kept)
	w.must(err)
	return out
}

// wantEnd wants one end with this cause, and one event of it on the NodeClaim with all the parts.
func (w *world) wantEnd(cause ledger.Cause, how ledger.Confidence, parts ...string) ledger.End {
	w.t.Helper()
	ends := w.ends()
	if len(ends) != 1 || ends[0].Cause != cause || ends[0].Confidence != how {
		w.t.Fatalf("ends %+v, want one %s (%s)", ends, cause, how)
	}
	var found []string
	for _, text := range w.said {
		if strings.Contains(text, " NodeClaim/default-a ") {
			found = append(found, text)
		}
	}
	if len(found) != 1 || !strings.Contains(found[0], ": "+string(cause)+": ") {
		w.t.Fatalf("events %q, want one that names %s", found, cause)
	}
	for _, part := range parts {
		if !strings.Contains(found[0], part) {
			w.t.Errorf("event %q does not hold %q", found[0], part)
		}
	}
	return ends[0]
}
