package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/reconciler"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

type result = reconciler.Result

const (
	className = "default"
	poolName  = "default"
)

// world is a region, a cluster in it, and the processes of the controller.
type world struct {
	t       *testing.T
	ctx     context.Context
	cancel  context.CancelFunc
	seed    uint64
	begun   time.Time
	verbose bool
	steps   int
	region  *oapitest.Region
	fixture oapitest.Fixture
	store   *store
	// kube is the API server for all but the controller.
	kube       client.Client
	clusterUID string
	judge      *judge
	machines   map[string]*machine
	outside    func(func())

	// What follows is the walk's alone.
	rng       *rand.Rand
	processes int
	leader    *process
	running   []*process
	skew      time.Duration

	mu    sync.Mutex
	dice  *rand.Rand
	lines []string
	// want is how many pods there are, each of which needs a node of its own.
	want int
	// The faults that are on: no network to the region, no CCM, the share of writes that conflict, and of replies that are
	// lost, and a name for the next NodeClaims.
	outage, ccmDown  bool
	conflicts, lost  float64
	made, specEdited int
	// maintained are the VMs with planned maintenance, and skewed is the furthest that the controller's clock was off.
	maintained map[string]bool
	skewed     time.Duration
}

// newWorld builds a world inside a bubble.
func newWorld(t *testing.T, seed uint64, outside func(func()), worker *corev1.Secret) *world {
	t.Helper()
	w := &world{
		t: t, seed: seed, begun: time.Now(), outside: outside,
		machines: map[string]*machine{}, maintained: map[string]bool{},
		rng: rand.New(rand.NewPCG(seed, 1)), dice: rand.New(rand.NewPCG(seed, 2)),
		clusterUID: fmt.Sprintf("cluster-uid-%d", seed),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.region = &oapitest.Region{
		Seed: int64(seed), Quotas: oapitest.Quotas{VMs: 300},
		Timings: oapitest.Timings{Boot: 15 * time.Second, Stop: 20 * time.Second, Terminate: 10 * time.Second, Linger: 5 * time.Minute, Latency: 50 * time.Millisecond},
	}
	w.region.TrustsItself = seed%10 != 0
	w.region.Uncertain.SectionIgnored = seed%5 == 4
	w.region.Uncertain.HostStops = seed%3 == 1
	w.region.ContractViolation = func(err error) { t.Errorf("the emulator broke the contract: %v", err) }
	w.fixture = w.region.Fixture()
	w.store = newStore(worker.DeepCopy(), newClass(w), newPool(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "prices"}},
		controlPlaneNode())
	w.kube = &kubeClient{w.store, func(_ op, do func() error) error { return do() }}
	w.store.changed = w.changed
	w.judge = newJudge(w)
	return w
}

func newClass(w *world) *v1alpha1.OutscaleNodeClass {
	class := &v1alpha1.OutscaleNodeClass{
		ObjectMeta: metav1.ObjectMeta{Name: className, UID: "class-uid", Generation: 1},
		Spec: v1alpha1.OutscaleNodeClassSpec{
			ImageID: w.fixture.ImageID, SecurityGroupIDs: []string{w.fixture.WorkerSecurityGroupID},
			Talos: v1alpha1.Talos{
				WorkerConfigSecretRef: v1alpha1.SecretKeyReference{Namespace: "kube-system", Name: "talos-worker", Key: "worker.yaml"},
				Hostname:              v1alpha1.HostnameNodeClaim, BootstrapToken: v1alpha1.BootstrapTokenShared,
			},
			InstanceTypes: v1alpha1.InstanceTypes{
				Generations: []int32{6}, Performances: []string{"high"}, VCores: []int32{2, 4}, MemoryPerVCore: []int32{2, 4},
			},
		},
	}
	if w.seed%3 == 2 {
		class.Spec.Talos.BootstrapToken = v1alpha1.BootstrapTokenPerNodeClaim
	}
	for _, subnet := range w.fixture.Subnets {
		class.Spec.SubnetIDs = append(class.Spec.SubnetIDs, subnet.ID)
	}
	return class
}

func newPool() *karpv1.NodePool {
	pool := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: poolName, UID: "pool-uid"}}
	pool.Spec.Template.Spec.NodeClassRef = classRef()
	return pool
}

func classRef() *karpv1.NodeClassReference {
	return &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: className}
}

// controlPlaneNode is the Node that the controller runs on.
func controlPlaneNode() *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "control-plane-1"}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return node
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// say notes a line of the story that is told when something is wrong.
func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := time.Since(w.begun).Round(time.Second)
	w.lines = append(w.lines, fmt.Sprintf("%8s  %s", at, fmt.Sprintf(format, args...)))
}

func (w *world) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}

// chance reports true with a probability.
func (w *world) chance(p float64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return p > 0 && w.dice.Float64() < p
}

func (w *world) isOutage() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outage
}

// set changes what is read under the lock.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) wanted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.want
}

func (w *world) kubeFault(o op) error {
	w.mu.Lock()
	p := w.conflicts
	w.mu.Unlock()
	if o.verb != "create" && w.chance(p) {
		return apierrors.NewConflict(schema.GroupResource{Resource: "objects"}, o.object.GetName(), errors.New("the object has been modified"))
	}
	return nil
}

func (w *world) isReplyLost() bool {
	w.mu.Lock()
	p := w.lost
	w.mu.Unlock()
	return w.chance(p)
}

// changed tells the processes that lead of a change.
func (w *world) changed(object client.Object, gone bool) { //nolint:revive // what has happened
	if claim, ok := object.(*karpv1.NodeClaim); ok && gone && claim.Spec.NodeClassRef.Group == v1alpha1.Group {
		w.judge.claimGone(claim)
	}
	w.mu.Lock()
	processes := append([]*process{}, w.running...)
	w.mu.Unlock()
	for _, p := range processes {
		if !p.isDead() {
			p.hear(object, gone)
		}
	}
}

// claims are all NodeClaims, by the truth.
func (w *world) claims() []karpv1.NodeClaim {
	list := karpv1.NodeClaimList{}
	w.store.list(&list, client.ListOptions{})
	return list.Items
}

// ours are the NodeClaims of this provider.
func (w *world) ours() []karpv1.NodeClaim {
	var out []karpv1.NodeClaim
	for _, claim := range w.claims() {
		if claim.Spec.NodeClassRef.Group == v1alpha1.Group {
			out = append(out, claim)
		}
	}
	return out
}

func (w *world) nodes() []corev1.Node {
	list := corev1.NodeList{}
	w.store.list(&list, client.ListOptions{})
	return list.Items
}

func (w *world) class() *v1alpha1.OutscaleNodeClass {
	class := &v1alpha1.OutscaleNodeClass{}
	w.must(w.read(className, class))
	return class
}

// read reads an object by the truth.
func (w *world) read(name string, object client.Object) error {
	k := keyOf(object)
	k.name = name
	return w.store.get(k, object)
}

// editClass changes the spec as kubectl does, also when it has to wait for the API server.
func (w *world) editClass(edit func(*v1alpha1.OutscaleNodeClassSpec)) {
	for {
		class := w.class()
		edit(&class.Spec)
		if err := w.store.update(class, false); !apierrors.IsConflict(err) {
			w.must(err)
			return
		}
	}
}

// end lets all that runs come to its end, since a bubble must not have goroutines left.
func (w *world) end() {
	for _, p := range w.running {
		p.kill()
	}
	w.cancel()
	time.Sleep(15 * time.Minute)
}
