package vm

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// unsureFor is how long a launch without a clear answer makes the next attempt look for its VM first.
const unsureFor = 15 * time.Minute

// Adopt returns the VM that an earlier attempt launched for the owner: by a process that was killed, or by a call whose
// answer was lost. Born is when the NodeClaim was made. ErrNotFound means that no such VM exists: it is safe to launch.
//
// Tags find the VM, except where they were lost. So a NodeClaim that is older than the first Adopt of this process, or
// whose last launch ended without a clear answer, is looked for among all VMs of the account.
func (p *Provider) Adopt(ctx context.Context, owner Owner, born time.Time) (VM, error) {
	if p.attempts.mayHide(owner.NodeClaimUID, born, p.now()) {
		if err := p.widen(ctx); err != nil {
			return VM{}, err
		}
	}
	if err := p.refresh(ctx, maxAge); err != nil {
		return VM{}, err
	}
	if found, ok := p.fleet.find(p.cluster, owner.NodeClaimUID); ok {
		return found, nil
	}
	return VM{}, fmt.Errorf("VM of NodeClaim %q: %w", owner.NodeClaim, ErrNotFound)
}

// widen reads all VMs that the account has, and takes in those that this cluster launched and that no tag shows: their
// client tokens do. It costs one call for each 1,000 VMs of the account, shared by all callers of 5 s.
func (p *Provider) widen(ctx context.Context) error {
	return p.alone(ctx, maxAge, p.fleet.widened, func() error {
		all, started, err := p.read(ctx, osc.FiltersVm{VmStateNames: aliveStates()})
		if err != nil {
			return fmt.Errorf("looking for VMs without tags: %w", err)
		}
		p.fleet.takeIn(p.cluster, all, started)
		return nil
	})
}

// attempts is what this process knows of its own launches. All else may be the work of an earlier process.
type attempts struct {
	mu sync.Mutex
	// since is when this process first asked for a VM to adopt.
	since time.Time
	// unsure has, by the UID of the NodeClaim, when a launch ended without a clear answer.
	unsure map[string]time.Time
}

// mayHide reports whether a VM of the NodeClaim may exist that no tag shows.
func (a *attempts) mayHide(uid string, born, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		a.since = now
	}
	at, unsure := a.unsure[uid]
	return unsure && now.Sub(at) < unsureFor || born.Before(a.since)
}

// unclear notes a launch that ended without a clear answer. NodeClaims that are gone are never asked for again: their
// entries go with time.
func (a *attempts) unclear(uid string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.unsure, func(_ string, at time.Time) bool { return now.Sub(at) >= unsureFor })
	if a.unsure == nil {
		a.unsure = map[string]time.Time{}
	}
	a.unsure[uid] = now
}

// launched forgets the doubt: this VM is the one. A refusal of another type does not, since it says nothing of the launch
// before it.
func (a *attempts) launched(uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.unsure, uid)
}

// isUnclear reports whether a call that failed may have made its VM all the same. A code is an answer, except where it
// asks to try again or is about the credentials. What the caller itself kept back made nothing.
func isUnclear(ctx context.Context, err error) bool {
	switch {
	case oapi.IsUnauthorized(err):
		return true
	case oapi.IsNotSent(err) && ctx.Err() == nil:
		return false
	case oapi.IsCapacity(err), oapi.IsQuota(err), oapi.IsConflict(err):
		return false
	default:
		return oapi.Code(err) == "" || oapi.IsRetryable(err)
	}
}
