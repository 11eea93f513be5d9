package machines

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	cloudproviderapi "k8s.io/cloud-provider/api"
	"k8s.io/utils/clock"
)

// CCM stands in for the cloud controller manager of Outscale: it initialises Nodes and deletes those whose VM is gone.
type CCM struct {
	// Endpoint is the URL of the region's API.
	Endpoint string
	// AccessKey and SecretKey are the CCM's own credentials.
	AccessKey, SecretKey string
	// ClusterID is the cluster that VMs carry in the key of a tag.
	ClusterID string
	// Kubernetes is the connection to the cluster.
	Kubernetes *rest.Config
	// Period is the pause between two looks at NotReady nodes; five seconds if zero.
	Period time.Duration
	// UpdatePeriod is the pause between two reads of the VMs of all initialised nodes; five minutes if zero.
	UpdatePeriod time.Duration
	// CollectPeriod is the pause between two looks for security groups of load balancers that are gone; two minutes if zero.
	CollectPeriod time.Duration
	// CallsPerSecond bounds the calls to the region; five if zero.
	CallsPerSecond float64
	// Clock drives the period; the wall clock if nil.
	Clock clock.Clock
	// Log hears of each decision; nil discards.
	Log *slog.Logger
}

// ccm is a CCM that runs.
type ccm struct {
	CCM
	kube  kubernetes.Interface
	cloud *cloud
	nodes cache.Indexer
	queue workqueue.TypedRateLimitingInterface[string]
	// initialiser and lifecycle are the voices of the two controllers in a CCM.
	initialiser, lifecycle record.EventRecorder
}

// Run works until ctx ends. A cluster without a CCM never calls it.
func (c *CCM) Run(ctx context.Context) error {
	running, informer, err := c.prepare()
	if err != nil {
		return fmt.Errorf("running the cloud controller manager: %w", err)
	}
	stopEvents := running.startEvents()
	defer stopEvents()
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { informer.RunWithContext(ctx) })
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil
	}
	work.Go(func() { running.initialise(ctx) })
	work.Go(func() { running.updateAddresses(ctx) })
	work.Go(func() { running.collectGarbage(ctx) })
	work.Go(func() {
		<-ctx.Done()
		running.queue.ShutDown()
	})
	running.watchLifecycle(ctx)
	return nil
}

func (c *CCM) prepare() (*ccm, cache.SharedIndexInformer, error) {
	running := &ccm{CCM: *c}
	running.Period = cmp.Or(c.Period, 5*time.Second)
	running.UpdatePeriod = cmp.Or(c.UpdatePeriod, 5*time.Minute)
	running.CollectPeriod = cmp.Or(c.CollectPeriod, 2*time.Minute)
	running.CallsPerSecond = cmp.Or(c.CallsPerSecond, 5)
	if running.Clock == nil {
		running.Clock = clock.RealClock{}
	}
	if running.Log == nil {
		running.Log = slog.New(slog.DiscardHandler)
	}
	kube, err := kubernetes.NewForConfig(rest.AddUserAgent(rest.CopyConfig(c.Kubernetes), "osc-cloud-controller-manager"))
	if err != nil {
		return nil, nil, err
	}
	running.kube = kube
	running.cloud = newCloud(c, running.CallsPerSecond)
	running.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	informer := informers.NewSharedInformerFactory(kube, 0).Core().V1().Nodes().Informer()
	running.nodes = informer.GetIndexer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    running.enqueue,
		UpdateFunc: func(_, node any) { running.enqueue(node) },
	})
	return running, informer, err
}

func (c *ccm) enqueue(object any) {
	if node, ok := object.(*corev1.Node); ok && uninitialised(node) {
		c.queue.Add(node.Name)
	}
}

func uninitialised(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == cloudproviderapi.TaintExternalCloudProvider
	})
}

// initialise takes the nodes that wait for a cloud provider, one by one; one that it cannot map is tried again and again.
func (c *ccm) initialise(ctx context.Context) {
	for {
		name, shutdown := c.queue.Get()
		if shutdown {
			return
		}
		if err := c.initialiseNode(ctx, name); err != nil {
			c.Log.Info("could not initialise node", "node", name, "error", err)
			c.queue.AddRateLimited(name)
		} else {
			c.queue.Forget(name)
		}
		c.queue.Done(name)
	}
}

// watchLifecycle looks at all nodes that are not Ready, once per period.
func (c *ccm) watchLifecycle(ctx context.Context) {
	for {
		for _, object := range c.nodes.List() {
			node, ok := object.(*corev1.Node)
			if !ok || ctx.Err() != nil {
				return
			}
			if err := c.judge(ctx, node); err != nil {
				// Not knowing is no reason to delete.
				c.Log.Info("could not judge node", "node", node.Name, "error", err)
			}
		}
		if !c.wait(ctx, c.Period) {
			return
		}
	}
}

// wait reports whether the pause is over, and false when ctx has ended before.
func (c *ccm) wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c.Clock.After(pause):
		return true
	}
}
