// Package instancetype shows Karpenter the VM types of a NodeClass: their size, price and where they can be had.
package instancetype

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
)

// maxBuilt bounds the memory for NodeClasses that no longer exist.
const maxBuilt = 64

// Provider builds instance types and remembers which of them cannot be had at the moment.
type Provider struct {
	prices      *pricing.Provider
	static      []Type
	now         func() time.Time
	unavailable *unavailable

	mu    sync.Mutex
	built map[types.UID]built
}

// built is the list for one NodeClass as long as nothing it was made from has changed.
type built struct {
	key  string
	list cloudprovider.InstanceTypes
}

// NewProvider returns a provider. Static types, if there are any, replace the grid of every NodeClass.
func NewProvider(prices *pricing.Provider, static []Type, now func() time.Time) *Provider {
	return &Provider{
		prices: prices, static: static, now: now,
		unavailable: newUnavailable(), built: map[types.UID]built{},
	}
}

// List returns all types of the NodeClass, also those without an available offering. The slice is the caller's, which
// Karpenter sorts; its elements are shared and never changed: Karpenter computes from each of them once, so that a
// change of price or availability needs new ones.
func (p *Provider) List(nodeClass *v1alpha1.OutscaleNodeClass) cloudprovider.InstanceTypes {
	now := p.now()
	key := fmt.Sprint(nodeClass.Generation, Subregions(nodeClass), p.prices.Epoch(), p.unavailable.current(now))
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.built[nodeClass.UID]
	if b.key != key {
		if len(p.built) > maxBuilt { // NodeClasses come and go; the few that are in use are built anew
			clear(p.built)
		}
		b = built{key: key, list: p.build(nodeClass, now)}
		p.built[nodeClass.UID] = b
	}
	return slices.Clone(b.list)
}

// IsAvailable reports whether nothing is known at this moment that speaks against a launch.
func (p *Provider) IsAvailable(name, subregion string) bool {
	t, ok := p.find(name)
	return !ok || !p.unavailable.has(t, subregion, p.now())
}

// AwaitsPrice reports whether a type cannot be had only because no price catalogue was read since the start.
func (p *Provider) AwaitsPrice(name string) bool {
	if !p.prices.LoadedAt().IsZero() {
		return false
	}
	t, ok := p.find(name)
	return ok && t.Price <= 0
}

// Describe returns a type that need not be among those of the NodeClass, or nil when its name does not tell its size.
func (p *Provider) Describe(name string, nodeClass *v1alpha1.OutscaleNodeClass) *cloudprovider.InstanceType {
	t, ok := p.find(name)
	if !ok {
		return nil
	}
	return p.instanceType(t, nodeClass, p.now())
}

// find returns a type by its name: a static one, or a tina type.
func (p *Provider) find(name string) (Type, bool) {
	if i := slices.IndexFunc(p.static, func(t Type) bool { return t.Name == name }); i >= 0 {
		return p.static[i], true
	}
	return Parse(name)
}

// MarkSoldOut keeps a type out of a subregion for a while: Outscale has no room for it.
func (p *Provider) MarkSoldOut(name, subregion string) {
	p.unavailable.mark(place{name, subregion}, p.now(), soldOutFor, soldOutAtMost)
}

// MarkUnsold keeps a type out everywhere for long: Outscale does not know it.
func (p *Provider) MarkUnsold(name string) {
	p.unavailable.mark(place{name, ""}, p.now(), unsoldFor, unsoldFor)
}

// MarkLaunched forgets earlier refusals of a type in a subregion.
func (p *Provider) MarkLaunched(name, subregion string) {
	p.unavailable.clear(place{name, subregion})
}

// Limit keeps out what the account's quotas have no room for, for two minutes. Refused is the type that Outscale just
// refused: where the numbers would have room for it, they are not the whole truth, and nothing is launched.
func (p *Provider) Limit(room Room, refused string) {
	if t, ok := p.find(refused); !ok || room.fits(t) {
		room = Room{}
	}
	p.unavailable.limit(room, p.now().Add(quotaFor))
}
