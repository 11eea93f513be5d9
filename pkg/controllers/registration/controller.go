// Package registration brings back a node whose Node was deleted before it registered: a kubelet creates it only once.
package registration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/awslabs/operatorpkg/reasonable"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// proof is how long the API server must have no Node after the watch has shown its deletion. A kubelet that was about
	// to create one has done so by then: its pauses are of at most 7 s (k8s.io/kubernetes pkg/kubelet/kubelet_node_status.go).
	// And reads of tags that lag have come: on a VM that is rebooted sooner, the CCM would delete the second Node, too.
	proof = 20 * time.Second
	// soon is the pace of a wait for the VM, or for its tags.
	soon = 5 * time.Second
	// comeback is how long a rebooted VM may take to bring its Node back: Talos boots in a minute or two. Core would wait
	// until 15 minutes after the launch.
	comeback = 5 * time.Minute

	reason = "NodeDeletedBeforeRegistration"
)

// Controller hears of deleted Nodes. Whoever deletes one, most often it is the cloud controller manager: it looks every
// 5 s at Nodes that are not Ready, and deletes those whose VM it does not find by its tags. The kubelet goes on without
// its Node until it starts again, and its NodeClaim would wait until core gives it up.
type Controller struct {
	clock    clock.Clock
	kube     client.Client
	uncached client.Reader
	vms      *vm.Provider
	provider cloudprovider.CloudProvider
	recorder events.Recorder
	lost     *lostNodes
}

// NewController returns the controller. Uncached must read from the API server.
func NewController(clk clock.Clock, kube client.Client, uncached client.Reader, vms *vm.Provider,
	provider cloudprovider.CloudProvider, recorder events.Recorder,
) *Controller {
	return &Controller{
		clock: clk, kube: kube, uncached: uncached, vms: vms, provider: provider, recorder: recorder, lost: newLostNodes(),
	}
}

func (c *Controller) Name() string { return "nodeclaim.registration" }

func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	claim := &karpv1.NodeClaim{}
	if err := c.kube.Get(ctx, request.NamespacedName, claim); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	id, err := utils.ParseProviderID(claim.Status.ProviderID)
	if err != nil || !isWaiting(claim) {
		return reconcile.Result{}, nil //nolint:nilerr // without a VM of ours no kubelet can have created a Node
	}
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	if err := c.kube.Get(ctx, client.ObjectKey{Name: claim.Spec.NodeClassRef.Name}, nodeClass); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	v, err := c.vms.Get(ctx, id)
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return reconcile.Result{}, nil // the garbage collection deletes the NodeClaim
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("looking for the VM of a deleted Node: %w", err)
	}
	node, ok := c.lost.of(nodeName(claim, nodeClass, v), claim.CreationTimestamp.Time)
	if !ok {
		return reconcile.Result{}, nil
	}
	missing := owner.MissingTags(c.vms.Cluster(), claim, nodeClass, v, nil)
	gone, wait, err := c.isGone(ctx, node, missing)
	if err != nil || !gone {
		return reconcile.Result{RequeueAfter: wait}, err
	}
	return c.bringBack(ctx, claim, v, node, missing)
}

// isWaiting reports whether core still waits for the Node of a NodeClaim of ours.
func isWaiting(claim *karpv1.NodeClaim) bool {
	return v1alpha1.IsOurs(claim) && claim.DeletionTimestamp.IsZero() &&
		claim.StatusConditions().Get(karpv1.ConditionTypeRegistered).IsUnknown()
}

// nodeName is the name by which the machine was launched: as was recorded, else as its tag says, else the NodeClass.
func nodeName(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, v vm.VM) string {
	if name := v.Tags[vm.TagNodeName]; name != "" && !owner.IsNameKnown(claim) {
		return name
	}
	return owner.Of(claim, nodeClass, v.PrivateIP).NodeName
}

// isGone reports whether the API server itself has had no Node for the time of the proof, and otherwise when to look again.
func (c *Controller) isGone(ctx context.Context, node *lostNode, missing map[string]string) (bool, time.Duration, error) {
	err := c.uncached.Get(ctx, client.ObjectKey{Name: node.name}, &corev1.Node{})
	if err == nil {
		c.lost.forget(node.name)
		return false, 0, nil
	}
	if !apierrors.IsNotFound(err) {
		return false, 0, fmt.Errorf("looking for Node %q: %w", node.name, err)
	}
	if node.absentSince.IsZero() {
		node.absentSince, node.lacked = c.clock.Now(), slices.Sorted(maps.Keys(missing))
		// The CCM asks for these two only (ccm/cloud/vm.go:141-163).
		node.lacked = slices.DeleteFunc(node.lacked, func(key string) bool { return !strings.HasPrefix(key, "OscK8s") })
	}
	wait := proof - c.clock.Since(node.absentSince)
	return wait <= 0, wait, nil
}

// bringBack reboots the VM as soon as its tags are right: with the wrong ones its Node would be deleted again. A NodeClaim
// is replaced that a reboot did not help, or that has lost a second Node.
func (c *Controller) bringBack(ctx context.Context, claim *karpv1.NodeClaim, v vm.VM, node *lostNode,
	missing map[string]string,
) (reconcile.Result, error) {
	if !node.rebootedAt.IsZero() {
		if wait := comeback - c.clock.Since(node.rebootedAt); wait > 0 {
			return reconcile.Result{RequeueAfter: wait}, nil
		}
		return reconcile.Result{}, c.replace(ctx, claim, v, node, "and a reboot did not bring it back")
	}
	ours := string(claim.UID) + "-registration-"
	operation := ours + string(node.uid)
	last := v1alpha1.LastReboot(claim).Operation
	switch {
	case strings.HasPrefix(last, ours) && last != operation:
		return reconcile.Result{}, c.replace(ctx, claim, v, node, "again, after a reboot that was to bring it back")
	case len(missing) > 0 || v.State == vm.StateUnknown || v.State == vm.StatePending:
		return reconcile.Result{RequeueAfter: soon}, nil // the tagging controller looks as often
	}
	err := c.provider.Reboot(ctx, claim, operation)
	switch {
	case cloudprovider.IsNodeClaimNotFoundError(err):
		return reconcile.Result{}, nil // the garbage collection deletes the NodeClaim
	case cloudprovider.IsNodeRebootFailedError(err):
		return reconcile.Result{}, c.replace(ctx, claim, v, node, "and its VM cannot be rebooted")
	case err != nil:
		return reconcile.Result{}, err
	}
	node.rebootedAt = c.clock.Now()
	c.tell(ctx, claim, v, fmt.Sprintf("%s The VM is rebooted, so that its kubelet creates the Node anew.", c.story(node, v, "")))
	return reconcile.Result{RequeueAfter: comeback}, nil
}

// replace deletes the NodeClaim. Its pods get another one at once.
func (c *Controller) replace(ctx context.Context, claim *karpv1.NodeClaim, v vm.VM, node *lostNode, why string) error {
	if err := c.kube.Delete(ctx, claim); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting NodeClaim %q, whose Node is gone: %w", claim.Name, err)
	}
	c.lost.forget(node.name)
	story := c.story(node, v, why)
	c.tell(ctx, claim, v, story+" The NodeClaim is replaced.")
	return ledger.Explain(ctx, c.kube, claim, ledger.Decided{Cause: ledger.CauseNodeLost, Why: strings.TrimSuffix(story, ".")})
}

// story says what happened and who is likely to have done it: the API server keeps no name.
func (c *Controller) story(node *lostNode, v vm.VM, why string) string {
	tags := "It had them when this was noticed: they came late, or the cloud controller manager looks for another cluster ID."
	if len(node.lacked) > 0 {
		tags = "It lacked " + strings.Join(node.lacked, ", ") + "."
	}
	return fmt.Sprintf("Node %s of VM %s was deleted before it registered%s, most likely by the cloud controller manager, "+
		"which deletes a Node that is not Ready when it does not find the VM by its tags %s and OscK8sClusterID/%s. %s",
		node.name, v.ID, strings.TrimRight(" "+why, " "), vm.TagNodeName, c.vms.Cluster().ID, tags)
}

func (c *Controller) tell(ctx context.Context, claim *karpv1.NodeClaim, v vm.VM, message string) {
	c.recorder.Publish(events.Event{
		InvolvedObject: claim, Type: corev1.EventTypeWarning, Reason: reason, Message: message,
		DedupeValues: []string{string(claim.UID), message},
	})
	log.FromContext(ctx).Info("node was deleted before it registered", "NodeClaim", klog.KObj(claim),
		"NodePool", klog.KRef("", claim.Labels[karpv1.NodePoolLabelKey]), "vm-id", v.ID, "message", message, "reason", reason)
}

// Deleted notes a Node that is gone, and returns the NodeClaims that it may have been of: one that never registered
// carries no name of its NodeClaim.
func (c *Controller) Deleted(ctx context.Context, object client.Object) []reconcile.Request {
	if object.GetLabels()[karpv1.NodeRegisteredLabelKey] == "true" {
		return nil
	}
	claims := &karpv1.NodeClaimList{}
	if err := c.kube.List(ctx, claims); err != nil {
		log.FromContext(ctx).Error(err, "cannot look for the NodeClaim of a deleted Node", "Node", klog.KObj(object), "reason", reason)
		return nil
	}
	var out []reconcile.Request
	for i := range claims.Items {
		if claim := &claims.Items[i]; isWaiting(claim) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)})
		}
	}
	if len(out) > 0 {
		c.lost.note(object, c.clock.Now())
	}
	return out
}

func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(c.Deleted), builder.WithPredicates(deletions())).
		WithOptions(controller.Options{RateLimiter: reasonable.RateLimiter(), MaxConcurrentReconciles: 10}).
		Complete(c)
}
