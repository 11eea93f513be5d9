package nodeclass

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

// resolveTalos renders the config of a node that is never launched: what fails here would fail on every node, and
// only on its console.
func (c *Controller) resolveTalos(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	workerConfig, err := talos.ReadWorkerConfig(ctx, c.uncached, nodeClass.Spec.Talos.WorkerConfigSecretRef)
	switch {
	case apierrors.IsNotFound(err):
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigNotFound", "spec.talos.workerConfigSecretRef: "+err.Error())
		return nil
	case errors.Is(err, talos.ErrNoKey):
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigNotFound", "spec.talos.workerConfigSecretRef.key: "+err.Error())
		return nil
	case apierrors.IsForbidden(err):
		// No outage: every launch would be refused until somebody changes the role.
		ref := nodeClass.Spec.Talos.WorkerConfigSecretRef
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigForbidden", fmt.Sprintf(
			"spec.talos.workerConfigSecretRef: the controller may not read Secret %s/%s: add it to the value workerConfigSecrets of the chart", ref.Namespace, ref.Name))
		return nil
	case err != nil:
		couldNotLook(nodeClass, v1alpha1.ConditionTalosReady, "spec.talos.workerConfigSecretRef: "+oapi.Summary(err))
		return err
	}
	hostname := "node"
	if nodeClass.Spec.Talos.Hostname == v1alpha1.HostnamePrivateIP {
		hostname = ""
	}
	_, err = talos.Render(workerConfig, nodeClass.Spec.Talos.Patches, talos.Node{Hostname: hostname, Kubelet: nodeClass.Spec.Kubelet.WithDefaults()})
	if err != nil {
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigInvalid", "spec.talos: "+strings.TrimSpace(err.Error()))
		return nil
	}
	ephemeral, err := talos.ReadEphemeral(workerConfig, nodeClass.Spec.Talos.Patches)
	if err == nil {
		err = setEphemeral(nodeClass, ephemeral)
	}
	if err != nil {
		conditions.SetFalse(v1alpha1.ConditionTalosReady, "EphemeralDoesNotFit", "spec.talos: "+err.Error())
		return nil //nolint:nilerr // the condition says it, and no retry changes it
	}
	conditions.SetTrue(v1alpha1.ConditionTalosReady)
	return nil
}
