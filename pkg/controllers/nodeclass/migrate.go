package nodeclass

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// migrateHashes gives the NodeClaims of a class, whose hash another version of the provider made, the hash of today.
// Hashes of two versions cannot be compared: without this, a node would never drift again after an upgrade. No node is
// replaced for it, and one that has drifted already keeps its hash, which is no longer that of the class.
//
// What of the class changed while no controller ran cannot be told from a change of the version. It waits for a spec
// that is verified: otherwise the hash of a typo would make its correction look like a drift.
func (c *Controller) migrateHashes(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	if ready := nodeClass.StatusConditions().Get(rootCondition); !ready.IsTrue() || ready.ObservedGeneration != nodeClass.Generation {
		return nil
	}
	var claims karpv1.NodeClaimList
	if err := c.kube.List(ctx, &claims); err != nil {
		return fmt.Errorf("listing NodeClaims: %w", err)
	}
	var failed []error
	for i := range claims.Items {
		if claim := &claims.Items[i]; isOutdated(claim, nodeClass) {
			failed = append(failed, c.migrateHash(ctx, claim, nodeClass))
		}
	}
	return errors.Join(failed...)
}

// isOutdated reports whether a NodeClaim of the class has a hash of another version. One without a provider ID gets its
// hash from its launch.
func isOutdated(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass) bool {
	return v1alpha1.IsOurs(claim) && claim.Spec.NodeClassRef.Name == nodeClass.Name &&
		claim.DeletionTimestamp.IsZero() && claim.Status.ProviderID != "" &&
		claim.Annotations[v1alpha1.AnnotationHashVersion] != v1alpha1.HashVersion
}

func (c *Controller) migrateHash(ctx context.Context, claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass) error {
	stored := claim.DeepCopy()
	if claim.Annotations == nil {
		claim.Annotations = map[string]string{}
	}
	claim.Annotations[v1alpha1.AnnotationHashVersion] = v1alpha1.HashVersion
	if !v1alpha1.HasDrifted(claim) {
		claim.Annotations[v1alpha1.AnnotationHash] = nodeClass.Hash()
	}
	// The lock is needed since a drift that was found meanwhile must not be forgotten.
	err := c.kube.Patch(ctx, claim, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the hash of NodeClaim %q anew: %w", claim.Name, err))
	}
	log.FromContext(ctx).Info("wrote the hash of a NodeClaim anew", "NodeClaim", klog.KObj(claim), "reason", "HashVersionChanged",
		"from", stored.Annotations[v1alpha1.AnnotationHashVersion], "to", v1alpha1.HashVersion)
	return nil
}
