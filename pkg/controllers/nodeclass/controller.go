// Package nodeclass tells in the status of an OutscaleNodeClass whether it can be used, and which field is wrong if not.
package nodeclass

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/awslabs/operatorpkg/reasonable"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
)

const (
	// every is how often a class that is ready is looked at again, and soon one that is not.
	every = 5 * time.Minute
	soon  = 30 * time.Second
)

// Controller looks up what a NodeClass names. Create only reads its result.
type Controller struct {
	clock clock.Clock
	kube  client.Client
	// uncached reads Secrets.
	uncached  client.Reader
	discovery *discovery.Provider
	recorder  events.Recorder
}

// NewController returns the controller. Uncached must read from the API server.
func NewController(clk clock.Clock, kube client.Client, uncached client.Reader, disco *discovery.Provider, recorder events.Recorder) *Controller {
	return &Controller{clock: clk, kube: kube, uncached: uncached, discovery: disco, recorder: recorder}
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
	return reconcile.Result{RequeueAfter: pause(nodeClass)}, nil
}

func pause(nodeClass *v1alpha1.OutscaleNodeClass) time.Duration {
	if nodeClass.StatusConditions().IsTrue(rootCondition) {
		return every + rand.N(every/5) //nolint:gosec // jitter needs no cryptography
	}
	return soon
}

func (c *Controller) patchStatus(ctx context.Context, stored, changed *v1alpha1.OutscaleNodeClass) error {
	if equality.Semantic.DeepEqual(stored.Status, changed.Status) {
		return nil
	}
	// The lock is needed since a list of conditions is replaced whole.
	if err := c.kube.Status().Patch(ctx, changed, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status: %w", err))
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

// Register watches NodeClasses, and NodeClaims that go without ever having had a VM: after a launch that Outscale
// refused because something is missing, the NodeClaim is deleted, and the class should say what is missing. The others
// matter to a class that is being deleted only, which looks by itself.
func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	gone := predicate.Funcs{
		DeleteFunc: func(e event.DeleteEvent) bool {
			claim, ok := e.Object.(*karpv1.NodeClaim)
			return ok && claim.Status.ProviderID == ""
		},
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
	toClass := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		claim, ok := o.(*karpv1.NodeClaim)
		if !ok || !v1alpha1.IsOurs(claim) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: claim.Spec.NodeClassRef.Name}}}
	})
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		For(&v1alpha1.OutscaleNodeClass{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&karpv1.NodeClaim{}, toClass, builder.WithPredicates(gone)).
		WithOptions(controller.Options{RateLimiter: reasonable.RateLimiter(), MaxConcurrentReconciles: 4}).
		Complete(c)
}
