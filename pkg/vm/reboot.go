package vm

import (
	"context"
	"fmt"
)

// Reboot restarts the guest of a running VM, which keeps its disks and addresses. Outscale has no idempotency key for it:
// the caller decides whether a call whose outcome is unknown is made again.
func (p *Provider) Reboot(ctx context.Context, id string) error {
	if err := p.api.RebootVms(ctx, []string{id}); err != nil {
		return fmt.Errorf("rebooting VM %q: %w", id, err)
	}
	return nil
}
