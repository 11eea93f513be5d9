package chaos

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/controllers/node/termination"
	"sigs.k8s.io/karpenter/pkg/controllers/node/termination/terminator"
	coregc "sigs.k8s.io/karpenter/pkg/controllers/nodeclaim/garbagecollection"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeclaim/lifecycle"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeclaim/reboot"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/events"
	coreoptions "sigs.k8s.io/karpenter/pkg/operator/options"
	"sigs.k8s.io/karpenter/pkg/state/nodepoolhealth"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/bootstraptoken"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/catalog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/garbagecollection"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/interruption"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/nodeclass"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/registration"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/tagging"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

var errDead = errors.New("the process is dead")

// process is one process of the controller, wired as cmd/controller does.
type process struct {
	w      *world
	number int
	ctx    context.Context
	cancel context.CancelFunc
	kube   client.Client

	// provider is what the model of the scheduler asks.
	provider     *cloudprovider.CloudProvider
	registration *registration.Controller
	loops        map[string]*loop
	clock        *skewed

	wrongKey bool
	refusals int // counted by the judge

	mu   sync.Mutex
	dead bool
	// fuse counts down the writes until the process dies, before or after the effect of the last; 0 is none.
	fuse      int
	diesAfter bool
	// launched are the provider IDs of NodeClaims as last seen, and generations those of NodeClasses.
	launched    map[string]string
	generations map[string]int64
}

// skewed is the clock of the process' host, which can be wrong.
type skewed struct {
	clock.RealClock

	mu   sync.Mutex
	skew time.Duration
}

func (s *skewed) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.skew)
}

func (s *skewed) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

func (s *skewed) jump(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// start starts a process that leads at once.
func (w *world) start(secretKey string) *process {
	w.processes++
	p := &process{
		w: w, number: w.processes, loops: map[string]*loop{}, clock: &skewed{},
		launched: map[string]string{}, generations: map[string]int64{}, wrongKey: secretKey != w.fixture.SecretKey,
	}
	p.ctx, p.cancel = context.WithCancel(coreoptions.ToContext(w.ctx, &coreoptions.Options{IgnoreDRARequests: true}))
	p.clock.jump(w.skew)
	p.ctx = log.IntoContext(p.ctx, logr.New(adoptions{w.judge}))
	p.kube = &kubeClient{w.store, p.guard}
	p.wire(secretKey)
	w.set(func() { w.running = append(w.running, p) })
	p.lead()
	w.say("process %d leads", p.number)
	return p
}

// wire is the dependency graph of cmd/controller.
func (p *process) wire(secretKey string) {
	fixture := p.w.fixture
	sdk := osc.NewConfiguration()
	sdk.Servers = osc.ServerConfigurations{{URL: "http://api.test/api/v1"}}
	sdk.HTTPClient = &http.Client{Transport: &link{p.w, p}}
	api, err := oapi.New(sdk, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: secretKey},
		oapi.DefaultOptions("karpenter-provider-outscale/chaos"), prometheus.NewRegistry())
	p.w.must(err)
	networks := discovery.NewProvider(api)
	cluster := vm.Cluster{Name: p.w.region.ClusterID, ID: p.w.region.ClusterID, UID: p.w.clusterUID}
	vms := vm.NewProvider(api, cluster, vm.Options{TagsInUserData: true, Witness: p.witness(networks)}, time.Now)
	prices := pricing.NewProvider(api, time.Now)
	refusals := availability.New(time.Now)
	p.provider = cloudprovider.New(cloudprovider.Kube{Client: p.kube, Uncached: p.kube}, vms,
		instancetype.NewProvider(prices, refusals, nil), nodeoverlay.NewInstanceTypeStore(), p, cloudprovider.DefaultRepairTimes())
	p.registration = registration.NewController(p.clock, p.kube, p.kube, vms, p.provider, p)

	p.wireCore()
	p.loop("nodeclass", named(nodeclass.NewController(p.clock, p.kube, p.kube, networks, refusals, p)))
	refusals.Subscribe(func(class string) { p.loops["nodeclass"].add(class, 0) })
	p.loop("tagging", named(tagging.NewController(p.clock, p.kube, vms)))
	p.loop("registration", named(p.registration))
	p.loop("bootstraptoken", named(bootstraptoken.NewController(p.kube, p.kube)))
	prices2 := catalog.NewController(prices, p.kube, p.kube, types.NamespacedName{Namespace: "kube-system", Name: "prices"})
	p.single("catalog", prices2.Reconcile)
	p.single("gc", garbagecollection.NewController(p.clock, p.kube, p.kube, vms, p).Reconcile)
	p.single("interruption", interruption.NewController(p.clock, p.kube, api, vms, p).Reconcile)
}

// wireCore adds core's controllers around the provider. Some of them start a goroutine that never ends, which no bubble
// may have: they are made outside.
func (p *process) wireCore() {
	p.w.outside(func() {
		terminates := terminator.NewTerminator(p.clock, p.kube, terminator.NewQueue(p.clock, p.kube, p), p)
		state := state.NewCluster(p.clock, p.kube, p.provider)
		p.loops["lifecycle"] = newLoop(p.ctx, time.Second, time.Minute, typed(p.kube,
			lifecycle.NewController(p.clock, p.kube, p.provider, p, state, nodepoolhealth.NewState(), nil)))
		p.loop("termination", typed(p.kube, termination.NewController(p.clock, p.kube, p.provider, terminates, p)))
		p.loop("reboot", typed(p.kube, reboot.NewController(p.clock, p.kube, p.provider, terminates, p)))
	})
	p.single("core-gc", coregc.NewController(p.clock, p.kube, p.provider).Reconcile)
}

// loop adds a controller with the rate limits of operatorpkg's reasonable.RateLimiter.
func (p *process) loop(name string, run func(context.Context, string) (time.Duration, error)) {
	p.loops[name] = newLoop(p.ctx, 100*time.Millisecond, 10*time.Second, run)
}

func (p *process) single(name string, run func(context.Context) (result, error)) {
	p.loop(name, func(ctx context.Context, _ string) (time.Duration, error) {
		r, err := run(ctx)
		return r.RequeueAfter, err
	})
}

// witness is that of cmd/controller.
func (p *process) witness(networks *discovery.Provider) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		var classes v1alpha1.OutscaleNodeClassList
		if err := p.kube.List(ctx, &classes); err != nil {
			return false, err
		}
		var ids []string
		for _, class := range classes.Items {
			for _, subnet := range class.Status.Subnets {
				ids = append(ids, subnet.ID)
			}
		}
		if len(ids) == 0 {
			return false, nil
		}
		found, err := networks.Subnets(ctx, ids)
		return len(found) > 0, err
	}
}

// lead is the moment at which the process gets the lease: its controllers hear of all that there is.
func (p *process) lead() {
	for _, single := range []string{"catalog", "gc", "interruption", "core-gc"} {
		p.loops[single].add("", 0)
	}
	for _, claim := range p.w.claims() {
		p.hear(&claim, false)
	}
	for _, node := range p.w.nodes() {
		p.hear(&node, false)
	}
	p.hear(p.w.class(), false)
}

// hear is what the watches of the controllers make of a change.
func (p *process) hear(object client.Object, gone bool) { //nolint:revive // what has happened
	name := object.GetName()
	switch o := object.(type) {
	case *karpv1.NodeClaim:
		p.loops["lifecycle"].add(name, 0)
		if gone || !v1alpha1.IsOurs(o) {
			return
		}
		if p.changed(name, o.Status.ProviderID) {
			p.loops["tagging"].add(name, 0)
		}
		p.loops["bootstraptoken"].add(name, 0)
		if isRebooting(o) {
			p.loops["reboot"].add(name, 0)
		}
	case *corev1.Node:
		p.loops["termination"].add(name, 0)
		p.loops["lifecycle"].add(name, 0) // the model names Nodes after their NodeClaims
		if gone {
			for _, request := range p.registration.Deleted(p.ctx, o) {
				p.loops["registration"].add(request.Name, 0)
			}
		}
	case *v1alpha1.OutscaleNodeClass:
		p.mu.Lock()
		same := p.generations[name] == o.Generation
		p.generations[name] = o.Generation
		p.mu.Unlock()
		if !same {
			p.loops["nodeclass"].add(name, 0)
		}
	}
}

func isRebooting(claim *karpv1.NodeClaim) bool {
	for _, condition := range claim.Status.Conditions {
		if condition.Type == karpv1.ConditionTypeRebooting {
			return condition.Status == "True"
		}
	}
	return false
}

// changed reports whether a NodeClaim has another provider ID than before.
func (p *process) changed(name, providerID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.launched[name]
	p.launched[name] = providerID
	return providerID != "" && providerID != before
}

// guard is before the API server.
func (p *process) guard(o op, do func() error) error {
	if !o.isWrite() {
		if p.isDead() {
			return errDead
		}
		return do()
	}
	return p.io(func() error {
		if err := p.w.kubeFault(o); err != nil {
			return err
		}
		if claim, ok := o.object.(*karpv1.NodeClaim); ok && o.verb == "delete" && !p.w.store.isDown() {
			p.w.judge.deletes(claim.Name)
		}
		err := do()
		if err == nil && p.w.isReplyLost() {
			return errors.New("http2: client connection lost")
		}
		return err
	})
}

// io is one call that leaves the process. A process that is killed dies before or after the effect of one.
func (p *process) io(do func() error) error {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return errDead
	}
	last := false
	if p.fuse > 0 {
		p.fuse--
		last = p.fuse == 0
	}
	after := p.diesAfter
	p.mu.Unlock()
	if last && !after {
		p.kill()
		return errDead
	}
	err := do()
	if last {
		p.kill()
	}
	if p.isDead() {
		return errDead
	}
	return err
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// kill is kill -9: nothing that the process had begun goes on.
func (p *process) kill() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.retire()
	p.cancel()
}

// retire is the loss of the lease: what has begun goes on, and nothing new begins.
func (p *process) retire() {
	for _, l := range p.loops {
		l.stop()
	}
}

// Publish implements the recorder of events.
func (p *process) Publish(all ...events.Event) {
	for _, e := range all {
		p.w.judge.event(e.Reason)
		if p.w.verbose {
			p.w.say("event %s: %s", e.Reason, e.Message)
		}
	}
}
