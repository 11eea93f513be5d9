// Package pricing knows what a VM costs per hour, from the account's own catalogue.
package pricing

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

// hoursPerMonth is how Outscale turns a price per month into one per hour.
const hoursPerMonth = 365 * 24 / 12

// Provider holds the last catalogue that could be read. A failed reading keeps the one before.
type Provider struct {
	api *oapi.Client
	now func() time.Time

	mu       sync.RWMutex
	prices   prices
	loadedAt time.Time
	epoch    uint64
}

// prices in EUR (or the catalogue's currency) per hour, and per month for volumes.
type prices struct {
	core    map[core]float64
	ram     float64
	volume  map[string]float64 // per GiB and month, by volume type
	io1IOPS float64            // per IOPS and month
}

type core struct{ generation, performance int }

// NewProvider returns a provider without prices: Load reads them.
func NewProvider(api *oapi.Client, now func() time.Time) *Provider {
	return &Provider{api: api, now: now}
}

// Load reads the catalogue of the account, or the public one where the account's cannot be read or has no prices. After
// an error the prices are those of the last success.
func (p *Provider) Load(ctx context.Context) error {
	read, err := usable(p.api.ReadCatalog(ctx))
	if err != nil {
		var publicErr error
		if read, publicErr = usable(p.api.ReadPublicCatalog(ctx)); publicErr != nil {
			return fmt.Errorf("reading the price catalogue: %w", errors.Join(err, publicErr))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prices, p.loadedAt = read, p.now()
	p.epoch++
	return nil
}

func usable(entries []osc.CatalogEntry, err error) (prices, error) {
	read := parse(entries)
	if err == nil && (len(read.core) == 0 || read.ram == 0) {
		err = fmt.Errorf("none of the %d entries is the price of a vCore and of memory", len(entries))
	}
	return read, err
}

// LoadedAt is when the catalogue was read, the zero time before the first success.
func (p *Provider) LoadedAt() time.Time {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.loadedAt
}

// Epoch changes with every reading: what was computed from the prices of another epoch is stale.
func (p *Provider) Epoch() uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.epoch
}

// VM returns the price of a VM in EUR/h, and false when it is not known: the type's own, or that of a tina type in the
// catalogue.
func (p *Provider) VM(t vmtype.Type) (float64, bool) {
	if t.Price > 0 {
		return t.Price, true
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	price, ok := p.prices.core[core{t.Generation, t.Performance}]
	return float64(t.VCores)*price + float64(t.MemoryGiB)*p.prices.ram, ok && price > 0
}

// Volume returns the price of a volume in EUR/h, and false when the catalogue has no price for it.
func (p *Provider) Volume(volumeType string, sizeGiB, iops int) (float64, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	price, ok := p.prices.volume[volumeType]
	return (float64(sizeGiB)*price + float64(iops)*p.prices.io1IOPS) / hoursPerMonth, ok
}

var (
	customCore  = regexp.MustCompile(`^CustomCore:v(\d+)-p([1-3])$`)
	volumeUsage = regexp.MustCompile(`^BSU:VolumeUsage:(\w+)$`)
)

// parse reads the entries that make up the price of a node. Their keys are Service/Type/Operation.
func parse(entries []osc.CatalogEntry) prices {
	out := prices{core: map[core]float64{}, volume: map[string]float64{}}
	for _, entry := range entries {
		price := float64(entry.GetUnitPrice())
		kind, operation := entry.GetType(), entry.GetOperation()
		switch {
		case operation == "RunInstances-OD" && kind == "CustomRam":
			out.ram = price
		case operation == "RunInstances-OD" && customCore.MatchString(kind):
			match := customCore.FindStringSubmatch(kind)
			generation, _ := strconv.Atoi(match[1])
			performance, _ := strconv.Atoi(match[2])
			out.core[core{generation, performance}] = price
		case operation == "CreateVolume" && kind == "BSU:VolumeIOPS:io1":
			out.io1IOPS = price
		case operation == "CreateVolume" && volumeUsage.MatchString(kind):
			out.volume[volumeUsage.FindStringSubmatch(kind)[1]] = price
		}
	}
	return out
}
