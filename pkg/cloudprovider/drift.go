package cloudprovider

import (
	"context"
	"fmt"

	"github.com/awslabs/operatorpkg/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

const (
	// nodeClassDrifted: the node was made from other fields of the NodeClass than those of today.
	nodeClassDrifted cloudprovider.DriftReason = v1alpha1.DriftedNodeClass
	// imageDrifted: the node runs another image than the NodeClass names.
	imageDrifted cloudprovider.DriftReason = "ImageDrifted"
)

// IsDrifted compares the image and the hash that the NodeClaim was launched with. Hashes of different versions are not
// compared: until the NodeClass controller has written one of this version, what was drifted stays so, and nothing else is.
//
// A NodeClass that is not Ready for its present spec makes nothing drift: its nodes could not be replaced, and core, which
// does not ask for readiness when it disrupts, would move their pods to other NodePools because of a typo.
func (c *CloudProvider) IsDrifted(ctx context.Context, claim *karpv1.NodeClaim) (cloudprovider.DriftReason, error) {
	nodeClass, err := c.getNodeClass(ctx, claim.Spec.NodeClassRef)
	if apierrors.IsNotFound(err) {
		return "", nil // the NodeClass is finalized only when no NodeClaim is left: this one is going too
	}
	if err != nil {
		return "", fmt.Errorf("checking NodeClaim %q for drift: %w", claim.Name, err)
	}
	if ready := nodeClass.StatusConditions().Get(status.ConditionReady); !ready.IsTrue() || ready.ObservedGeneration != nodeClass.Generation {
		return "", nil
	}
	if !nodeClass.IsResolved() {
		return "", nil // what another release checked says nothing of the image
	}
	if claim.Status.ImageID != "" && claim.Status.ImageID != nodeClass.Status.Image.ID {
		return imageDrifted, nil
	}
	launched, ok := claim.Annotations[v1alpha1.AnnotationHash]
	switch {
	case !ok:
		return "", nil
	case claim.Annotations[v1alpha1.AnnotationHashVersion] != v1alpha1.HashVersion:
		if v1alpha1.HasDrifted(claim) {
			return nodeClassDrifted, nil
		}
		return "", nil
	case launched != nodeClass.Hash():
		return nodeClassDrifted, nil
	}
	return "", nil
}
