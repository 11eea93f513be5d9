package ledger

import (
	"context"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// forgotten is how long a Node is remembered that was deleted while its NodeClaim lived: core deletes that within seconds.
const forgotten = time.Hour

// witness remembers of each NodeClaim that is being deleted what later looks cannot see any more. It hears of deletions in
// the same cache as core's controllers do. That gives the order: core deletes a NodeClaim only after this cache shows that
// its Node is being deleted, and a Node only after it shows that its NodeClaim is. Where this process hears of both too late
// for that, the resource versions of the two deletions say it: both are in one etcd.
type witness struct {
	clock clock.Clock
	kube  client.Reader

	mu   sync.Mutex
	ends map[types.UID]*sighting
	// nodes are Nodes that are being deleted, by the UID of their NodeClaim.
	nodes map[types.UID]deletedNode
}

// sighting is a NodeClaim that is being deleted.
type sighting struct {
	// claim is as it was last seen. It outlives the object.
	claim *karpv1.NodeClaim
	node  *corev1.Node
	order order
	// version is that of the NodeClaim when its deletion was heard of, and 0 if that was not heard.
	version uint64
	seen    time.Time
	gone    bool
	done    bool
	// looked is whether the VM was looked for. What follows is written by the reconciliation alone.
	looked bool
	vm     vm.VM
}

// deletedNode is a Node as it was when its deletion was heard of, and whether its NodeClaim lived then.
type deletedNode struct {
	*corev1.Node
	at    time.Time
	lived bool
}

func newWitness(clk clock.Clock, kube client.Reader) *witness {
	return &witness{clock: clk, kube: kube, ends: map[types.UID]*sighting{}, nodes: map[types.UID]deletedNode{}}
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// claims hears of NodeClaims.
func (w *witness) claims() handler.EventHandler {
	return handler.Funcs{
		// One that is being deleted when it is first seen was deleted before this process came: its version says nothing.
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { w.claim(ctx, e.Object, 0, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			w.claim(ctx, e.ObjectNew, version(e.ObjectNew), q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			w.claim(ctx, e.Object, version(e.Object), q)
			w.gone(e.Object.GetUID())
		},
	}
}

// claim notes a NodeClaim that is being deleted, and wakes the reconciliation, whose requests carry UIDs: a name can come
// back.
func (w *witness) claim(ctx context.Context, object client.Object, at uint64, q queue) {
	claim, ok := object.(*karpv1.NodeClaim)
	if !ok || claim.DeletionTimestamp.IsZero() || !v1alpha1.IsOurs(claim) {
		return
	}
	if w.note(claim, at) {
		w.complete(claim.UID, w.nodeOf(ctx, claim))
	}
	q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: string(claim.UID)}})
}

// note keeps the NodeClaim, and reports whether it is new.
func (w *witness) note(claim *karpv1.NodeClaim, at uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.ends[claim.UID]; known != nil {
		known.claim = claim.DeepCopy()
		return false
	}
	w.ends[claim.UID] = &sighting{claim: claim.DeepCopy(), seen: w.clock.Now(), version: at}
	return true
}

// complete adds the Node to a NodeClaim that is new, and what the two say of the order.
func (w *witness) complete(uid types.UID, node *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := w.ends[uid]
	if end == nil {
		return
	}
	if earlier, ok := w.nodes[uid]; ok {
		end.compare(earlier)
		return
	}
	if node == nil {
		return
	}
	end.node = node
	switch deleted := node.DeletionTimestamp; {
	case deleted.IsZero(), end.claim.DeletionTimestamp.Before(deleted):
		end.order = claimFirst
	case deleted.Before(end.claim.DeletionTimestamp), version(node) < end.version:
		end.order = nodeFirst
	}
}

// compare says which was deleted first, the NodeClaim or a Node whose deletion was heard of.
func (s *sighting) compare(node deletedNode) {
	s.node = node.Node
	switch {
	case s.order != orderUnknown:
	case node.lived, version(node) < s.version:
		s.order = nodeFirst
	case s.version > 0:
		s.order = claimFirst
	}
}

// version is the resource version of an object as a number, which it is in every API server that stores in etcd.
func version(object client.Object) uint64 {
	out, _ := strconv.ParseUint(object.GetResourceVersion(), 10, 64) // zero is older than all
	return out
}

// nodeOf returns the Node of a NodeClaim, nil if it is not in the cache.
func (w *witness) nodeOf(ctx context.Context, claim *karpv1.NodeClaim) *corev1.Node {
	if claim.Status.NodeName == "" {
		return nil
	}
	node := &corev1.Node{}
	if err := w.kube.Get(ctx, client.ObjectKey{Name: claim.Status.NodeName}, node); err != nil {
		return nil
	}
	return node
}

// nodesHandler hears of Nodes that are deleted.
func (w *witness) nodesHandler() handler.EventHandler {
	return handler.Funcs{
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, _ queue) {
			if e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero() {
				w.node(ctx, e.ObjectNew)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, _ queue) { w.node(ctx, e.Object) },
	}
}

// node notes a Node that is being deleted, once.
func (w *witness) node(ctx context.Context, object client.Object) {
	node, ok := object.(*corev1.Node)
	if !ok || node.Spec.ProviderID == "" {
		return
	}
	claims := &karpv1.NodeClaimList{}
	// Core has made this index (core pkg/operator/operator.go).
	err := w.kube.List(ctx, claims, client.MatchingFields{"status.providerID": node.Spec.ProviderID})
	if err != nil || len(claims.Items) != 1 || !v1alpha1.IsOurs(&claims.Items[0]) {
		return
	}
	claim := &claims.Items[0]
	w.mu.Lock()
	defer w.mu.Unlock()
	for uid, other := range w.nodes {
		if w.clock.Since(other.at) > forgotten {
			delete(w.nodes, uid)
		}
	}
	if _, known := w.nodes[claim.UID]; known {
		return
	}
	deleted := deletedNode{node.DeepCopy(), w.clock.Now(), claim.DeletionTimestamp.IsZero()}
	w.nodes[claim.UID] = deleted
	if end := w.ends[claim.UID]; end != nil {
		end.compare(deleted)
	}
}

// gone notes that an object is no more.
func (w *witness) gone(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if end := w.ends[uid]; end != nil {
		end.gone = true
		if end.done {
			delete(w.ends, uid)
		}
	}
	delete(w.nodes, uid)
}

// end returns what is known of a NodeClaim whose end is not written yet.
func (w *witness) end(uid types.UID) (sighting, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := w.ends[uid]
	if end == nil || end.done {
		return sighting{}, false
	}
	return *end, true
}

// look keeps what the VM was.
func (w *witness) look(uid types.UID, v vm.VM) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if end := w.ends[uid]; end != nil {
		end.looked, end.vm = true, v
	}
}

// close notes that an end is written.
func (w *witness) close(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := w.ends[uid]
	switch {
	case end == nil:
	case end.gone:
		delete(w.ends, uid)
	default:
		end.done = true
	}
}
