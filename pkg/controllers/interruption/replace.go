package interruption

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// massPatience is how long a fleet of which much is stopped is left alone. Outscale has rebooted whole fleets (facts of
// Outscale, section 6): most of it comes back.
const massPatience = 15 * time.Minute

// sweep collects what one look wants to replace.
type sweep struct {
	// limit is how many NodeClaims may be on their way out at once, and underWay how many are, by the state of their VM: a
	// tenth of the fleet, as for the garbage collection. What looks like many failures at once may be one error of ours, or
	// of Outscale. A drain before a maintenance, which can take hours, keeps no stopped VM waiting.
	limit    int
	underWay map[string]int
	// many is how many stopped VMs are no single failures: a platform event, or a person who stops the fleet for the night.
	many   int
	wanted []casualty
}

// casualty is a NodeClaim that must be replaced, and the state that its VM is in for that.
type casualty struct {
	subject

	cause cause
	state string
	why   string
	// since is when the VM stopped or will: those who have waited longest go first, and stopped ones before all others.
	since time.Time
}

// replaceSome deletes as many of the NodeClaims as the limit lets. Core drains and deletes them as it always does, and
// makes new ones for the pods.
func (c *Controller) replaceSome(ctx context.Context, sweep *sweep) error {
	slices.SortStableFunc(sweep.wanted, func(a, b casualty) int { return a.since.Compare(b.since) })
	mass := c.isMass(sweep)
	var failed []error
	for _, lost := range sweep.wanted {
		switch {
		case mass && lost.state == vm.StateStopped:
			c.tell(ctx, lost.subject, "InterruptedNodeWaits", fmt.Sprintf("%s. So have many others: none is replaced for %s, in "+
				"case they come back", lost.why, massPatience), lost.vm.ID, "mass")
		case sweep.underWay[lost.state] >= sweep.limit:
			c.tell(ctx, lost.subject, "InterruptedNodeWaits", fmt.Sprintf("%s. The NodeClaim is replaced once fewer others are: "+
				"at most %d at a time", lost.why, sweep.limit), lost.vm.ID)
		default:
			replaced, err := c.replace(ctx, lost)
			if replaced {
				sweep.underWay[lost.state]++
				c.replaced[lost.claim.UID] = lost.state
			}
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// isMass reports whether much of the fleet is stopped, and has been for less than massPatience.
func (c *Controller) isMass(sweep *sweep) bool {
	stopped := 0
	for _, lost := range sweep.wanted {
		if lost.state == vm.StateStopped {
			stopped++
		}
	}
	if stopped <= sweep.many {
		c.massSince = time.Time{}
		return false
	}
	if c.massSince.IsZero() {
		c.massSince = c.clock.Now()
	}
	return c.clock.Since(c.massSince) < massPatience
}

// replace deletes one NodeClaim, if a read of now agrees: the snapshot may be a minute old.
func (c *Controller) replace(ctx context.Context, lost casualty) (bool, error) {
	v, err := c.vms.Get(ctx, lost.vm.ID)
	switch {
	case errors.Is(err, vm.ErrNotFound):
		return false, nil // the next sweep says so
	case err != nil:
		return false, fmt.Errorf("looking at an interrupted VM again: %w", err)
	case v.State != lost.state:
		return false, nil
	}
	// A NodeClaim of the same name that was made meanwhile is another one.
	err = c.kube.Delete(ctx, lost.claim, client.Preconditions{UID: &lost.claim.UID})
	if errors.Is(err, oapi.ErrDryRun) {
		return false, nil // the event is made where it was kept back
	}
	if err != nil {
		return false, client.IgnoreNotFound(fmt.Errorf("deleting NodeClaim %q, whose VM is interrupted: %w",
			lost.claim.Name, err))
	}
	replacements.WithLabelValues(string(lost.cause.label)).Inc()
	c.tell(ctx, lost.subject, "InterruptedNodeReplaced", lost.why+". The NodeClaim is replaced", lost.vm.ID)
	decided := ledger.Decided{Cause: ledger.CauseMaintenance, Why: lost.why}
	if lost.state == vm.StateStopped {
		decided.Cause = ledger.CauseOfStop(lost.cause.label)
	}
	return true, ledger.Explain(ctx, c.kube, lost.claim, decided)
}

// tell puts an event on the NodeClaim and its Node, and logs it, once an hour for each key. It reports whether it did.
func (c *Controller) tell(ctx context.Context, s subject, reason, message string, key ...string) bool {
	now := c.clock.Now()
	maps.DeleteFunc(c.told, func(_ string, at time.Time) bool { return now.Sub(at) >= time.Hour })
	told := strings.Join(append([]string{string(s.claim.UID), reason}, key...), " ")
	if _, known := c.told[told]; known {
		return false
	}
	c.told[told] = now
	event := events.Event{InvolvedObject: s.claim, Type: corev1.EventTypeWarning, Reason: reason, Message: message}
	c.recorder.Publish(event)
	if s.node != nil {
		event.InvolvedObject = s.node
		c.recorder.Publish(event)
	}
	log.FromContext(ctx).Info("VM is interrupted", "NodeClaim", klog.KObj(s.claim),
		"NodePool", klog.KRef("", s.claim.Labels[karpv1.NodePoolLabelKey]), "vm-id", s.vm.ID, "message", message, "reason", reason)
	return true
}
