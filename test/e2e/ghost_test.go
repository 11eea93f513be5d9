//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestNodeClaimsDeletedAtBirthDoNotStopProvisioning deletes NodeClaims in the moment of their creation. Karpenter may
// then remember one that is gone, with no provider ID, and until 1.15 launched nothing more (karpenter#3176).
func TestNodeClaimsDeletedAtBirthDoNotStopProvisioning(t *testing.T) {
	const ghosts = 15
	w := start(t, sandbox.Options{})
	watching, err := client.NewWithWatch(w.ControlPlane.Admin, client.Options{})
	w.must(err)
	births, err := watching.Watch(t.Context(), &karpv1.NodeClaimList{})
	w.must(err)
	defer births.Stop()
	var deleted atomic.Int32
	go func() {
		for event := range births.ResultChan() {
			claim, ok := event.Object.(*karpv1.NodeClaim)
			if ok && event.Type == watch.Added && deleted.Load() < ghosts && w.Client.Delete(t.Context(), claim) == nil {
				deleted.Add(1)
			}
		}
	}()
	w.scale(5)
	w.await(fmt.Sprintf("%d NodeClaims deleted at birth", ghosts), func(context.Context) error {
		if n := deleted.Load(); n < ghosts {
			return fmt.Errorf("%d deleted", n)
		}
		return nil
	})
	// The VMs of NodeClaims that were deleted while they launched are left for the garbage collection of the provider.
	w.await("5 pods running", func(ctx context.Context) error {
		state, err := w.State(ctx)
		if err == nil && state.Running() != 5 {
			err = fmt.Errorf("%d of 5 pods run", state.Running())
		}
		return err
	})
	w.oneVMEach()
}
