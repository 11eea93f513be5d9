// Package bootstraptoken deletes the bootstrap token of a NodeClaim when nothing can join with it any more.
package bootstraptoken

import (
	"context"
	"slices"

	"github.com/awslabs/operatorpkg/reasonable"
	"github.com/awslabs/operatorpkg/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

// Controller deletes tokens. One that it misses expires within the hour.
type Controller struct {
	kube client.Client
	// uncached reads Secrets.
	uncached client.Reader
}

// NewController returns the controller. Uncached must read from the API server.
func NewController(kube client.Client, uncached client.Reader) *Controller {
	return &Controller{kube: kube, uncached: uncached}
}

func (c *Controller) Name() string { return "nodeclaim.bootstraptoken" }

func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	claim := &karpv1.NodeClaim{}
	if err := c.kube.Get(ctx, request.NamespacedName, claim); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !isDone(claim) {
		return reconcile.Result{}, nil
	}
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	if err := c.kube.Get(ctx, types.NamespacedName{Name: claim.Spec.NodeClassRef.Name}, nodeClass); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if nodeClass.Spec.Talos.BootstrapToken != v1alpha1.BootstrapTokenPerNodeClaim {
		return reconcile.Result{}, nil
	}
	deleted, err := talos.DeleteBootstrapToken(ctx, c.uncached, c.kube, claim.UID)
	logger := log.FromContext(ctx).WithValues("NodeClaim", klog.KObj(claim))
	switch {
	case apierrors.IsForbidden(err):
		// No retry gives the right. The token expires by itself.
		logger.Error(err, "a bootstrap token stays until it expires", "reason", "BootstrapTokenForbidden")
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, err
	case deleted:
		logger.Info("deleted a bootstrap token", "reason", "BootstrapTokenUsed")
	}
	return reconcile.Result{}, nil
}

// isDone reports whether no kubelet joins for the NodeClaim any more: its Node is there, which a kubelet makes with the
// certificate that it got for the token, or it is going. Core's finalizer keeps the NodeClaim until this was seen.
func isDone(claim *karpv1.NodeClaim) bool {
	// Not through StatusConditions, which writes what is missing: the watch shows the object that all readers share.
	return !claim.DeletionTimestamp.IsZero() || slices.ContainsFunc(claim.Status.Conditions, func(c status.Condition) bool {
		return c.Type == karpv1.ConditionTypeRegistered && c.Status == metav1.ConditionTrue
	})
}

// Register watches NodeClaims for the moment at which they are done.
func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	done := func(o client.Object) bool {
		claim, ok := o.(*karpv1.NodeClaim)
		return ok && v1alpha1.IsOurs(claim) && isDone(claim)
	}
	becameDone := predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return done(e.Object) },
		UpdateFunc:  func(e event.UpdateEvent) bool { return !done(e.ObjectOld) && done(e.ObjectNew) },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		For(&karpv1.NodeClaim{}, builder.WithPredicates(becameDone)).
		WithOptions(controller.Options{RateLimiter: reasonable.RateLimiter(), MaxConcurrentReconciles: 4}).
		Complete(c)
}
