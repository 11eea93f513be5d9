// Package launch makes the VM of a NodeClaim: it takes the one of an earlier attempt, or tries the cheapest first.
package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// maxTries bounds the candidates of one attempt: what was refused is remembered, and the next NodeClaim goes on there.
const maxTries = 10

// Launcher makes the VMs of NodeClaims.
type Launcher struct {
	kube client.Client
	// uncached reads Secrets: the controller may get single ones, and must not list and watch all of them.
	uncached client.Reader
	vms      *vm.Provider
	types    *instancetype.Provider
	ledger   *ledger.Ledger

	// quotas lets one launch that hit a limit read the quotas for all that hit it with it. It holds one token: a channel
	// and not a mutex, since waiting for it must end with the caller's context.
	quotas chan struct{}
}

// New returns a launcher. Secrets are read past the cache of kube.
func New(kube client.Client, uncached client.Reader, vms *vm.Provider, types *instancetype.Provider, l *ledger.Ledger) *Launcher {
	return &Launcher{kube: kube, uncached: uncached, vms: vms, types: types, ledger: l, quotas: make(chan struct{}, 1)}
}

// Choice is what a NodeClaim can be launched of.
type Choice struct {
	Types cloudprovider.InstanceTypes
	// Priced is whether a price catalogue had been read when the types were listed.
	Priced bool
}

// Launch returns the VM of a NodeClaim as soon as its ID is known: one that an earlier attempt launched, or a new one of the
// cheapest instance type that can be had. Its errors are those that Karpenter's Create promises.
func (l *Launcher) Launch(ctx context.Context, claim *karpv1.NodeClaim, nodeClass *v1alpha1.OutscaleNodeClass, choice Choice) (vm.VM, error) {
	a := &attempt{Launcher: l, claim: claim, nodeClass: nodeClass, owner: owner.Of(claim, nodeClass, ""), priced: choice.Priced}
	launched, err := a.adopt(ctx)
	if errors.Is(err, vm.ErrNotFound) {
		return a.launch(ctx, rank(claim, nodeClass, choice.Types))
	}
	return launched, err
}

// attempt is the launch of one NodeClaim.
type attempt struct {
	*Launcher
	claim     *karpv1.NodeClaim
	nodeClass *v1alpha1.OutscaleNodeClass
	// owner is the NodeClaim as the VM will name it.
	owner vm.Owner
	// priced is whether the candidates were made with prices.
	priced bool
	tries  int

	workerConfig []byte
	token        string
}

// adopt returns the VM that an earlier attempt launched.
func (a *attempt) adopt(ctx context.Context) (vm.VM, error) {
	found, err := a.vms.Adopt(ctx, a.owner, a.claim.CreationTimestamp.Time)
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return vm.VM{}, err
	case err != nil:
		return vm.VM{}, createError(err)
	}
	a.ledger.Record(ctx, ledger.Decision{
		Reason: ledger.Adopted, Object: a.claim, Message: "adopted the VM of an earlier attempt",
		VM: found.ID, Type: found.Type, Subregion: found.Subregion,
	})
	return found, nil
}

// launch tries the candidates from the cheapest on.
func (a *attempt) launch(ctx context.Context, candidates []candidate) (vm.VM, error) {
	if a.awaitPrices(candidates) {
		return vm.VM{}, cloudprovider.NewCreateError(ErrNoPrices, "PricesUnavailable", ErrNoPrices.Error())
	}
	if err := a.classRefused(); err != nil {
		return vm.VM{}, err
	}
	refused := errNothingFits
	for _, candidate := range candidates {
		if !candidate.available {
			continue
		}
		launched, err := a.try(ctx, candidate)
		switch {
		case err == nil:
			a.launched(ctx, launched)
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
	if err := a.classRefused(); err != nil { // meanwhile, for another NodeClaim
		return vm.VM{}, err
	}
	if oapi.MissingResource(refused) != "" {
		return vm.VM{}, missingResource(refused)
	}
	return vm.VM{}, cloudprovider.NewInsufficientCapacityError(stableError{refused})
}

// classRefused is the error for a NodeClass whose launches are refused at the moment, whatever the candidate.
func (a *attempt) classRefused() error {
	why, until := a.types.Refusals().OfClass(instancetype.Class(a.nodeClass))
	if !time.Now().Before(until) {
		return nil
	}
	return cloudprovider.NewNodeClassNotReadyError(fmt.Errorf("launches of OutscaleNodeClass %q are refused: %s", a.nodeClass.Name, why))
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
	request, err := a.request(candidate)
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
// for which there is room. They may have come since the candidates were made, while this attempt looked for its VM.
func (a *attempt) awaitPrices(candidates []candidate) bool {
	haveCome := !a.priced && a.types.HasPrices()
	return !slices.ContainsFunc(candidates, func(tried candidate) bool { return tried.available }) &&
		slices.ContainsFunc(candidates, func(tried candidate) bool { return haveCome || a.types.AwaitsPrice(tried.instanceType.Name) })
}

// launched is what follows a launch. Tags are not among it: the tagging controller sets those that are missing as soon
// as the NodeClaim has its provider ID, which Create must not hold back for a call that can fail.
func (a *attempt) launched(ctx context.Context, launched vm.VM) {
	a.ledger.Record(ctx, ledger.Decision{
		Reason: ledger.Provisioned, Object: a.claim, Message: "launched VM",
		VM: launched.ID, Type: launched.Type, Subregion: launched.Subregion,
	})
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
		a.ledger.Warn(ctx, a.claim, ledger.WorkerConfigForbidden, err.Error())
		return cloudprovider.NewNodeClassNotReadyError(err)
	case err != nil:
		return cloudprovider.NewCreateError(err, "WorkerConfigUnreadable", err.Error())
	}
	if a.nodeClass.Spec.Talos.BootstrapToken == v1alpha1.BootstrapTokenPerNodeClaim {
		a.token, err = talos.BootstrapToken(ctx, a.uncached, a.kube, a.claim.UID, time.Now())
		switch {
		case apierrors.IsForbidden(err), errors.Is(err, talos.ErrForeignToken):
			// It will not get better by waiting, and a NodeClaim that waits stops all provisioning.
			a.ledger.Warn(ctx, a.claim, ledger.BootstrapTokenFailed, err.Error())
			return cloudprovider.NewNodeClassNotReadyError(err)
		case err != nil:
			return cloudprovider.NewCreateError(err, "BootstrapTokenFailed", err.Error())
		}
	}
	a.workerConfig = workerConfig
	return nil
}
