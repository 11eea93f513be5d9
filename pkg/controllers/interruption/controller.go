// Package interruption sees VMs that stop, or are about to, without Karpenter having asked for it: it says so on their
// NodeClaims and Nodes, and replaces those that will not come back.
package interruption

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/awslabs/operatorpkg/reconciler"
	"github.com/awslabs/operatorpkg/singleton"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// every is the pace of the sweeps. Most cost no call: see snapshotAge.
	every = 30 * time.Second
	// snapshotAge is how old a snapshot of the VMs may be. The garbage collection reads one each minute, so that a little
	// more than a minute lets its reads serve.
	snapshotAge = 75 * time.Second
	// patience is how long a VM is down before its node is given up. With the default HostAction a VM whose host fails is
	// started elsewhere at once, and whoever stops a VM to start it again does so within it. It is longer than the 50 s
	// after which a Node without its kubelet is not Ready, which is the second proof.
	patience = time.Minute
	// rebootTime is how long a reboot of ours may take: longer than Talos' 3 minutes for its containers and a boot.
	rebootTime = 10 * time.Minute
	// calendarTimeout is how long a sweep waits for planned maintenance.
	calendarTimeout = 20 * time.Second
	// minAge is how long core gives a launch: what becomes of a younger VM is for the launch to find out.
	minAge = 5 * time.Minute
)

// Controller compares the shared snapshot of the VMs with the NodeClaims.
type Controller struct {
	clock    clock.Clock
	kube     client.Client
	vms      *vm.Provider
	recorder events.Recorder
	calendar calendar

	// What follows is by VM ID: since when a VM is seen stopping or stopped, since when stopped, since when shutting down, and
	// how often they were to be stopped by force. A new process waits once more, and may repeat a forced stop, which is
	// harmless.
	down, off, leaving map[string]time.Time
	forced             map[string]force
	// replaced has the NodeClaims that this controller deleted and that are not gone yet, with the state of their VM.
	replaced map[types.UID]string
	// massSince is since when much of the fleet is stopped.
	massSince time.Time
	// told is when what was said.
	told map[string]time.Time
}

// NewController returns the controller. It reads planned maintenance with the client, and all else from the snapshot.
func NewController(clk clock.Clock, kube client.Client, api *oapi.Client, vms *vm.Provider,
	recorder events.Recorder,
) *Controller {
	return &Controller{
		clock: clk, kube: kube, vms: vms, recorder: recorder, calendar: calendar{api: api},
		down: map[string]time.Time{}, off: map[string]time.Time{}, leaving: map[string]time.Time{}, forced: map[string]force{},
		replaced: map[types.UID]string{}, told: map[string]time.Time{},
	}
}

func (c *Controller) Name() string { return "vm.interruption" }

// Reconcile is one sweep. Its errors are logged and not returned: a repetition at once would make two looks of one.
func (c *Controller) Reconcile(ctx context.Context) (reconciler.Result, error) {
	if err := c.sweep(ctx); err != nil {
		log.FromContext(ctx).Error(err, "look for interrupted VMs is incomplete", "reason", "InterruptionIncomplete")
	}
	return reconciler.Result{RequeueAfter: every}, nil
}

// subject is a NodeClaim with its VM and, where it has one, its Node.
type subject struct {
	claim *karpv1.NodeClaim
	node  *corev1.Node
	vm    vm.VM
}

func (c *Controller) sweep(ctx context.Context) error {
	claims := karpv1.NodeClaimList{}
	if err := c.kube.List(ctx, &claims); err != nil {
		return fmt.Errorf("looking for interrupted VMs: listing NodeClaims: %w", err)
	}
	ours := map[string]*karpv1.NodeClaim{}
	var named []vm.VM
	for i := range claims.Items {
		claim := &claims.Items[i]
		if id, err := utils.ParseProviderID(claim.Status.ProviderID); err == nil && v1alpha1.IsOurs(claim) {
			ours[id] = claim
			named = append(named, vm.VM{ID: id})
		}
	}
	// A snapshot that lacks much of the fleet is an error here: nothing is done by it.
	fleet, err := c.vms.ListWithin(ctx, snapshotAge, named...)
	if err != nil {
		return fmt.Errorf("looking for interrupted VMs: %w", err)
	}
	failed := c.readCalendar(ctx)
	c.forget(ours)
	known := map[string]vm.VM{}
	for _, v := range fleet {
		known[v.ID] = v
	}
	sweep := sweep{limit: max(1, len(fleet)/10), many: max(3, len(fleet)/5), underWay: map[string]int{}}
	for _, id := range slices.Sorted(maps.Keys(ours)) {
		s, err := c.subject(ctx, ours[id], known[id])
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		c.look(ctx, s, &sweep)
	}
	return errors.Join(failed, c.replaceSome(ctx, &sweep))
}

// readCalendar bounds the wait for planned maintenance: stops must be seen while that call hangs.
func (c *Controller) readCalendar(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, calendarTimeout)
	defer cancel()
	return c.calendar.read(limited, c.clock.Now())
}

// leavingFor returns for which state of its VM a NodeClaim that is being deleted was replaced, and "" for one that leaves
// for another reason. A process that has not deleted it itself judges by what it sees.
func (c *Controller) leavingFor(s subject) string {
	switch state, ours := c.replaced[s.claim.UID]; {
	case ours:
		return state
	case isDown(s.vm):
		return vm.StateStopped
	case c.isDue(s):
		return vm.StateRunning
	default:
		return ""
	}
}

// forget drops what is noted of VMs that no NodeClaim has any more.
func (c *Controller) forget(ours map[string]*karpv1.NodeClaim) {
	maps.DeleteFunc(c.down, func(id string, _ time.Time) bool { return ours[id] == nil })
	alive := map[types.UID]bool{}
	for _, claim := range ours {
		alive[claim.UID] = true
	}
	maps.DeleteFunc(c.replaced, func(uid types.UID, _ string) bool { return !alive[uid] })
	maps.DeleteFunc(c.off, func(id string, _ time.Time) bool { return ours[id] == nil })
	maps.DeleteFunc(c.leaving, func(id string, _ time.Time) bool { return ours[id] == nil })
	maps.DeleteFunc(c.forced, func(id string, _ force) bool { return ours[id] == nil })
}

// subject completes a NodeClaim. A VM that the list lacks is gone, or another cluster's.
func (c *Controller) subject(ctx context.Context, claim *karpv1.NodeClaim, v vm.VM) (subject, error) {
	s := subject{claim: claim, vm: v}
	if v.ID == "" {
		id, err := utils.ParseProviderID(claim.Status.ProviderID)
		if err != nil {
			return s, fmt.Errorf("reading the provider ID of NodeClaim %q: %w", claim.Name, err)
		}
		s.vm, err = c.vms.GetWithin(ctx, id, snapshotAge)
		if errors.Is(err, vm.ErrNotFound) {
			s.vm = vm.VM{ID: id, State: vm.StateTerminated}
		} else if err != nil {
			return s, err
		}
	}
	// A VM that runs, with nothing planned for it, needs no Node: that is nearly all of the fleet.
	if claim.Status.NodeName == "" || s.vm.State == vm.StateRunning && len(c.calendar.plans[s.vm.ID]) == 0 {
		return s, nil
	}
	node := &corev1.Node{}
	err := c.kube.Get(ctx, client.ObjectKey{Name: claim.Status.NodeName}, node)
	switch {
	case err == nil:
		s.node = node
	case client.IgnoreNotFound(err) != nil:
		return s, fmt.Errorf("reading the Node of NodeClaim %q: %w", claim.Name, err)
	}
	return s, nil
}

// look says what has become of one VM, and puts it on the list if its NodeClaim must be replaced.
func (c *Controller) look(ctx context.Context, s subject, sweep *sweep) {
	if !isDown(s.vm) {
		delete(c.down, s.vm.ID)
	}
	if s.vm.State != vm.StateStopped {
		delete(c.off, s.vm.ID)
	}
	if !s.claim.DeletionTimestamp.IsZero() {
		sweep.underWay[c.leavingFor(s)]++
		c.hurry(ctx, s)
		return
	}
	switch s.vm.State {
	case vm.StateStopping, vm.StateStopped:
		c.stopped(ctx, s, sweep)
	case vm.StateTerminated:
		// Core deletes the NodeClaim as soon as its Node is not Ready, and the garbage collection one that has no Node.
		c.tell(ctx, s, "VMTerminated", fmt.Sprintf("VM %s is terminated, and Karpenter did not ask for it", s.vm.ID), s.vm.ID)
	case vm.StateShuttingDown:
		c.tell(ctx, s, "VMTerminated", fmt.Sprintf("VM %s is shutting down, and Karpenter did not ask for it: %s",
			s.vm.ID, causeOf(s.vm.StateReason).words), s.vm.ID)
	case vm.StateQuarantine:
		// Whether such a VM can be deleted, and what of it still runs, is not known: only a person can decide.
		c.tell(ctx, s, "VMQuarantined", fmt.Sprintf("Outscale has put VM %s into quarantine: ask its support, "+
			"or delete the NodeClaim for another VM", s.vm.ID), s.vm.ID)
	case vm.StateRunning:
		c.maintained(ctx, s, sweep)
	}
}

func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		WatchesRawSource(singleton.Source()).
		Complete(singleton.AsReconciler(c))
}
