package vm

import (
	"context"
	"fmt"
)

// ForceStop takes the power from a VM without asking its guest. What the guest has not written is lost: it is for a guest
// that does not end by itself.
func (p *Provider) ForceStop(ctx context.Context, id string) error {
	if err := p.api.StopVms(ctx, []string{id}); err != nil {
		return fmt.Errorf("stopping VM %q by force: %w", id, err)
	}
	return nil
}
