package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
)

const (
	// every is the pace of the writes. Each sends the whole ring, so that one carries all ends of its time.
	every = 10 * time.Second
	// writeTimeout bounds one, the last one included, which a process makes when it ends.
	writeTimeout = 5 * time.Second

	reasonNotKept = "EndsNotKept"
)

// keeper writes the ring.
type keeper struct {
	clock clock.Clock
	ring  *ledger.Ring

	mu     sync.Mutex
	loaded bool
	// told is the last failure, which is logged once: it comes back with each write.
	told string
}

// load reads what earlier processes wrote, once. Without it an end would be counted twice. A ConfigMap that is missing, or
// that the controller may not read, is no reason to wait.
func (k *keeper) load(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loaded {
		return nil
	}
	err := k.ring.Load(ctx)
	_, unreadable := errors.AsType[*ledger.UnreadableError](err)
	switch {
	case err == nil:
	case unreadable, apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		k.tell(ctx, err)
	default:
		return err
	}
	k.loaded = true
	return nil
}

// Start writes from time to time until the process ends, and then what is left. It runs on the leader only.
func (k *keeper) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			k.flush(context.WithoutCancel(ctx))
			return nil
		case <-k.clock.After(every):
			k.flush(ctx)
		}
	}
}

func (k *keeper) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := k.ring.Flush(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.told = ""
		return
	}
	k.tell(ctx, err)
}

// tell logs a failure unless it is the one before. The lock is held.
func (k *keeper) tell(ctx context.Context, err error) {
	if k.told == err.Error() {
		return
	}
	k.told = err.Error()
	log.FromContext(ctx).Error(err, "ends of NodeClaims are not kept, events and metrics still have them: the chart makes the "+
		"ConfigMap and the right to it", "reason", reasonNotKept)
}
