//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// old makes the VMs of a region six minutes older than they are: younger ones that stop are left to their launch.
type old struct{ clock.RealClock }

func (old) Now() time.Time                    { return time.Now().Add(-6 * time.Minute) }
func (o old) Since(t time.Time) time.Duration { return o.Now().Sub(t) }

// endings are the NodePools of this world besides the default one, with one node each, and how each ends its node.
func endings() map[string]func(*karpv1.NodePool) {
	return map[string]func(*karpv1.NodePool){
		"empty":  func(p *karpv1.NodePool) { p.Spec.Disruption.ConsolidateAfter = after(5 * time.Second) },
		"drift":  func(*karpv1.NodePool) {},
		"expiry": func(p *karpv1.NodePool) { p.Spec.Template.Spec.ExpireAfter = after(100 * time.Second) },
		"once":   func(*karpv1.NodePool) {},
		"boot":   func(p *karpv1.NodePool) { p.Spec.Template.Spec.NodeClassRef.Name = "boot" },
	}
}

func after(d time.Duration) karpv1.NillableDuration { return karpv1.NillableDuration{Duration: &d} }

// TestWhyEnded ends nodes in all the ways there are, side by side, and asks the event and the ring why.
func TestWhyEnded(t *testing.T) {
	w := start(t, sandbox.Options{
		Chart: true, NodeGracePeriod: 10 * time.Second, ConsolidateAfter: time.Hour,
		Region: func(r *oapitest.Region) {
			r.Clock = old{}
			r.Uncertain.HostStops = true
		},
	})
	class := w.copyOf("boot")
	class.Spec.Talos.Patches = []string{"machine:\n  kubelet:\n    extraArgs:\n      max-podz: \"12\"\n"}
	w.must(w.Client.Create(t.Context(), class))
	w.await("NodeClass boot ready", w.nodeClassReady("boot"))
	for name, edit := range endings() {
		w.poolOfOne(name, edit)
	}
	w.pin("default")
	w.scale(6)
	victims := w.nodesOf("default", 6)
	// All of them begin, then each is waited for.
	checks := map[string]func(*world){"deletion by the CCM": byCCM(w, victims[2])}
	for name, begin := range map[string]func(*world) func(*world){
		"consolidation":      consolidates,
		"drift":              drifts,
		"expiry":             expires,
		"never registered":   neverRegisters,
		"deletion by hand":   byHand(victims[0]),
		"garbage collection": garbage(victims[1]),
		"host failure":       stops(victims[3], ledger.CauseHostFailed, w.Region.FailHost),
		"guest power-off":    stops(victims[4], ledger.CauseGuestPoweredOff, w.powerOff),
		"stop from outside":  stops(victims[5], ledger.CauseStopped, w.Region.StopVM),
	} {
		checks[name] = begin(w)
	}
	go w.releasePods(t.Context())
	for name, check := range checks {
		t.Run(name, func(t *testing.T) { check(w.in(t)) })
	}
	t.Run("once, whatever restarts", func(t *testing.T) { once(w.in(t)) })
}

func (w *world) powerOff(id string) bool {
	w.Region.GuestShutdown(id)
	return true
}

// releasePods takes the pods away of nodes that end with their kubelet: Karpenter would wait for them for a minute. The
// interruption controller replaces one node at a time here, and the next one waits for that.
func (w *world) releasePods(ctx context.Context) {
	for ctx.Err() == nil {
		var pods corev1.PodList
		if err := w.Client.List(ctx, &pods, client.InNamespace("default")); err == nil {
			for i := range pods.Items {
				if !pods.Items[i].DeletionTimestamp.IsZero() {
					_ = w.Client.Delete(ctx, &pods.Items[i], client.GracePeriodSeconds(0)) // it is tried again
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func consolidates(w *world) func(*world) {
	claim := w.nodesOf("empty", 1)[0]
	w.remove("empty")
	return func(w *world) { w.ended(claim, ledger.CauseEmpty, "no pod needed its node") }
}

func drifts(w *world) func(*world) {
	claim := w.nodesOf("drift", 1)[0]
	var pool karpv1.NodePool
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "drift"}, &pool))
	stored := pool.DeepCopy()
	pool.Spec.Template.Labels = map[string]string{"example.com/edition": "second"}
	w.must(w.Client.Patch(w.t.Context(), &pool, client.MergeFrom(stored)))
	return func(w *world) { w.ended(claim, ledger.CauseDrifted, "NodePoolDrifted") }
}

func expires(w *world) func(*world) {
	claim := w.nodesOf("expiry", 1)[0]
	return func(w *world) {
		w.ended(claim, ledger.CauseExpired, "1m40s")
		w.remove("expiry") // or each replacement would expire as well
	}
}

// neverRegisters lets core give up a machine whose kubelet does not start. Core counts from a time in the NodeClaim, and
// no test waits a quarter of an hour.
func neverRegisters(w *world) func(*world) {
	var claim *karpv1.NodeClaim
	w.await("the machine that does not join", func(ctx context.Context) error {
		claims, err := w.claimsIn(ctx, "boot")
		if err != nil || len(claims) == 0 || claims[0].Status.ProviderID == "" {
			return errors.Join(err, errNotYet)
		}
		claim = &claims[0]
		console, err := w.Console(ctx, idOf(claim))
		if err == nil && !strings.Contains(console, "unknown flag: --max-podz") {
			err = errNotYet
		}
		return err
	})
	w.await("a time that is long ago", func(ctx context.Context) error {
		now, err := w.claim(ctx, claim.Name)
		if err != nil {
			return err
		}
		stored := now.DeepCopy()
		for i := range now.Status.Conditions {
			if now.Status.Conditions[i].Type == karpv1.ConditionTypeRegistered {
				now.Status.Conditions[i].LastTransitionTime = metav1.NewTime(time.Now().Add(-16 * time.Minute))
			}
		}
		return w.Client.Status().Patch(ctx, now, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{}))
	})
	return func(w *world) {
		end := w.ended(claim, ledger.CauseBootFailed, "does not know the flag --max-podz", "[kubelet.", "unknown flag: --max-podz")
		if end.Registered || end.Console == nil || !strings.HasPrefix(end.Console.ID, "kubelet.") || end.Console.Remedy == "" {
			w.t.Errorf("the ring has %+v", end)
		}
		w.remove("boot")
	}
}

func byHand(claim *karpv1.NodeClaim) func(*world) func(*world) {
	return func(w *world) func(*world) {
		w.must(w.Client.Delete(w.t.Context(), claim))
		return func(w *world) { w.ended(claim, ledger.CauseDeletedByHand, "Somebody other than Karpenter") }
	}
}

func garbage(claim *karpv1.NodeClaim) func(*world) func(*world) {
	return func(w *world) func(*world) {
		if !w.Region.KillVM(idOf(claim)) {
			w.t.Fatalf("VM %s cannot be killed", idOf(claim))
		}
		return func(w *world) { w.ended(claim, ledger.CauseVMGone, idOf(claim)) }
	}
}

// byCCM lets the CCM ask for the VM of a node that is not Ready while reads do not show it. All other nodes must be Ready.
func byCCM(w *world, claim *karpv1.NodeClaim) func(*world) {
	w.Freezer().Freeze(idOf(claim))
	node := &corev1.Node{}
	nodeIs := func(what string, check func() bool) {
		w.await(what, func(ctx context.Context) error {
			if err := w.Client.Get(ctx, client.ObjectKey{Name: claim.Status.NodeName}, node); err != nil || check() {
				return client.IgnoreNotFound(err)
			}
			return errNotYet
		})
	}
	nodeIs("a Node that is not Ready", func() bool { return !ready(node) })
	w.fault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultStaleVMs, Delay: 24 * time.Hour})
	nodeIs("its deletion by the CCM", func() bool { return !node.DeletionTimestamp.IsZero() })
	w.Region.ClearFaults()
	return func(w *world) {
		end := w.ended(claim, ledger.CauseNodeDeletedByCCM, "cloud controller manager", "VM "+idOf(claim)+" was running")
		if end.Confidence != ledger.ByElimination {
			w.t.Errorf("the API server keeps no name, and the ring has %+v", end)
		}
	}
}

// stops ends a VM in one of three ways.
func stops(claim *karpv1.NodeClaim, cause ledger.Cause, stop func(string) bool) func(*world) func(*world) {
	return func(w *world) func(*world) {
		if !stop(idOf(claim)) {
			w.t.Fatalf("VM %s cannot be stopped", idOf(claim))
		}
		return func(w *world) {
			end := w.ended(claim, cause, idOf(claim), "has not come back")
			if end.VMState != "stopped" || end.StateReason == "" || end.Confidence != ledger.Observed {
				w.t.Errorf("the ring has %+v, want what Outscale says of the VM", end)
			}
		}
	}
}

// once restarts the controller while a NodeClaim is on its way out, and its end is written.
func once(w *world) {
	claim := w.nodesOf("once", 1)[0]
	stored := claim.DeepCopy()
	claim.Finalizers = append(claim.Finalizers, "example.com/hold")
	w.must(w.Client.Patch(w.t.Context(), claim, client.MergeFrom(stored)))
	w.must(w.Client.Delete(w.t.Context(), claim))
	w.ended(claim, ledger.CauseDeletedByHand)
	w.restart()
	w.await("the NodeClaim looked at again", w.reconciledTimes("nodeclaim.ledger", 1))
	if ends := w.endsOf(claim); len(ends) != 1 {
		w.t.Errorf("the ring has %+v", ends)
	}
	if said := w.saidOf(claim); len(said) != 1 {
		w.t.Errorf("events %q", said)
	}
	w.force(claim)
}

// ended waits for the event of an end and its line in the ring, and wants both to name the cause.
func (w *world) ended(claim *karpv1.NodeClaim, cause ledger.Cause, parts ...string) ledger.End {
	w.t.Helper()
	reason := "NodeClaimEnded"
	if cause == ledger.CauseBootFailed {
		reason = "BootFailed"
	}
	var ends []ledger.End
	var said []string
	took := w.within("the end of NodeClaim "+claim.Name, 6*time.Minute, func(context.Context) error {
		if said, ends = w.saidOf(claim), w.endsOf(claim); len(said) == 0 || len(ends) == 0 {
			return fmt.Errorf("events %q, in the ring %+v", said, ends)
		}
		return nil
	})
	if len(said) != 1 || len(ends) != 1 {
		w.t.Fatalf("after %s: events %q, in the ring %+v", took, said, ends)
	}
	w.t.Logf("after %s: %s (%s)", took.Round(time.Second), said[0], ends[0].Confidence)
	for _, part := range append(parts, reason+" "+string(cause)+": ") {
		if !strings.Contains(said[0], part) {
			w.t.Errorf("event %q does not hold %q", said[0], part)
		}
	}
	end := ends[0]
	if end.Cause != cause || end.NodeClaim != claim.Name || end.VM != idOf(claim) || end.NodePool != claim.Labels[karpv1.NodePoolLabelKey] {
		w.t.Errorf("the ring has %+v, want cause %s", end, cause)
	}
	return end
}

// saidOf are the events of a NodeClaim's end.
func (w *world) saidOf(claim *karpv1.NodeClaim) []string {
	w.t.Helper()
	var events corev1.EventList
	w.must(w.Client.List(w.t.Context(), &events, client.InNamespace("default")))
	var out []string
	for _, e := range events.Items {
		if e.InvolvedObject.UID == claim.UID && (e.Reason == "NodeClaimEnded" || e.Reason == "BootFailed") {
			out = append(out, e.Reason+" "+e.Message)
		}
	}
	return out
}

// endsOf are the lines of a NodeClaim in the ring.
func (w *world) endsOf(claim *karpv1.NodeClaim) []ledger.End {
	w.t.Helper()
	kept := &corev1.ConfigMap{}
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: "karpenter", Name: "karpenter-provider-outscale-ends"}, kept))
	ends, err := ledger.ReadRing(kept)
	w.must(err)
	return slices.DeleteFunc(ends, func(end ledger.End) bool { return end.UID != claim.UID })
}

// poolOfOne creates a NodePool like the default one, and a pod that runs there.
func (w *world) poolOfOne(name string, edit func(*karpv1.NodePool)) {
	w.t.Helper()
	var pool karpv1.NodePool
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &pool))
	other := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: *pool.Spec.DeepCopy()}
	edit(other)
	w.must(w.Client.Create(w.t.Context(), other))
	var inflate appsv1.Deployment
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: "default", Name: "inflate"}, &inflate))
	labels := map[string]string{"app": name}
	one := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: *inflate.Spec.DeepCopy()}
	one.Spec.Replicas, one.Spec.Selector = new(int32(1)), &metav1.LabelSelector{MatchLabels: labels}
	one.Spec.Template.Labels, one.Spec.Template.Spec.TopologySpreadConstraints = labels, nil
	one.Spec.Template.Spec.NodeSelector = map[string]string{karpv1.NodePoolLabelKey: name}
	w.must(w.Client.Create(w.t.Context(), one))
}

// remove takes the pod of a NodePool away.
func (w *world) remove(name string) {
	w.t.Helper()
	one := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	w.must(w.Client.Delete(w.t.Context(), one, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

// pin keeps the pods of the examples on the nodes of one NodePool.
func (w *world) pin(pool string) {
	w.t.Helper()
	w.editInflate(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.NodeSelector = map[string]string{karpv1.NodePoolLabelKey: pool}
	})
}

// nodesOf waits until a NodePool has so many initialized nodes, each with a pod, and returns their NodeClaims.
func (w *world) nodesOf(pool string, n int) []*karpv1.NodeClaim {
	w.t.Helper()
	var out []*karpv1.NodeClaim
	w.await(fmt.Sprintf("%d nodes of NodePool %s", n, pool), func(ctx context.Context) error {
		claims, err := w.claimsIn(ctx, pool)
		if err != nil {
			return err
		}
		out = nil
		for i := range claims {
			running := slices.ContainsFunc(w.podsOn(claims[i].Status.NodeName), func(p corev1.Pod) bool {
				return p.Status.Phase == corev1.PodRunning
			})
			if initialized(&claims[i]) && running && claims[i].DeletionTimestamp.IsZero() {
				out = append(out, &claims[i])
			}
		}
		if len(out) < n {
			return fmt.Errorf("%d of %d NodeClaims run a pod", len(out), len(claims))
		}
		return nil
	})
	return out
}

func (w *world) claimsIn(ctx context.Context, pool string) ([]karpv1.NodeClaim, error) {
	var claims karpv1.NodeClaimList
	err := w.Client.List(ctx, &claims, client.MatchingLabels{karpv1.NodePoolLabelKey: pool})
	return claims.Items, err
}

// idOf is the ID of a NodeClaim's VM.
func idOf(claim *karpv1.NodeClaim) string {
	return claim.Status.ProviderID[strings.LastIndex(claim.Status.ProviderID, "/")+1:]
}
