package vm

import (
	"context"
	"encoding/base64"
	"fmt"
)

// Console returns the last 64 KiB of a VM's console as they are, secrets included.
func (p *Provider) Console(ctx context.Context, id string) (string, error) {
	encoded, err := p.api.ReadConsoleOutput(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading the console of VM %q: %w", id, err)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("decoding the console of VM %q: %w", id, err)
	}
	return string(text), nil
}
