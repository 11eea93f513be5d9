package bench

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// observed is when each NodeClaim was created and got each condition, by the clock of the watcher: conditions
// themselves carry whole seconds.
type observed struct {
	cancel context.CancelFunc
	done   chan struct{}
	// err is how the watch ended, once done is closed.
	err error

	mu      sync.Mutex
	created map[types.UID]time.Time
	reached map[string]map[types.UID]time.Time
}

// watchClaims looks on until stop. An informer takes up a watch again that the API server ended.
func watchClaims(ctx context.Context, config *rest.Config) (*observed, error) {
	informers, err := cache.New(config, cache.Options{})
	if err != nil {
		return nil, err
	}
	informer, err := informers.GetInformer(ctx, &karpv1.NodeClaim{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	o := &observed{done: make(chan struct{}), created: map[types.UID]time.Time{}, reached: map[string]map[types.UID]time.Time{}}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    o.see,
		UpdateFunc: func(_, object any) { o.see(object) },
	})
	if err != nil {
		return nil, err
	}
	ctx, o.cancel = context.WithCancel(ctx)
	go func() {
		defer close(o.done)
		o.err = informers.Start(ctx)
	}()
	if !informers.WaitForCacheSync(ctx) {
		o.cancel()
		return nil, errors.New("watching NodeClaims: the cache does not come")
	}
	return o, nil
}

func (o *observed) see(object any) {
	claim, ok := object.(*karpv1.NodeClaim)
	if !ok {
		return
	}
	claim = claim.DeepCopy() // asking for its conditions adds those that are missing
	now := time.Now()
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

func (o *observed) stop() error {
	o.cancel()
	<-o.done
	return o.err
}
