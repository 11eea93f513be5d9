// Package tagging puts back what is missing of the tags that the parties around a VM rely on.
package tagging

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/awslabs/operatorpkg/reasonable"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
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
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// soon is the pace for a VM that is young or not registered, and the age of its reads: its tags must be right when the
	// kubelet comes, or the CCM deletes the Node.
	soon = 5 * time.Second
	// young is the age up to which soon applies also to a VM whose node has registered.
	young = time.Minute
	// later is the pace for the others. The reads are shared, so that the fleet's size does not matter.
	later = time.Minute
)

// Controller compares the tags of each VM with the ones it should have.
type Controller struct {
	clock clock.Clock
	kube  client.Client
	vms   *vm.Provider
}

// NewController returns the controller.
func NewController(clk clock.Clock, kube client.Client, vms *vm.Provider) *Controller {
	return &Controller{clock: clk, kube: kube, vms: vms}
}

func (c *Controller) Name() string { return "nodeclaim.tagging" }

func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	claim := &karpv1.NodeClaim{}
	if err := c.kube.Get(ctx, request.NamespacedName, claim); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	id, err := utils.ParseProviderID(claim.Status.ProviderID)
	if err != nil || !claim.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil //nolint:nilerr // a provider ID of somebody else is not ours to tag
	}
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	if err := c.kube.Get(ctx, types.NamespacedName{Name: claim.Spec.NodeClassRef.Name}, nodeClass); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	v, err := c.vms.GetWithin(ctx, id, c.maxAge(claim))
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return reconcile.Result{}, nil // the NodeClaim will follow its VM
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("checking tags of VM %q: %w", id, err)
	case v.State == vm.StateUnknown || v.Leaving():
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	missing := c.missing(claim, nodeClass, v)
	if len(missing) > 0 {
		if !c.vms.Cluster().IsOurs(v) {
			return reconcile.Result{}, fmt.Errorf("VM %q of NodeClaim %q is not proven to be of this cluster: its tags are left alone", id, claim.Name)
		}
		if err := c.vms.Tag(ctx, id, missing); err != nil {
			return reconcile.Result{}, err
		}
		log.FromContext(ctx).Info("repaired tags of VM", "NodeClaim", klog.KObj(claim), "vm-id", id, "tags", slices.Sorted(maps.Keys(missing)), "reason", "TagsMissing")
		repaired.Add(float64(len(missing)))
	}
	if c.isYoung(claim, v) || !isRegistered(claim) {
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	return reconcile.Result{RequeueAfter: later}, nil
}

// missing are the tags to set, those of the NodeClass too: a change of them reaches the VMs that run. A tag that the
// NodeClass no longer has stays where it is, and tags that people add are theirs.
func (c *Controller) missing(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, v vm.VM) map[string]string {
	return owner.MissingTags(c.vms.Cluster(), claim, nodeClass, v, nodeClass.Spec.Tags)
}

// maxAge is how old a read of the VM may be. One that is long launched is looked at each minute, and in a large fleet
// these looks would keep the reads of all VMs going without end.
func (c *Controller) maxAge(claim *karpv1.NodeClaim) time.Duration {
	if c.clock.Since(launchedAt(claim)) < young+later || !isRegistered(claim) {
		return soon
	}
	return later
}

// isYoung reports whether the VM was launched a moment ago. Its NodeClaim can be much older: in a burst, launches wait
// for each other.
func (c *Controller) isYoung(claim *karpv1.NodeClaim, v vm.VM) bool {
	return c.clock.Since(v.CreatedAt) < young || c.clock.Since(launchedAt(claim)) < young
}

func isRegistered(claim *karpv1.NodeClaim) bool {
	return claim.StatusConditions().IsTrue(karpv1.ConditionTypeRegistered)
}

// launchedAt is when Create returned the VM.
func launchedAt(claim *karpv1.NodeClaim) time.Time {
	if launched := claim.StatusConditions().Get(karpv1.ConditionTypeLaunched); launched.IsTrue() {
		return launched.LastTransitionTime.Time
	}
	return claim.CreationTimestamp.Time
}

func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	launched := predicate.NewPredicateFuncs(func(o client.Object) bool {
		claim, ok := o.(*karpv1.NodeClaim)
		return ok && claim.Status.ProviderID != "" && v1alpha1.IsOurs(claim)
	})
	// Only the launch is an event for us: heartbeats of conditions would make each node cost a check per status update.
	changed := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*karpv1.NodeClaim)
		after, same := e.ObjectNew.(*karpv1.NodeClaim)
		return ok && same && before.Status.ProviderID != after.Status.ProviderID
	}}
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		For(&karpv1.NodeClaim{}, builder.WithPredicates(predicate.And(launched, changed))).
		WithOptions(controller.Options{RateLimiter: reasonable.RateLimiter(), MaxConcurrentReconciles: 10}).
		Complete(c)
}
