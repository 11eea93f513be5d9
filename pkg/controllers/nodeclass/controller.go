// Package nodeclass keeps the status of an OutscaleNodeClass: whether it can be used, and which field is wrong if not.
package nodeclass

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/awslabs/operatorpkg/reasonable"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
)

const (
	// every is how often a class that is ready is looked at again, and soon one that is not.
	every = 5 * time.Minute
	soon  = 30 * time.Second
	// full is the pace for a class with a subnet that has no free address.
	full = time.Minute
)

// Controller looks up what a NodeClass names. Create only reads its result.
type Controller struct {
	clock clock.Clock
	kube  client.Client
	// uncached reads Secrets.
	uncached  client.Reader
	discovery *discovery.Provider
	refusals  *availability.Memory
	recorder  events.Recorder
}

// NewController returns the controller. Uncached must read from the API server.
func NewController(clk clock.Clock, kube client.Client, uncached client.Reader, disco *discovery.Provider,
	refusals *availability.Memory, recorder events.Recorder,
) *Controller {
	return &Controller{clock: clk, kube: kube, uncached: uncached, discovery: disco, refusals: refusals, recorder: recorder}
}

func (c *Controller) Name() string { return "nodeclass" }

func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	if err := c.kube.Get(ctx, request.NamespacedName, nodeClass); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !nodeClass.DeletionTimestamp.IsZero() {
		return c.finalize(ctx, nodeClass)
	}
	stored := nodeClass.DeepCopy()
	if controllerutil.AddFinalizer(nodeClass, v1alpha1.Finalizer) {
		if err := c.kube.Patch(ctx, nodeClass, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(fmt.Errorf("adding the finalizer: %w", err))
		}
		stored = nodeClass.DeepCopy()
	}
	// The conditions exist before the first slow call: whoever waits for them sees "Unknown" and not nothing.
	if len(nodeClass.Status.Conditions) == 0 {
		nodeClass.StatusConditions()
		if err := c.patchStatus(ctx, stored, nodeClass); err != nil {
			return reconcile.Result{}, err
		}
		stored = nodeClass.DeepCopy()
	}
	failed := c.resolve(ctx, nodeClass)
	if err := c.patchStatus(ctx, stored, nodeClass); err != nil {
		return reconcile.Result{}, err
	}
	c.report(ctx, stored, nodeClass)
	if failed != nil {
		return reconcile.Result{}, failed
	}
	if err := c.migrateHashes(ctx, nodeClass); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: c.pause(nodeClass)}, nil
}

// pause is the time until the class is looked at again.
func (c *Controller) pause(nodeClass *v1alpha1.OutscaleNodeClass) time.Duration {
	conditions := nodeClass.StatusConditions()
	isFull := func(subnet v1alpha1.Subnet) bool { return subnet.IsFull() }
	switch {
	case conditions.Get(v1alpha1.ConditionLaunchReady).IsFalse():
		_, until := c.refusals.OfClass(instancetype.Class(nodeClass))
		return max(time.Second, min(every, until.Sub(c.clock.Now())))
	case !conditions.IsTrue(rootCondition), !nodeClass.IsResolved():
		return soon
	case slices.ContainsFunc(nodeClass.Status.Subnets, isFull): // nothing is launched there until a read shows a free address
		return full
	default:
		return every + rand.N(every/5) //nolint:gosec // jitter needs no cryptography
	}
}

func (c *Controller) patchStatus(ctx context.Context, stored, changed *v1alpha1.OutscaleNodeClass) error {
	if equality.Semantic.DeepEqual(stored.Status, changed.Status) {
		return nil
	}
	// The lock is needed since a list of conditions is replaced whole.
	if err := c.kube.Status().Patch(ctx, changed, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status: %w", err))
	}
	if changed.Status.Image == nil && changed.StatusConditions().IsTrue(v1alpha1.ConditionImageReady) {
		log.FromContext(ctx).Error(nil, "the API server drops status.image: the CustomResourceDefinitions are older than the "+
			"controller, upgrade the chart karpenter-crd", "OutscaleNodeClass", klog.KObj(changed), "reason", "DefinitionsTooOld")
	}
	return nil
}

// report logs a change of readiness: the conditions tell the rest.
func (c *Controller) report(ctx context.Context, before, after *v1alpha1.OutscaleNodeClass) {
	was, is := before.StatusConditions().Get(rootCondition), after.StatusConditions().Get(rootCondition)
	if was.Status == is.Status && was.Message == is.Message {
		return
	}
	log.FromContext(ctx).Info("readiness of NodeClass changed", "OutscaleNodeClass", klog.KObj(after), "ready", string(is.Status), "reason", is.Reason, "message", after.Trouble())
}

// Register watches NodeClasses, and hears of launches that were refused: the class says what Outscale says of them. A
// refusal is heard of once for each step of its back-off, so that a storm of launches costs no reads.
func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	refused := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		c.refusals.Subscribe(func(class string) {
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: class}})
		})
		return nil
	})
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		For(&v1alpha1.OutscaleNodeClass{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(refused).
		WithOptions(controller.Options{RateLimiter: reasonable.RateLimiter(), MaxConcurrentReconciles: 4}).
		Complete(c)
}
