package pricing

import (
	"encoding/json"
	"fmt"
	"time"
)

// kept is what outlives the process. Cores are named as in the catalogue: v6-p2.
type kept struct {
	ReadAt time.Time          `json:"readAt"`
	Core   map[string]float64 `json:"core"`
	RAM    float64            `json:"ram"`
	Volume map[string]float64 `json:"volume"`
	IO1    float64            `json:"io1Iops"`
}

const coreName = "v%d-p%d"

// Marshal returns the prices and when they were read, for Restore in another process.
func (p *Provider) Marshal() ([]byte, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := kept{ReadAt: p.loadedAt, Core: map[string]float64{}, RAM: p.prices.ram, Volume: p.prices.volume, IO1: p.prices.io1IOPS}
	for c, price := range p.prices.core {
		out.Core[fmt.Sprintf(coreName, c.generation, c.performance)] = price
	}
	return json.Marshal(out)
}

// Restore takes the prices of an earlier process, with their age, unless this one has read some.
func (p *Provider) Restore(data []byte) error {
	var in kept
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("reading kept prices: %w", err)
	}
	out := prices{core: map[core]float64{}, ram: in.RAM, volume: in.Volume, io1IOPS: in.IO1}
	for name, price := range in.Core {
		var c core
		if _, err := fmt.Sscanf(name, coreName, &c.generation, &c.performance); err != nil {
			return fmt.Errorf("reading kept prices: core %q: %w", name, err)
		}
		out.core[c] = price
	}
	if len(out.core) == 0 || out.ram == 0 || in.ReadAt.IsZero() {
		return fmt.Errorf("reading kept prices: %d prices of vCores, %v for memory, read at %s: not what was kept", len(out.core), out.ram, in.ReadAt)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loadedAt.IsZero() {
		p.prices, p.loadedAt = out, in.ReadAt
		p.epoch++
	}
	return nil
}
