// Package garbagecollection deletes VMs whose NodeClaim is gone, and refuses to when there are too many of them.
package garbagecollection

import (
	"context"
	"fmt"
	"time"

	"github.com/awslabs/operatorpkg/reconciler"
	"github.com/awslabs/operatorpkg/singleton"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// every is the pace of the sweeps.
	every = time.Minute
	// minAge is more than the 5 minutes that Karpenter gives a launch: a younger VM may be about to be adopted.
	minAge = 6 * time.Minute
)

// Controller deletes leaked VMs. It compares the cloud with the API server itself, never with a cache.
type Controller struct {
	clock    clock.Clock
	uncached client.Reader
	vms      *vm.Provider
	// seen are the VMs that looked leaked in the sweep before.
	seen map[string]bool
}

// NewController returns the controller. Uncached must read from the API server.
func NewController(clk clock.Clock, uncached client.Reader, vms *vm.Provider) *Controller {
	return &Controller{clock: clk, uncached: uncached, vms: vms, seen: map[string]bool{}}
}

func (c *Controller) Name() string { return "vm.garbagecollection" }

func (c *Controller) Reconcile(ctx context.Context) (reconciler.Result, error) {
	// VMs before NodeClaims: a NodeClaim that is made between the two reads then has no VM in the list yet, instead of a
	// VM having no NodeClaim.
	vms, err := c.vms.List(ctx)
	if err != nil {
		return reconciler.Result{}, fmt.Errorf("looking for leaked VMs: %w", err)
	}
	var claims karpv1.NodeClaimList
	if err := c.uncached.List(ctx, &claims); err != nil {
		return reconciler.Result{}, fmt.Errorf("looking for leaked VMs: listing NodeClaims: %w", err)
	}
	suspects := c.suspects(vms, claims.Items)
	leaked := c.confirmed(suspects)
	leakedVMs.Set(float64(len(leaked)))
	if limit := max(1, len(vms)/10); len(leaked) > limit {
		refusals.Inc()
		log.FromContext(ctx).Error(nil, "too many VMs have no NodeClaim, none is deleted: look at them and delete them by hand",
			"leaked", ids(leaked), "limit", limit, "reason", "GarbageCollectionRefused")
		return reconciler.Result{RequeueAfter: every}, nil
	}
	for _, v := range leaked {
		if err := c.vms.Delete(ctx, v.ID); err != nil {
			return reconciler.Result{}, fmt.Errorf("deleting leaked VM %q: %w", v.ID, err)
		}
		deletions.Inc()
		log.FromContext(ctx).Info("deleted leaked VM", "vm-id", v.ID, "instance-type", v.Type, "subregion", v.Subregion,
			"NodeClaim", klog.KRef("", v.Tags[vm.TagNodeClaim]), "NodePool", klog.KRef("", v.Tags[vm.TagNodePool]), "reason", "Leaked")
	}
	return reconciler.Result{RequeueAfter: every}, nil
}

// suspects are old VMs that are proven to be ours and that no NodeClaim refers to, neither by UID nor by provider ID.
func (c *Controller) suspects(vms []vm.VM, claims []karpv1.NodeClaim) []vm.VM {
	wanted := map[string]bool{}
	for _, claim := range claims {
		wanted[string(claim.UID)] = true
		if id, err := utils.ParseProviderID(claim.Status.ProviderID); err == nil {
			wanted[id] = true
		}
	}
	var out []vm.VM
	for _, v := range vms {
		old := !v.CreatedAt.IsZero() && c.clock.Since(v.CreatedAt) > minAge
		if old && !v.Leaving() && c.vms.Cluster().Owns(v) && !wanted[v.ID] && !wanted[v.Tags[vm.TagNodeClaimUID]] {
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
