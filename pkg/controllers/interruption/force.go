package interruption

import (
	"context"
	"fmt"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// linger is how long a VM may shut down before the power is taken from it. Karpenter has drained its node by then:
	// what is left are DaemonSets. Talos gives the kubelet 30 s for them and then stops containers for 3 minutes; only a
	// kubelet that hangs keeps its inhibit lock longer, up to 20 minutes (facts of Talos, "Shutdown").
	linger = 10 * time.Minute
	// forceAgain is the pause before a forced stop that failed is tried again. It doubles up to maxForceAgain.
	forceAgain    = time.Minute
	maxForceAgain = 30 * time.Minute
)

// force is what was tried to end a VM.
type force struct {
	over     bool // the call was taken, or refused for good
	failures int
	next     time.Time
}

// hurry takes the power from a VM that does not end though it was deleted: it is billed until it does, and the NodeClaim
// waits for it.
func (c *Controller) hurry(ctx context.Context, s subject) {
	if s.vm.State != vm.StateShuttingDown {
		delete(c.leaving, s.vm.ID)
		return
	}
	since, known := c.leaving[s.vm.ID]
	if !known {
		c.leaving[s.vm.ID] = c.clock.Now()
		return
	}
	tried := c.forced[s.vm.ID]
	if tried.over || c.clock.Now().Before(tried.next) || c.clock.Since(since) < linger || !c.isProven(s) {
		return
	}
	err := c.vms.ForceStop(ctx, s.vm.ID)
	c.forced[s.vm.ID] = tried.after(err, c.clock.Now())
	c.tellForced(ctx, s, c.clock.Since(since).Round(time.Second), err)
}

// after is what is known once a forced stop was tried. What may work later is tried again: a throttle, a fault of the
// platform, a lost answer, and a refusal, which passes with the key or once somebody adds the call to the policy. A
// refusal for the VM's state or by an unknown code stays what it is.
func (f force) after(err error, now time.Time) force {
	switch {
	case err == nil:
		return force{over: true}
	case oapi.IsNotSent(err):
		return f // nothing was tried
	case !oapi.IsRetryable(err) && !oapi.IsUnauthorized(err):
		return force{over: true}
	}
	f.next = now.Add(min(forceAgain<<min(f.failures, 8), maxForceAgain))
	f.failures++
	return f
}

// tellForced says how a forced stop ended: each way once an hour, so that a success is told after a failure.
func (c *Controller) tellForced(ctx context.Context, s subject, lasted time.Duration, err error) {
	message, outcome := fmt.Sprintf("VM %s has been shutting down for %s", s.vm.ID, lasted), "failed"
	switch {
	case err == nil:
		forcedStops.Inc()
		outcome = "stopped"
		message += ": it is stopped by force"
	case oapi.IsNotSent(err):
		outcome = "kept back"
		message += fmt.Sprintf(", and is not stopped by force yet: %s", oapi.Summary(err))
	case oapi.IsUnauthorized(err):
		message += ", and the access key may not call StopVms: add api:StopVms to the EIM policy of the controller " +
			"(policies/controller.json). It is tried again"
	case oapi.IsRetryable(err):
		message += fmt.Sprintf(", and could not be stopped by force (%s): it is tried again", oapi.Summary(err))
	default:
		// Whether Outscale takes the call in this state has not been seen on a real account.
		message += fmt.Sprintf(", and cannot be stopped by force (%s): look at its console, or stop it in Cockpit", oapi.Summary(err))
	}
	c.tell(ctx, s, "VMForceStopped", message, s.vm.ID, outcome)
}
