package cloudprovider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/operator/options"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// maxTries bounds the candidates of one Create: what was refused is remembered, and the next NodeClaim goes on there.
const maxTries = 10

// Create launches the VM of a NodeClaim and returns as soon as its ID is known: while any NodeClaim lacks one,
// Karpenter's provisioner stands still.
func (c *CloudProvider) Create(ctx context.Context, claim *karpv1.NodeClaim) (*karpv1.NodeClaim, error) {
	nodeClass, err := c.readyNodeClass(ctx, claim)
	if err != nil {
		return nil, err
	}
	instanceTypes, err := c.instanceTypes(ctx, claim.Labels[karpv1.NodePoolLabelKey], nodeClass)
	if err != nil {
		return nil, cloudprovider.NewCreateError(err, "InstanceTypesFailed", "listing instance types failed: "+err.Error())
	}
	candidates := rank(claim, nodeClass, instanceTypes)
	launched, err := c.adopt(ctx, claim, nodeClass)
	if errors.Is(err, vm.ErrNotFound) {
		launched, err = c.launch(ctx, claim, nodeClass, candidates)
	}
	if err != nil {
		return nil, err
	}
	return nodeClaimFor(claim, nodeClass, launched, c.typeOf(launched, nodeClass, instanceTypes)), nil
}

// adopt returns the VM that an earlier attempt launched: by a process that was killed, or by a call without an answer.
//
// Tags find it, except where they were lost. So a NodeClaim that is older than the first Create of this process, or whose
// last attempt ended without a clear answer, is looked for among all VMs of the account.
func (c *CloudProvider) adopt(ctx context.Context, claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass) (vm.VM, error) {
	c.firstCreate.Do(func() { c.since = time.Now() })
	if c.unsure.Has(claim.UID) || claim.CreationTimestamp.Time.Before(c.since) {
		if err := c.vms.Widen(ctx); err != nil {
			return vm.VM{}, createError(err)
		}
	}
	found, err := c.vms.Find(ctx, owner.Of(claim, nodeClass, ""))
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return vm.VM{}, err
	case err != nil:
		return vm.VM{}, createError(err)
	}
	log.FromContext(ctx).Info("adopted the VM of an earlier attempt", "NodeClaim", klog.KObj(claim), "vm-id", found.ID, "instance-type", found.Type, "subregion", found.Subregion)
	return found, nil
}

// launch tries the candidates from the cheapest on.
func (c *CloudProvider) launch(ctx context.Context, claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, candidates []candidate) (vm.VM, error) {
	if c.awaitPrices(candidates) {
		return vm.VM{}, cloudprovider.NewCreateError(errNoPrices, "PricesUnavailable", errNoPrices.Error())
	}
	if err := c.classRefused(nodeClass); err != nil {
		return vm.VM{}, err
	}
	a := &attempt{CloudProvider: c, claim: claim, nodeClass: nodeClass}
	refused := errNothingFits
	for _, candidate := range candidates {
		if !candidate.available {
			continue
		}
		launched, err := a.try(ctx, candidate)
		switch {
		case err == nil:
			c.launched(ctx, claim, launched)
			return launched, nil
		case errors.Is(err, availability.ErrRefused):
			continue // by this loop itself, or for another NodeClaim, since the list was made
		}
		next, ok := errors.AsType[candidateError](err)
		if !ok {
			return vm.VM{}, err
		}
		refused = next.error
		if a.tries++; a.tries == maxTries {
			break
		}
	}
	if err := c.classRefused(nodeClass); err != nil { // meanwhile, for another NodeClaim
		return vm.VM{}, err
	}
	if oapi.MissingResource(refused) != "" {
		return vm.VM{}, missingResource(refused)
	}
	return vm.VM{}, cloudprovider.NewInsufficientCapacityError(stableError{refused})
}

// classRefused is the error for a NodeClass whose launches are refused at the moment, whatever the candidate.
func (c *CloudProvider) classRefused(nodeClass *v1alpha1.OutscaleNodeClass) error {
	why, until := c.types.Refusals().OfClass(instancetype.Class(nodeClass))
	if !time.Now().Before(until) {
		return nil
	}
	return cloudprovider.NewNodeClassNotReadyError(fmt.Errorf("launches of OutscaleNodeClass %q are refused: %s", nodeClass.Name, why))
}

// attempt is one Create that launches.
type attempt struct {
	*CloudProvider
	claim     *karpv1.NodeClaim
	nodeClass *v1alpha1.OutscaleNodeClass
	tries     int

	workerConfig []byte
	token        string
}

// try launches one candidate when its turn has come. What Outscale refuses is remembered before the next launch of its
// kind may go.
func (a *attempt) try(ctx context.Context, candidate candidate) (vm.VM, error) {
	launch := a.types.Launch(a.nodeClass, candidate.instanceType.Name, candidate.subnet)
	if a.types.Refusals().IsRefused(launch) {
		return vm.VM{}, availability.ErrRefused
	}
	// Secrets are read, and a join token is minted, only for a launch that can be.
	if err := a.readSecrets(ctx); err != nil {
		return vm.VM{}, err
	}
	request, err := launchRequest(a.claim, a.nodeClass, candidate, a.workerConfig, a.token)
	if err != nil {
		return vm.VM{}, cloudprovider.NewNodeClassNotReadyError(err)
	}
	leave, err := a.types.Refusals().Enter(ctx, launch)
	switch {
	case errors.Is(err, availability.ErrRefused):
		return vm.VM{}, err
	case err != nil:
		return vm.VM{}, createError(fmt.Errorf("waiting for the launch before this one: %w", err))
	}
	defer leave()
	// Asked again when the rate limit lets the call go: the launches before it may have been refused meanwhile.
	launched, err := a.vms.Launch(oapi.BeforeSend(ctx, func() error {
		if a.types.Refusals().IsRefused(launch) {
			return availability.ErrRefused
		}
		return nil
	}), request)
	switch {
	case err == nil:
		a.types.Refusals().Launched(launch)
		return launched, nil
	case errors.Is(err, availability.ErrRefused):
		return vm.VM{}, availability.ErrRefused
	case errors.Is(err, oapi.ErrDryRun):
		return vm.VM{}, planned(candidate, err)
	}
	return vm.VM{}, a.refused(ctx, launch, err)
}

// awaitPrices reports whether prices are all that a launch lacks: as insufficient capacity that would delete a NodeClaim
// for which there is room.
func (c *CloudProvider) awaitPrices(candidates []candidate) bool {
	return !slices.ContainsFunc(candidates, func(tried candidate) bool { return tried.available }) &&
		slices.ContainsFunc(candidates, func(tried candidate) bool { return c.types.AwaitsPrice(tried.instanceType.Name) })
}

// launched is what follows a launch. Tags are not among it: the tagging controller sets those that are missing as soon
// as the NodeClaim has its provider ID, which Create must not hold back for a call that can fail.
func (c *CloudProvider) launched(ctx context.Context, claim *karpv1.NodeClaim, launched vm.VM) {
	c.unsure.Delete(claim.UID)
	log.FromContext(ctx).Info("launched VM", "NodeClaim", klog.KObj(claim),
		"NodePool", klog.KRef("", claim.Labels[karpv1.NodePoolLabelKey]), "vm-id", launched.ID,
		"instance-type", launched.Type, "subregion", launched.Subregion, "reason", "Provisioned")
}

// readSecrets reads what the machine config is made of, once for all candidates.
func (a *attempt) readSecrets(ctx context.Context) error {
	if a.workerConfig != nil {
		return nil
	}
	workerConfig, err := talos.ReadWorkerConfig(ctx, a.uncached, a.nodeClass.Spec.Talos.WorkerConfigSecretRef)
	switch {
	case apierrors.IsNotFound(err), errors.Is(err, talos.ErrNoKey):
		return cloudprovider.NewNodeClassNotReadyError(err)
	case apierrors.IsForbidden(err):
		// As below: only the operator can change it. The NodeClass controller says what to change.
		a.warn(a.claim, "WorkerConfigForbidden", err.Error())
		return cloudprovider.NewNodeClassNotReadyError(err)
	case err != nil:
		return cloudprovider.NewCreateError(err, "WorkerConfigUnreadable", err.Error())
	}
	if a.nodeClass.Spec.Talos.BootstrapToken == v1alpha1.BootstrapTokenPerNodeClaim {
		a.token, err = talos.BootstrapToken(ctx, a.uncached, a.kube, a.claim.UID, time.Now())
		switch {
		case apierrors.IsForbidden(err), errors.Is(err, talos.ErrForeignToken):
			// It will not get better by waiting, and a NodeClaim that waits stops all provisioning.
			a.warn(a.claim, "BootstrapTokenFailed", err.Error())
			return cloudprovider.NewNodeClassNotReadyError(err)
		case err != nil:
			return cloudprovider.NewCreateError(err, "BootstrapTokenFailed", err.Error())
		}
	}
	a.workerConfig = workerConfig
	return nil
}

// instanceTypes returns the types of a NodeClass as Karpenter sees them, with its overlays.
func (c *CloudProvider) instanceTypes(ctx context.Context, nodePool string, nodeClass *v1alpha1.OutscaleNodeClass) (cloudprovider.InstanceTypes, error) {
	list := c.types.List(nodeClass)
	if options.FromContext(ctx).FeatureGates.NodeOverlay && nodePool != "" {
		return c.overlays.ApplyAll(nodePool, list)
	}
	return list, nil
}

// launchRequest is one VM of one candidate.
func launchRequest(claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, candidate candidate, workerConfig []byte, token string) (vm.Request, error) {
	whose := owner.Of(claim, nodeClass, "")
	taints := append([]corev1.Taint{karpv1.UnregisteredNoExecuteTaint}, claim.Spec.Taints...)
	data, err := talos.Render(workerConfig, nodeClass.Spec.Talos.Patches, talos.Node{
		Hostname:       whose.NodeName,
		Labels:         labels(claim, candidate.instanceType, candidate.subnet.Subregion),
		Taints:         append(taints, claim.Spec.StartupTaints...),
		BootstrapToken: token,
		Kubelet:        nodeClass.Spec.Kubelet.WithDefaults(),
	})
	if err != nil {
		return vm.Request{}, fmt.Errorf("rendering the machine config: %w", err)
	}
	return vm.Request{
		Owner:            whose,
		Type:             candidate.instanceType.Name,
		ImageID:          nodeClass.Spec.ImageID,
		SubnetID:         candidate.subnet.ID,
		SecurityGroupIDs: nodeClass.Spec.SecurityGroupIDs,
		KeypairName:      nodeClass.Spec.KeypairName,
		Devices:          devices(nodeClass),
		Tags:             nodeClass.Spec.Tags,
		UserData:         data,
	}, nil
}

// devices are the volumes of the NodeClass, or a root that is neither slow nor too small.
func devices(nodeClass *v1alpha1.OutscaleNodeClass) []vm.Device {
	var out []vm.Device
	for _, mapping := range nodeClass.Spec.Volumes() {
		out = append(out, vm.Device{
			Name:       mapping.DeviceName,
			SizeGiB:    mapping.BSU.VolumeSize,
			Type:       mapping.BSU.VolumeType,
			IOPS:       mapping.BSU.IOPS,
			SnapshotID: mapping.BSU.SnapshotID,
			Keep:       !*mapping.BSU.DeleteOnVMDeletion,
		})
	}
	return out
}
