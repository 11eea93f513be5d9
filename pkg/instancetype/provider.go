// Package instancetype shows Karpenter the VM types of a NodeClass: their size, price and where they can be had.
package instancetype

import (
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

// maxBuilt bounds the memory for NodeClasses that no longer exist.
const maxBuilt = 64

// Provider builds instance types from sizes, prices and what Outscale refused lately.
type Provider struct {
	prices   *pricing.Provider
	refusals *availability.Memory
	static   []vmtype.Type

	mu    sync.Mutex
	built map[types.UID]built
}

// built is the list for one NodeClass as long as nothing it was made from has changed.
type built struct {
	key  string
	list cloudprovider.InstanceTypes
}

// NewProvider returns a provider. Static types, if there are any, replace the grid of every NodeClass.
func NewProvider(prices *pricing.Provider, refusals *availability.Memory, static []vmtype.Type) *Provider {
	return &Provider{prices: prices, refusals: refusals, static: static, built: map[types.UID]built{}}
}

// Refusals is the memory that decides what is on offer.
func (p *Provider) Refusals() *availability.Memory { return p.refusals }

// List returns all types of the NodeClass, also those without an available offering. The slice is the caller's, which
// Karpenter sorts; its elements are shared and never changed: Karpenter computes from each of them once, so that a
// change of price or availability needs new ones.
func (p *Provider) List(nodeClass *v1alpha1.OutscaleNodeClass) cloudprovider.InstanceTypes {
	// The limit of a Secret's machine config changes without the class.
	key := fmt.Sprint(nodeClass.Generation, nodeClass.Status.EphemeralMax, Subregions(nodeClass), usable(nodeClass),
		p.prices.Epoch(), p.refusals.Epoch())
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.built[nodeClass.UID]
	if b.key != key {
		if len(p.built) > maxBuilt { // NodeClasses come and go; the few that are in use are built anew
			clear(p.built)
		}
		b = built{key: key, list: p.build(nodeClass)}
		p.built[nodeClass.UID] = b
	}
	return slices.Clone(b.list)
}

// Launch is the launch of a type in a subnet, as the memory of refusals knows it.
func (p *Provider) Launch(nodeClass *v1alpha1.OutscaleNodeClass, name string, subnet v1alpha1.Subnet) availability.Launch {
	t, ok := p.find(name)
	if !ok {
		t.Name = name
	}
	return launch(nodeClass, t, subnet)
}

func launch(nodeClass *v1alpha1.OutscaleNodeClass, t vmtype.Type, subnet v1alpha1.Subnet) availability.Launch {
	return availability.Launch{
		Type:      t.Name,
		VCores:    t.VCores,
		MemoryGiB: t.MemoryGiB,
		Subregion: subnet.Subregion,
		Subnet:    subnet.ID,
		Class:     Class(nodeClass),
		Strict:    nodeClass.Spec.Placement != nil && nodeClass.Spec.Placement.Strict,
	}
}

// Class is the present generation of a NodeClass, as the memory of refusals knows it.
func Class(nodeClass *v1alpha1.OutscaleNodeClass) availability.Class {
	return availability.Class{Name: nodeClass.Name, UID: nodeClass.UID, Generation: nodeClass.Generation}
}

// AwaitsPrice reports whether a type cannot be had only because no price catalogue was read since the start.
func (p *Provider) AwaitsPrice(name string) bool {
	if !p.prices.LoadedAt().IsZero() {
		return false
	}
	t, ok := p.find(name)
	return ok && t.Price <= 0
}

// HasPrices reports whether a price catalogue was read since the start.
func (p *Provider) HasPrices() bool { return !p.prices.LoadedAt().IsZero() }

// HasPrice reports whether the price of a type is known: one that has none is not sold, or not under this name.
func (p *Provider) HasPrice(name string) bool {
	t, ok := p.find(name)
	_, known := p.prices.VM(t)
	return ok && known
}

// Describe returns a type that need not be among those of the NodeClass, or nil when its name does not tell its size.
func (p *Provider) Describe(name string, nodeClass *v1alpha1.OutscaleNodeClass) *cloudprovider.InstanceType {
	t, ok := p.find(name)
	if !ok {
		return nil
	}
	return p.instanceType(t, nodeClass)
}

// find returns a type by its name: a static one, or a tina type.
func (p *Provider) find(name string) (vmtype.Type, bool) {
	if i := slices.IndexFunc(p.static, func(t vmtype.Type) bool { return t.Name == name }); i >= 0 {
		return p.static[i], true
	}
	return vmtype.Parse(name)
}
