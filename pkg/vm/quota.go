package vm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// Room is what the account's quotas leave. A negative number means no limit.
type Room struct{ VMs, VCores, MemoryGiB int }

// Room reads what the account's quotas leave, and the same in words. After an error there is no room.
func (p *Provider) Room(ctx context.Context) (Room, string, error) {
	quotas, err := p.api.ReadQuotas(ctx, "vm_limit", "core_limit", "memory_limit")
	if err != nil {
		return Room{}, "which one is unknown", fmt.Errorf("reading quotas: %w", err)
	}
	room := Room{VMs: -1, VCores: -1, MemoryGiB: -1}
	var words []string
	for _, kind := range quotas {
		for _, quota := range kind.GetQuotas() {
			left := &room.VMs
			switch quota.GetName() {
			case "core_limit":
				left = &room.VCores
			case "memory_limit":
				left = &room.MemoryGiB
			case "vm_limit":
			default:
				continue
			}
			if quota.GetMaxValue() == 0 {
				continue // 0 is "unlimited" here
			}
			*left = max(0, int(quota.GetMaxValue()-quota.GetUsedValue()))
			words = append(words, used(quota))
		}
	}
	slices.Sort(words)
	return room, strings.Join(words, ", "), nil
}

func used(quota osc.Quota) string {
	return fmt.Sprintf("%s %d of %d", quota.GetName(), quota.GetUsedValue(), quota.GetMaxValue())
}
