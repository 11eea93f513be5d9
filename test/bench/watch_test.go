package bench

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// observed is when each NodeClaim was created and got each condition, by the clock of the watcher: conditions
// themselves carry whole seconds.
type observed struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	created map[types.UID]time.Time
	reached map[string]map[types.UID]time.Time
}

// watchClaims looks on until stop.
func watchClaims(ctx context.Context, config *rest.Config) (*observed, error) {
	watching, err := client.NewWithWatch(config, client.Options{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	events, err := watching.Watch(ctx, &karpv1.NodeClaimList{})
	if err != nil {
		cancel()
		return nil, err
	}
	o := &observed{
		cancel: cancel, done: make(chan struct{}),
		created: map[types.UID]time.Time{}, reached: map[string]map[types.UID]time.Time{},
	}
	go func() {
		defer close(o.done)
		defer events.Stop()
		for event := range events.ResultChan() {
			if claim, ok := event.Object.(*karpv1.NodeClaim); ok {
				o.see(claim, time.Now())
			}
		}
	}()
	return o, nil
}

func (o *observed) see(claim *karpv1.NodeClaim, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.created[claim.UID].IsZero() {
		o.created[claim.UID] = now
	}
	for _, kind := range stages() {
		if !claim.StatusConditions().Get(kind).IsTrue() {
			continue
		}
		if o.reached[kind] == nil {
			o.reached[kind] = map[types.UID]time.Time{}
		}
		if o.reached[kind][claim.UID].IsZero() {
			o.reached[kind][claim.UID] = now
		}
	}
}

func stages() []string {
	return []string{karpv1.ConditionTypeLaunched, karpv1.ConditionTypeRegistered, karpv1.ConditionTypeInitialized}
}

// durations are the times from creation to each condition.
func (o *observed) durations() map[string][]time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := map[string][]time.Duration{}
	for kind, at := range o.reached {
		for uid, when := range at {
			out[kind] = append(out[kind], when.Sub(o.created[uid]))
		}
	}
	return out
}

func (o *observed) stop() {
	o.cancel()
	<-o.done
}
