package nodeclass

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// finalize lets the class go when no NodeClaim needs it: without it a node could not even be checked for drift.
func (c *Controller) finalize(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(nodeClass, v1alpha1.Finalizer) {
		return reconcile.Result{}, nil
	}
	var claims karpv1.NodeClaimList
	if err := c.kube.List(ctx, &claims); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing NodeClaims: %w", err)
	}
	users := 0
	for _, claim := range claims.Items {
		if v1alpha1.IsOurs(&claim) && claim.Spec.NodeClassRef.Name == nodeClass.Name {
			users++
		}
	}
	if users > 0 {
		c.recorder.Publish(events.Event{
			InvolvedObject: nodeClass, Type: corev1.EventTypeNormal, Reason: "WaitingOnNodeClaimTermination",
			Message:      fmt.Sprintf("waiting for %d NodeClaims that use this class", users),
			DedupeValues: []string{string(nodeClass.UID)},
		})
		return reconcile.Result{RequeueAfter: 10 * time.Second}, nil
	}
	stored := nodeClass.DeepCopy()
	controllerutil.RemoveFinalizer(nodeClass, v1alpha1.Finalizer)
	if err := c.kube.Patch(ctx, nodeClass, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{})); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(fmt.Errorf("removing the finalizer: %w", err))
	}
	return reconcile.Result{}, nil
}
