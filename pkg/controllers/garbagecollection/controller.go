// Package garbagecollection deletes what has lost its other half: a VM whose NodeClaim is gone, and a NodeClaim whose VM
// was gone before it became a node.
package garbagecollection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/awslabs/operatorpkg/reconciler"
	"github.com/awslabs/operatorpkg/singleton"
	"k8s.io/utils/clock"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// every is the pace of the sweeps.
	every = time.Minute
	// widely is how often VMs are looked for that no tag shows.
	widely = 5 * time.Minute
	// bootAge is how old a NodeClaim must be before its VM is expected to be there.
	bootAge = time.Minute
)

// Controller compares the cloud with the API server itself, never with a cache.
type Controller struct {
	clock    clock.Clock
	kube     client.Writer
	uncached client.Reader
	vms      *vm.Provider
	ledger   *ledger.Ledger
	// seen are the VMs that looked leaked in the sweep before.
	seen    map[string]bool
	widened time.Time
}

// NewController returns the controller. Uncached must read from the API server.
func NewController(clk clock.Clock, kube client.Writer, uncached client.Reader, vms *vm.Provider, recorder events.Recorder) *Controller {
	return &Controller{clock: clk, kube: kube, uncached: uncached, vms: vms, ledger: ledger.New(recorder), seen: map[string]bool{}}
}

func (c *Controller) Name() string { return "vm.garbagecollection" }

// Reconcile is one sweep. Its errors are logged and not returned: a repetition at once would make two sweeps of one look.
func (c *Controller) Reconcile(ctx context.Context) (reconciler.Result, error) {
	if err := c.sweep(ctx); err != nil {
		log.FromContext(ctx).Error(err, "sweep is incomplete", "reason", "GarbageCollectionIncomplete")
	}
	return reconciler.Result{RequeueAfter: every}, nil
}

func (c *Controller) sweep(ctx context.Context) error {
	// VMs before NodeClaims: a NodeClaim that is made between the two reads then has no VM in the list yet, instead of a
	// VM having no NodeClaim.
	vms, err := c.list(ctx)
	if err != nil {
		return fmt.Errorf("looking for leaked VMs: %w", err)
	}
	var claims karpv1.NodeClaimList
	if err := c.uncached.List(ctx, &claims); err != nil {
		return fmt.Errorf("looking for leaked VMs: listing NodeClaims: %w", err)
	}
	ours := slices.DeleteFunc(claims.Items, func(claim karpv1.NodeClaim) bool { return !v1alpha1.IsOurs(&claim) })
	return errors.Join(c.deleteVMs(ctx, vms, ours), c.deleteNodeClaims(ctx, ours))
}

// list returns the VMs of the cluster, from time to time also those that no tag shows.
func (c *Controller) list(ctx context.Context) ([]vm.VM, error) {
	if c.clock.Since(c.widened) <= widely {
		return c.vms.List(ctx)
	}
	vms, err := c.vms.ListWidely(ctx)
	if err == nil {
		c.widened = c.clock.Now()
	}
	return vms, err
}

// deleteVMs deletes what was leaked in this sweep and the one before, some in each sweep.
func (c *Controller) deleteVMs(ctx context.Context, vms []vm.VM, claims []karpv1.NodeClaim) error {
	leaked := c.confirmed(c.suspects(vms, claims))
	leakedVMs.Set(float64(len(leaked)))
	allowed, err := c.allowed(ctx, leaked, len(vms))
	if err != nil {
		return err
	}
	var failed []error
	for _, v := range leaked {
		if allowed == 0 {
			break
		}
		// A VM that cannot be deleted does not count: the others would wait for it.
		if err := c.vms.Delete(ctx, v.ID); err != nil {
			failed = append(failed, fmt.Errorf("deleting leaked VM %q: %w", v.ID, err))
			continue
		}
		allowed--
		deletions.Inc()
		c.ledger.Record(ctx, ledger.Decision{
			Reason: ledger.Leaked, NodeClaim: v.Tags[vm.TagNodeClaim], NodePool: v.Tags[vm.TagNodePool],
			Message: "deleted leaked VM", VM: v.ID, Type: v.Type, Subregion: v.Subregion,
		})
	}
	return errors.Join(failed...)
}

// deleteNodeClaims deletes NodeClaims whose VM died before its node registered. Core looks at registered ones only, and
// would wait 15 minutes for this one while its pods are pending.
func (c *Controller) deleteNodeClaims(ctx context.Context, claims []karpv1.NodeClaim) error {
	var failed []error
	for _, claim := range claims {
		id, err := utils.ParseProviderID(claim.Status.ProviderID)
		booting := err == nil && claim.DeletionTimestamp.IsZero() && !claim.StatusConditions().IsTrue(karpv1.ConditionTypeRegistered)
		if !booting || c.clock.Since(claim.CreationTimestamp.Time) < bootAge {
			continue
		}
		_, err = c.vms.Get(ctx, id)
		if !errors.Is(err, vm.ErrNotFound) {
			failed = append(failed, err)
			continue
		}
		if err := c.kube.Delete(ctx, &claim); client.IgnoreNotFound(err) != nil {
			failed = append(failed, fmt.Errorf("deleting NodeClaim %q: %w", claim.Name, err))
			continue
		}
		c.ledger.Record(ctx, ledger.Decision{
			Reason: ledger.VMGone, Object: &claim, Message: "deleted NodeClaim whose VM is gone", VM: id,
			Event: fmt.Sprintf("VM %s was terminated before its node registered", id),
		})
		failed = append(failed, ledger.Explain(ctx, c.kube, &claim, ledger.Decided{
			Cause: ledger.CauseVMGone,
			Why:   fmt.Sprintf("VM %s was terminated before its node registered, and Karpenter did not ask for it", id),
		}))
	}
	return errors.Join(failed...)
}

// suspects are the VMs that may be deleted, as far as one look shows.
func (c *Controller) suspects(vms []vm.VM, all []karpv1.NodeClaim) []vm.VM {
	cluster, now := c.vms.Cluster(), c.clock.Now()
	claims := owner.ClaimsOf(cluster, all)
	var out []vm.VM
	for _, v := range vms {
		if owner.Judge(cluster, owner.Facts{VM: v, NodeClaim: claims.Of(v), Now: now}).MayDelete() {
			out = append(out, v)
		}
	}
	return out
}

// confirmed are the suspects that were suspects in the sweep before.
func (c *Controller) confirmed(suspects []vm.VM) []vm.VM {
	var out []vm.VM
	next := map[string]bool{}
	for _, v := range suspects {
		next[v.ID] = true
		if c.seen[v.ID] {
			out = append(out, v)
		}
	}
	c.seen = next
	return out
}

func ids(vms []vm.VM) []string {
	out := make([]string, len(vms))
	for i, v := range vms {
		out[i] = v.ID
	}
	return out
}

func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		WatchesRawSource(singleton.Source()).
		Complete(singleton.AsReconciler(c))
}
