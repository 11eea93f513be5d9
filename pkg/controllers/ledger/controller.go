// Package ledger says of each NodeClaim why it ended: in an event, in a metric, and in the ring that kpo reads.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/awslabs/operatorpkg/reasonable"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// settle is how long an end waits for what says more than elimination: who deletes a NodeClaim leaves the reason on it
	// just after.
	settle = 5 * time.Second
	// consoleWait is how long the end of a machine that never joined waits for its console, which is read before its VM is
	// deleted, once.
	consoleWait = 30 * time.Second
	// vmWait is how long an end waits for a read of the VMs, retry the pause between two tries.
	vmWait = time.Minute
	retry  = 2 * time.Second
	// vmTimeout bounds one try.
	vmTimeout = 10 * time.Second
)

// Controller writes down the ends of NodeClaims. It deletes nothing, and nothing waits for it.
type Controller struct {
	clock   clock.Clock
	kube    client.Client
	vms     *vm.Provider
	ring    *ledger.Ring
	ledger  *ledger.Ledger
	witness *witness
	keeper  *keeper
}

// NewController returns the controller. It reads Kubernetes through the cache that core's controllers share.
func NewController(clk clock.Clock, kube client.Client, vms *vm.Provider, ring *ledger.Ring, recorder events.Recorder) *Controller {
	return &Controller{
		clock: clk, kube: kube, vms: vms, ring: ring, ledger: ledger.New(recorder),
		witness: newWitness(clk, kube), keeper: &keeper{clock: clk, ring: ring},
	}
}

func (c *Controller) Name() string { return "nodeclaim.ledger" }

// Reconcile writes down one end as soon as enough is known of it. The name of a request is the UID of a NodeClaim.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	uid := types.UID(request.Name)
	end, ok := c.witness.end(uid)
	if !ok {
		return reconcile.Result{}, nil
	}
	if err := c.keeper.load(ctx); err != nil {
		return reconcile.Result{}, err
	}
	if c.ring.Has(uid, end.claim.DeletionTimestamp.Time) {
		c.witness.close(uid) // a process before this one has written it
		return reconcile.Result{}, nil
	}
	if !end.looked {
		v, err := c.look(ctx, end)
		if err != nil && c.clock.Since(end.seen) < vmWait {
			log.FromContext(ctx).V(1).Info("cannot see the VM of a NodeClaim that ends", "error", err.Error())
			return reconcile.Result{RequeueAfter: retry}, nil
		}
		c.witness.look(uid, v)
		end.vm = v
	}
	f, err := c.facts(ctx, end)
	if err != nil {
		return reconcile.Result{}, err
	}
	v := judge(f)
	if wait := c.wait(end, v); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	c.write(ctx, f, v)
	c.witness.close(uid)
	return reconcile.Result{}, nil
}

// look returns the VM as it was before Karpenter deleted it; without a state that is not known any more.
func (c *Controller) look(ctx context.Context, end sighting) (vm.VM, error) {
	id, err := utils.ParseProviderID(end.claim.Status.ProviderID)
	if err != nil {
		return vm.VM{}, nil // it was never launched
	}
	if end.claim.StatusConditions().IsTrue(karpv1.ConditionTypeInstanceTerminating) || c.vms.IsDeleting(id) {
		return vm.VM{ID: id}, nil
	}
	limited, cancel := context.WithTimeout(ctx, vmTimeout)
	defer cancel()
	v, err := c.vms.Get(limited, id)
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return vm.VM{ID: id, State: vm.StateTerminated}, nil
	case err != nil:
		return vm.VM{ID: id}, err
	case v.State == vm.StateUnknown, c.vms.IsDeleting(id):
		v.State = ""
	}
	return v, nil
}

// facts gathers what the verdict needs.
func (c *Controller) facts(ctx context.Context, end sighting) (facts, error) {
	f := facts{claim: end.claim, node: end.node, order: end.order, vm: end.vm}
	name := end.claim.Labels[karpv1.NodePoolLabelKey]
	if name == "" {
		return f, nil
	}
	f.pool.named = true
	nodePool := &karpv1.NodePool{}
	err := c.kube.Get(ctx, client.ObjectKey{Name: name}, nodePool)
	switch {
	case apierrors.IsNotFound(err):
		f.pool.ending = true
		return f, nil
	case err != nil:
		return f, fmt.Errorf("reading the NodePool of NodeClaim %q: %w", end.claim.Name, err)
	}
	f.pool.ending = !nodePool.DeletionTimestamp.IsZero()
	f.pool.replicas = nodePool.Spec.Replicas
	if f.pool.replicas == nil {
		return f, nil
	}
	claims := &karpv1.NodeClaimList{}
	if err := c.kube.List(ctx, claims, client.MatchingLabels{karpv1.NodePoolLabelKey: name}); err != nil {
		return f, fmt.Errorf("counting the NodeClaims of NodePool %q: %w", name, err)
	}
	for i := range claims.Items {
		if claims.Items[i].DeletionTimestamp.IsZero() {
			f.pool.living++
		}
	}
	return f, nil
}

// wait is how long an end must wait until it can be written: for a reason that may still come, and for the console.
func (c *Controller) wait(end sighting, v verdict) time.Duration {
	since := c.clock.Since(end.seen)
	if v.confidence == ledger.ByElimination && since < settle && !end.gone {
		return settle - since
	}
	_, read := ledger.ConsoleOf(end.claim)
	if hasConsole(end.claim) && !read && !end.gone && since < consoleWait {
		return retry
	}
	return 0
}

// hasConsole reports whether a NodeClaim had a VM whose Node never registered.
func hasConsole(claim *karpv1.NodeClaim) bool {
	return claim.Status.ProviderID != "" && !claim.StatusConditions().IsTrue(karpv1.ConditionTypeRegistered)
}

func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	if err := m.Add(c.keeper); err != nil {
		return err
	}
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		Watches(&karpv1.NodeClaim{}, c.witness.claims()).
		Watches(&corev1.Node{}, c.witness.nodesHandler()).
		WithOptions(controller.Options{RateLimiter: reasonable.RateLimiter(), MaxConcurrentReconciles: 10}).
		Complete(c)
}
