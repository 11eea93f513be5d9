package vm

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

const (
	// batchWindow is how long a deletion waits for others to share its call.
	batchWindow = 100 * time.Millisecond
	// batchSize keeps one refused batch from costing too many calls.
	batchSize = 100
	// deleteTimeout bounds a shared call, which must not end with the context of any one of its callers. It is for one
	// call: a refused batch becomes many of them.
	deleteTimeout = 2 * time.Minute
)

// Delete deletes a VM. It returns nil while the VM is shutting down, without another call, and ErrNotFound once it is gone.
func (p *Provider) Delete(ctx context.Context, id string) error {
	v, err := p.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("deleting VM %q: %w", id, err)
	}
	if v.Leaving() {
		return nil
	}
	err = p.deletes.do(ctx, id)
	switch {
	case oapi.IsProtected(err):
		return fmt.Errorf("deleting VM %q: %w: %w", id, ErrProtected, err)
	case err != nil:
		return fmt.Errorf("deleting VM %q: %w", id, err)
	}
	return nil
}

// IsDeleting reports whether this process has told Outscale to delete a VM that is not gone yet.
func (p *Provider) IsDeleting(id string) bool { return p.fleet.isDeleting(id) }

// deleteNow deletes a batch and returns one result for each ID. A batch that is refused is split in halves: one VM that
// is unknown or protected must not keep the others alive, nor cost a call for each of them.
func (p *Provider) deleteNow(ids []string) map[string]error {
	results := make(map[string]error, len(ids))
	ctx, cancel := context.WithTimeout(context.Background(), deleteTimeout)
	_, err := p.api.DeleteVms(ctx, ids)
	cancel()
	refused := oapi.Code(err) != "" && !oapi.IsRetryable(err) && !oapi.IsUnauthorized(err)
	if refused && len(ids) > 1 {
		maps.Copy(results, p.deleteNow(ids[:len(ids)/2]))
		maps.Copy(results, p.deleteNow(ids[len(ids)/2:]))
		return results
	}
	if oapi.IsVMNotFound(err) {
		// One answer is no proof that a VM is gone, as everywhere: the next reads decide.
		return results
	}
	for _, id := range ids {
		results[id] = err
		if err == nil {
			p.fleet.deleted(id, p.now())
		}
	}
	return results
}

// batcher gathers IDs for a moment and hands them on together.
type batcher struct {
	run func([]string) map[string]error

	mu      sync.Mutex
	waiting map[string][]chan error
}

func newBatcher(run func([]string) map[string]error) *batcher {
	return &batcher{run: run, waiting: map[string][]chan error{}}
}

// do waits for the result of id's batch. When ctx ends first the batch goes on: the others in it still want it.
func (b *batcher) do(ctx context.Context, id string) error {
	result := make(chan error, 1)
	b.mu.Lock()
	if len(b.waiting) == 0 {
		time.AfterFunc(batchWindow, b.flush)
	}
	b.waiting[id] = append(b.waiting[id], result)
	b.mu.Unlock()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *batcher) flush() {
	b.mu.Lock()
	waiting := b.waiting
	b.waiting = map[string][]chan error{}
	b.mu.Unlock()
	ids := make([]string, 0, len(waiting))
	for id := range waiting {
		ids = append(ids, id)
	}
	for len(ids) > 0 {
		n := min(len(ids), batchSize)
		results := b.run(ids[:n])
		for _, id := range ids[:n] {
			for _, result := range waiting[id] {
				result <- results[id]
			}
		}
		ids = ids[n:]
	}
}
