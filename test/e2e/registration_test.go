//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

const (
	// unready is how long a real node takes from joining to Ready. In that time the CCM deletes Nodes.
	unready = 25 * time.Second
	// stuck is longer than any NodeClaim may wait for a Node that the CCM has deleted; core would wait 15 minutes.
	stuck = 2 * time.Minute
)

// TestNodesThatTheCCMDeletesComeBack lets kubelets join before their VMs have the tags by which the CCM finds them.
func TestNodesThatTheCCMDeletesComeBack(t *testing.T) {
	w := start(t, sandbox.Options{ReadyDelay: unready})
	t.Run("under the same NodeClaim, when the tags came late", func(t *testing.T) {
		w := w.in(t)
		w.fault(oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultTagsStripped})
		w.fault(oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultErrorBefore})
		lost := w.watchLostNodes()
		w.scale(2)
		w.await("2 Nodes deleted by the CCM", lost.atLeast(2))
		before := w.state()
		w.Region.ClearFaults()
		w.await("2 pods running", w.PodsRun(2))
		w.unchangedClaims(before)
		w.noneStuck(lost)
		w.wantReboots(2)
		if deleted := w.codes("DeleteVms"); len(deleted) > 0 {
			t.Errorf("DeleteVms %v: the workload was not scaled down", deleted)
		}
		w.clear()
	})
	t.Run("one way or the other, when reads of tags lag", func(t *testing.T) {
		w := w.in(t)
		w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleTags, Delay: 20 * time.Second})
		lost := w.watchLostNodes()
		w.scale(2)
		w.await("2 Nodes deleted by the CCM", lost.atLeast(2))
		w.await("2 pods running", w.PodsRun(2))
		w.noneStuck(lost)
		w.Region.ClearFaults()
		w.clear()
	})
}

// lostNodes are the Nodes that were deleted before they registered, with the time of the first deletion.
type lostNodes struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (w *world) watchLostNodes() *lostNodes {
	w.t.Helper()
	watching, err := client.NewWithWatch(w.ControlPlane.Admin, client.Options{})
	w.must(err)
	nodes, err := watching.Watch(w.t.Context(), &corev1.NodeList{})
	w.must(err)
	w.t.Cleanup(nodes.Stop)
	lost := &lostNodes{at: map[string]time.Time{}}
	go func() {
		for event := range nodes.ResultChan() {
			node, ok := event.Object.(*corev1.Node)
			if ok && event.Type == watch.Deleted && node.Labels[karpv1.NodeRegisteredLabelKey] != "true" {
				lost.note(node.Name)
			}
		}
	}()
	return lost
}

func (l *lostNodes) note(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at[node].IsZero() {
		l.at[node] = time.Now()
	}
}

func (l *lostNodes) times() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.at)
}

func (l *lostNodes) atLeast(n int) func(context.Context) error {
	return func(context.Context) error {
		if seen := len(l.times()); seen < n {
			return fmt.Errorf("%d Nodes were deleted", seen)
		}
		return nil
	}
}

// noneStuck fails for a NodeClaim that waited too long: it has its Node back by now, or was replaced. Either is said.
func (w *world) noneStuck(lost *lostNodes) {
	w.t.Helper()
	var events corev1.EventList
	w.must(w.Client.List(w.t.Context(), &events, client.InNamespace("default")))
	for node, at := range lost.times() {
		said := slices.IndexFunc(events.Items, func(e corev1.Event) bool {
			return e.InvolvedObject.Kind == "NodeClaim" && e.InvolvedObject.Name == node && e.Reason == "NodeDeletedBeforeRegistration"
		})
		if said < 0 {
			w.t.Errorf("no event says why Node %s was gone", node)
			continue
		}
		w.t.Logf("Node %s: decided %.1f s after its deletion: %s", node,
			events.Items[said].CreationTimestamp.Sub(at).Seconds(), events.Items[said].Message)
		claim, err := w.claim(w.t.Context(), node)
		if client.IgnoreNotFound(err) != nil {
			w.t.Fatal(err)
		}
		if err != nil {
			w.t.Logf("NodeClaim %s was replaced", node)
			continue
		}
		back := claim.StatusConditions().Get(karpv1.ConditionTypeRegistered).LastTransitionTime.Sub(at)
		w.t.Logf("NodeClaim %s: registered %.1f s after the deletion of its Node", node, back.Seconds())
		if back > stuck {
			w.t.Errorf("NodeClaim %s waited %s for its Node", node, back)
		}
	}
	for _, call := range w.ProviderCalls() {
		if call.Name == "RebootVms" || call.Name == "DeleteVms" {
			w.t.Logf("%s at %s", call.Name, call.At.Format(time.StampMilli))
		}
	}
}

// unchangedClaims fails unless the NodeClaims are the same.
func (w *world) unchangedClaims(before sandbox.State) {
	w.t.Helper()
	if was, now := claimUIDs(before), claimUIDs(w.state()); !slices.Equal(was, now) {
		w.t.Errorf("NodeClaims %v, before %v", now, was)
	}
}
