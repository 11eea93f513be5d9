package ledger

import (
	"context"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// cache is what the controllers see of a NodeClaim and its Node. Each change has the next version, as in etcd.
type cache struct {
	claim   *karpv1.NodeClaim
	node    *corev1.Node
	version int
}

func newCache() *cache {
	f := healthy()
	f.claim.DeletionTimestamp = nil
	f.node.Spec.ProviderID = f.claim.Status.ProviderID
	return &cache{claim: f.claim, node: f.node, version: 1000}
}

func (c *cache) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	if node, ok := object.(*corev1.Node); ok {
		c.node.DeepCopyInto(node)
	}
	return nil
}

func (c *cache) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if claims, ok := list.(*karpv1.NodeClaimList); ok {
		claims.Items = []karpv1.NodeClaim{*c.claim.DeepCopy()}
	}
	return nil
}

// delete deletes one of the two, at the same second as the other.
func (c *cache) delete(object client.Object) {
	c.version++
	now := metav1.NewTime(noon)
	object.SetDeletionTimestamp(&now)
	object.SetResourceVersion(strconv.Itoa(c.version))
}

func TestTheOrderOfTwoDeletionsIsKnownHoweverTheyAreHeard(t *testing.T) {
	for name, c := range map[string]struct {
		steps string
		want  order
	}{
		// N and C are the deletions of the Node and of the NodeClaim, n and c their news, s the first list of a new process.
		"Node first, heard at once":       {"NnCc", nodeFirst},
		"Node first, heard late":          {"NCnc", nodeFirst},
		"Node first, heard the wrong way": {"NCcn", nodeFirst},
		"Node first, its news is lost":    {"NCc", nodeFirst},
		"NodeClaim first, heard at once":  {"CcNn", claimFirst},
		"NodeClaim first, heard late":     {"CNcn", claimFirst},
		"NodeClaim first, the wrong way":  {"CNnc", claimFirst},
		"NodeClaim first, its Node stays": {"Cc", claimFirst},
		"a new process, one second":       {"NCs", orderUnknown},
		"a new process, its Node stays":   {"Cs", claimFirst},
	} {
		t.Run(name, func(t *testing.T) {
			world := newCache()
			w := newWitness(clocktesting.NewFakeClock(noon), world)
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			before := world.node.DeepCopy()
			var node *corev1.Node
			var claim *karpv1.NodeClaim
			for _, step := range c.steps {
				switch step {
				case 'N':
					world.delete(world.node)
					node = world.node.DeepCopy()
				case 'C':
					world.delete(world.claim)
					claim = world.claim.DeepCopy()
				case 'n':
					w.nodesHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: node}, queue)
				case 'c':
					w.claims().Update(t.Context(), event.UpdateEvent{ObjectNew: claim}, queue)
				case 's':
					w.claims().Create(t.Context(), event.CreateEvent{Object: claim}, queue)
				}
			}
			end, ok := w.end("uid-a")
			if !ok || end.order != c.want || end.node == nil || queue.Len() != 1 {
				t.Errorf("order %v, want %v; Node %v; %d requests", end.order, c.want, end.node != nil, queue.Len())
			}
		})
	}
}

func TestANodeThatWasDeletedLongBeforeItsNodeClaimIsForgotten(t *testing.T) {
	world, clock := newCache(), clocktesting.NewFakeClock(noon)
	w := newWitness(clock, world)
	before := world.node.DeepCopy()
	world.delete(world.node)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	w.nodesHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: world.node}, queue)
	clock.Step(2 * forgotten)
	world.claim.UID = "uid-b"
	w.nodesHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: world.node}, queue)
	if len(w.nodes) != 1 {
		t.Errorf("%d Nodes are remembered", len(w.nodes))
	}
}
