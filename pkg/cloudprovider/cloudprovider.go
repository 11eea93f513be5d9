// Package cloudprovider is Karpenter's view of Outscale: the ten methods of its CloudProvider, one file each.
package cloudprovider

import (
	"github.com/awslabs/operatorpkg/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/launch"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// CloudProvider launches and deletes the VMs of NodeClaims.
type CloudProvider struct {
	kube     client.Client
	launcher *launch.Launcher
	vms      *vm.Provider
	types    *instancetype.Provider
	overlays *nodeoverlay.InstanceTypeStore
	ledger   *ledger.Ledger
	repairs  RepairTimes
}

// Kube is the API server: through the controller's cache, and past it.
type Kube struct {
	client.Client
	// Uncached reads from the API server itself.
	Uncached client.Reader
}

// New returns the provider.
func New(kube Kube, vms *vm.Provider, instanceTypes *instancetype.Provider, overlays *nodeoverlay.InstanceTypeStore,
	recorder events.Recorder, repairs RepairTimes,
) *CloudProvider {
	decisions := ledger.New(recorder)
	return &CloudProvider{
		kube:     kube.Client,
		launcher: launch.New(kube.Client, kube.Uncached, vms, instanceTypes, decisions),
		vms:      vms,
		types:    instanceTypes,
		overlays: overlays,
		ledger:   decisions,
		repairs:  repairs,
	}
}

// Name is the value of the label provider in Karpenter's metrics.
func (c *CloudProvider) Name() string { return "outscale" }

// GetSupportedNodeClasses returns a new object at each call: core reads into it.
func (c *CloudProvider) GetSupportedNodeClasses() []status.Object {
	return []status.Object{&v1alpha1.OutscaleNodeClass{}}
}
