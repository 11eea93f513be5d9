package gather

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	// consolesAtMost and consolesAtOnce keep doctor from using up the account's calls when a whole fleet is stuck.
	consolesAtMost = 20
	consolesAtOnce = 8
)

// readConsoles reads the consoles of the first VMs, and masks their secrets at once. Each has an age of its own; that of
// the source is the oldest.
func (g *gathering) readConsoles(ctx context.Context, ids []string) {
	if !g.reads(snapshot.SourceConsoles) {
		g.note(snapshot.SourceConsoles, 0, errNotNeeded)
		return
	}
	ids = ids[:min(len(ids), consolesAtMost)]
	maps.DeleteFunc(g.kept.consoles, func(id string, _ *answer[string]) bool { return !slices.Contains(ids, id) })
	now := g.Now().UTC()
	var due []string
	for _, id := range ids {
		if had := g.kept.consoles[id]; had == nil || !had.serves(snapshot.SourceConsoles, now) {
			g.kept.consoles[id] = &answer[string]{at: now}
			due = append(due, id)
		}
	}
	var noCloud error
	switch {
	case g.Cloud == nil:
		noCloud = g.NoCloud
	case len(due) > 0:
		g.readEach(ctx, due)
	}
	oldest, failures := now, []error{noCloud}
	for id, had := range g.kept.consoles {
		failures = append(failures, had.err)
		if had.at.Before(oldest) {
			oldest = had.at
		}
		if had.err == nil && noCloud == nil {
			g.s.Consoles[id] = had.value
		}
	}
	g.noteAt(snapshot.SourceConsoles, len(g.s.Consoles), errors.Join(failures...), oldest)
}

// readEach reads the consoles that are due, several at once. Each call writes to an answer of its own.
func (g *gathering) readEach(ctx context.Context, ids []string) {
	_, _ = g.try(ctx, snapshot.SourceConsoles, func(ctx context.Context) (int, error) {
		var group errgroup.Group
		group.SetLimit(consolesAtOnce)
		for _, id := range ids {
			into := g.kept.consoles[id]
			group.Go(func() error {
				text, err := Console(ctx, g.Cloud, id)
				into.value, into.err = bootlog.Clean(text), err
				return nil
			})
		}
		return 0, group.Wait()
	}) // errors are in the answers
}

// Console returns the last 64 KiB of a VM's console as they are, secrets included.
func Console(ctx context.Context, api *oapi.Client, id string) (string, error) {
	encoded, err := api.ReadConsoleOutput(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading the console of VM %q: %w", id, err)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("decoding the console of VM %q: %w", id, err)
	}
	return string(text), nil
}
