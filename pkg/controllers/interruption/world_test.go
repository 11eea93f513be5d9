package interruption_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/interruption"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func ours() vm.Cluster { return vm.Cluster{Name: "test", ID: "test-id", UID: "kube-system-uid"} }

// world is a fleet of VMs that run for ten minutes, each with its NodeClaim and a Node that is Ready. The finalizer of
// the NodeClaims keeps those that are deleted, as core's does.
type world struct {
	t          *testing.T
	region     *oapitest.Region
	clock      *clocktesting.FakeClock
	kube       client.WithWatch
	api        *oapi.Client
	vms        *vm.Provider
	controller *interruption.Controller
	// said are the events, as "Kind/name Reason: message".
	said []string
}

func newWorld(t *testing.T, region *oapitest.Region, n int) *world {
	t.Helper()
	w := &world{t: t, region: region, clock: clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	region.Clock = w.clock
	w.kube = fake.NewClientBuilder().WithScheme(scheme.Scheme).WithStatusSubresource(&corev1.Node{}).Build()
	w.api = account.Client(t, region)
	w.vms = vm.NewProvider(w.api, ours(), vm.Options{TagsInUserData: true}, w.clock.Now)
	w.restart()
	for i := range n {
		w.join(fmt.Sprintf("default-%02d", i), w.vms)
	}
	w.clock.Step(10 * time.Minute)
	w.sweep()
	return w
}

// restart replaces the controller, as a new process would.
func (w *world) restart() {
	w.controller = interruption.NewController(w.clock, w.kube, w.api, w.vms, w)
}

// Publish implements the recorder of events.
func (w *world) Publish(all ...events.Event) {
	for _, e := range all {
		w.said = append(w.said, fmt.Sprintf("%s %s: %s", kindOf(e.InvolvedObject), e.Reason, e.Message))
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

// join launches a VM, and makes what a node is in Kubernetes.
func (w *world) join(name string, vms *vm.Provider) {
	w.t.Helper()
	fixture := w.region.Fixture()
	v, err := vms.Launch(w.t.Context(), vm.Request{
		Owner: vm.Owner{NodeClaim: name, NodeClaimUID: "uid-" + name, NodePool: "default", NodeClass: "default", NodeName: name},
		Type:  "tinav6.c2r4p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID,
		SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID}, UserData: []byte("machine: {}\n"),
	})
	w.must(err)
	claim := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: types.UID("uid-" + name), Finalizers: []string{karpv1.TerminationFinalizer},
		Labels: map[string]string{karpv1.NodePoolLabelKey: "default"},
	}}
	claim.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	claim.Status.ProviderID, claim.Status.NodeName = utils.ProviderID(v.Subregion, v.ID), name
	w.must(w.kube.Create(w.t.Context(), claim))
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	w.must(w.kube.Create(w.t.Context(), node))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// sweep looks once, 30 s after the last time.
func (w *world) sweep() {
	w.t.Helper()
	w.clock.Step(30 * time.Second)
	_, err := w.controller.Reconcile(w.t.Context())
	w.must(err)
}

func (w *world) sweepFor(d time.Duration) {
	w.t.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); {
		w.sweep()
	}
}

// sweepUntilSaid looks until an event begins so.
func (w *world) sweepUntilSaid(begin string) {
	w.t.Helper()
	for range 10 {
		if len(w.saying(begin)) > 0 {
			return
		}
		w.sweep()
	}
	w.t.Fatalf("nothing says %q", begin)
}

// vmOf is the VM of a NodeClaim.
func (w *world) vmOf(name string) string {
	w.t.Helper()
	for _, v := range w.region.VMs() {
		if v.Tags[vm.TagNodeClaim] == name {
			return v.ID
		}
	}
	w.t.Fatalf("NodeClaim %s has no VM", name)
	return ""
}

// claim is a NodeClaim, nil when it is gone.
func (w *world) claim(name string) *karpv1.NodeClaim {
	w.t.Helper()
	claim := &karpv1.NodeClaim{}
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Name: name}, claim)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return claim
}

// deleting are the names of the NodeClaims that are being deleted.
func (w *world) deleting() []string {
	w.t.Helper()
	claims := karpv1.NodeClaimList{}
	w.must(w.kube.List(w.t.Context(), &claims))
	out := []string{}
	for _, claim := range claims.Items {
		if !claim.DeletionTimestamp.IsZero() {
			out = append(out, claim.Name)
		}
	}
	return out
}

func (w *world) update(name string, change func(*karpv1.NodeClaim)) {
	w.t.Helper()
	claim := w.claim(name)
	change(claim)
	w.must(w.kube.Update(w.t.Context(), claim))
}

// delete deletes a NodeClaim, as core's disruption does.
func (w *world) delete(name string) {
	w.t.Helper()
	w.must(w.kube.Delete(w.t.Context(), w.claim(name)))
}

// silence makes Nodes what they are a minute after their kubelets have ended.
func (w *world) silence(names ...string) {
	w.t.Helper()
	for _, name := range names {
		node := &corev1.Node{}
		w.must(w.kube.Get(w.t.Context(), client.ObjectKey{Name: name}, node))
		node.Status.Conditions[0].Status = corev1.ConditionUnknown
		w.must(w.kube.Status().Update(w.t.Context(), node))
	}
}

func (w *world) annotate(name, key string) {
	w.t.Helper()
	node := &corev1.Node{}
	w.must(w.kube.Get(w.t.Context(), client.ObjectKey{Name: name}, node))
	node.Annotations = map[string]string{key: "true"}
	w.must(w.kube.Update(w.t.Context(), node))
}

// saying are the events that begin so and have all the parts.
func (w *world) saying(begin string, parts ...string) []string {
	var out []string
	for _, text := range w.said {
		has := strings.HasPrefix(text, begin)
		for _, part := range parts {
			has = has && strings.Contains(text, part)
		}
		if has {
			out = append(out, text)
		}
	}
	return out
}

// wantSaid wants exactly one event that begins so, and that it has all the parts.
func (w *world) wantSaid(begin string, parts ...string) {
	w.t.Helper()
	if all, right := w.saying(begin), w.saying(begin, parts...); len(all) != 1 || len(right) != 1 {
		w.t.Errorf("want one event %q with %q, got %q of\n%s", begin, parts, all, strings.Join(w.said, "\n"))
	}
}

func (w *world) wantDeleting(want ...string) {
	w.t.Helper()
	if got := w.deleting(); strings.Join(got, " ") != strings.Join(want, " ") {
		w.t.Errorf("NodeClaims %v are being deleted, want %v; said:\n%s", got, want, strings.Join(w.said, "\n"))
	}
}

func (w *world) fault(fault oapitest.Fault) {
	w.t.Helper()
	w.must(w.region.AddFault(fault))
}
