package dryrun

import (
	"context"
	"fmt"
	"time"

	"github.com/awslabs/operatorpkg/reasonable"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// condition is on each NodeClass during a dry run. It is none that Ready depends on: with a class that is not Ready
// core makes no NodeClaims, and there would be no plan to see; and NodeClaims that are being launched would be deleted.
const condition = "DryRun"

// Controller says on each NodeClass that a dry run is on, and takes that back when it is over.
type Controller struct {
	kube client.Client
	on   bool
}

// NewController returns the controller. It runs without a dry run as well, since the one before may have been one.
func NewController(kube client.Client, on bool) *Controller { return &Controller{kube: kube, on: on} }

func (c *Controller) Name() string { return "nodeclass.dryrun" }

func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	if err := c.kube.Get(ctx, request.NamespacedName, nodeClass); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	stored := nodeClass.DeepCopy()
	if c.on {
		nodeClass.StatusConditions().SetTrueWithReason(condition, condition,
			"the controller runs with --dry-run: nothing is launched, tagged, rebooted, stopped or deleted")
	} else if err := nodeClass.StatusConditions().Clear(condition); err != nil {
		return reconcile.Result{}, fmt.Errorf("clearing condition %s of OutscaleNodeClass %q: %w", condition, nodeClass.Name, err)
	}
	// Conditions that were not there are made on the way; those are the nodeclass controller's to write.
	if c.on == (stored.StatusConditions().Get(condition) != nil) && equality.Semantic.DeepEqual(
		stored.StatusConditions().Get(condition), nodeClass.StatusConditions().Get(condition)) {
		return reconcile.Result{}, nil
	}
	err := c.kube.Status().Patch(ctx, nodeClass, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{}))
	switch {
	case apierrors.IsConflict(err):
		return reconcile.Result{RequeueAfter: time.Second}, nil
	case err != nil:
		return reconcile.Result{}, client.IgnoreNotFound(fmt.Errorf("writing condition %s of OutscaleNodeClass %q: %w",
			condition, nodeClass.Name, err))
	}
	return reconcile.Result{}, nil
}

func (c *Controller) Register(ctx context.Context, m manager.Manager) error {
	active.Set(0)
	if c.on {
		active.Set(1)
		log.FromContext(ctx).Info("dry run: nothing at Outscale is launched, tagged, rebooted, stopped or deleted", "reason", reason)
	}
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		For(&v1alpha1.OutscaleNodeClass{}).
		WithOptions(controller.Options{RateLimiter: reasonable.RateLimiter()}).
		Complete(c)
}
