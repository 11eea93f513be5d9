package interruption

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// pace is the time for one page of ReadVmsState: a fleet of any size costs one call a minute.
	pace = time.Minute
	// refusedPace is the pause after the first refusal of the call: a key that is being changed works again in minutes.
	// It doubles up to forbiddenPace, which is for a policy that lacks the call: each refusal counts towards the lock of
	// the account.
	refusedPace   = 5 * time.Minute
	forbiddenPace = time.Hour
	// doubt is how old the last read may be for a node to be replaced by it: a maintenance can be cancelled.
	doubt = 5 * time.Minute
	// lead is how long before a maintenance its nodes are replaced: time for ten turns of a tenth of the fleet, with 20
	// minutes of drain each. Much earlier would move pods for maintenance that is cancelled.
	lead = 4 * time.Hour
)

// plan is one maintenance that Outscale announces for a VM.
type plan struct {
	code, description string
	from, to          time.Time
	// confirmed is whether an earlier read had it as well.
	confirmed bool
}

// endsVM reports whether the guest does not survive the maintenance. The API knows system-reboot and system-maintenance
// (API, MaintenanceEvent); the other words are those that EC2 uses, of which Outscale's API is a relative.
func (p plan) endsVM() bool {
	for _, word := range []string{"reboot", "stop", "retire"} {
		if strings.Contains(p.code, word) {
			return true
		}
	}
	return false
}

func (p plan) isSame(other plan) bool { return p.code == other.code && p.from.Equal(other.from) }

// text is the window for people.
func (p plan) window() string {
	if p.from.IsZero() {
		return "at a time that Outscale does not say"
	}
	text := "from " + p.from.UTC().Format(time.RFC3339)
	if !p.to.IsZero() {
		text += " to " + p.to.UTC().Format(time.RFC3339)
	}
	return text
}

// calendar is what Outscale announced, by VM ID.
type calendar struct {
	api            *oapi.Client
	readAt, nextAt time.Time
	refusals       int // in a row
	plans          map[string][]plan
}

// read reads the announcements anew when it is time. ReadVms does not have them, so that this is the one call of this
// controller. Its filter by code is not used: it would hide a code that is new.
func (c *calendar) read(ctx context.Context, now time.Time) error {
	if now.Before(c.nextAt) {
		return nil
	}
	plans := map[string][]plan{}
	request := osc.ReadVmsStateRequest{ResultsPerPage: new(int32(1000))}
	for pages := 1; ; pages++ {
		c.nextAt = now.Add(time.Duration(pages) * pace)
		response, err := c.api.ReadVmsState(ctx, request)
		switch {
		case oapi.IsUnauthorized(err) && oapi.IsNotSent(err):
			c.refusals = 0 // other calls are refused too: it is the key, and not this call
			return fmt.Errorf("reading planned maintenance: %w", err)
		case oapi.IsUnauthorized(err):
			again := min(refusedPace<<min(c.refusals, 8), forbiddenPace)
			c.refusals, c.nextAt = c.refusals+1, now.Add(again)
			return fmt.Errorf("reading planned maintenance: if only this call is refused, add api:ReadVmsState to the EIM "+
				"policy of the controller (policies/controller.json), next try in %s: %w", again, err)
		case err != nil:
			return fmt.Errorf("reading planned maintenance: %w", err)
		}
		for _, state := range response.GetVmStates() {
			for _, event := range state.GetMaintenanceEvents() {
				plans[state.GetVmId()] = append(plans[state.GetVmId()], c.planOf(state.GetVmId(), event))
			}
		}
		if response.GetNextPageToken() == "" {
			c.plans, c.readAt, c.refusals = plans, now, 0
			return nil
		}
		request.NextPageToken = response.NextPageToken
	}
}

func (c *calendar) planOf(id string, event osc.MaintenanceEvent) plan {
	out := plan{code: event.GetCode(), description: event.GetDescription()}
	// A time that cannot be read stays zero: such a maintenance is told, and no node is replaced for it.
	var errFrom, errTo error
	out.from, errFrom = time.Parse(time.RFC3339Nano, event.GetNotBefore())
	out.to, errTo = time.Parse(time.RFC3339Nano, event.GetNotAfter())
	if errors.Join(errFrom, errTo) != nil {
		out.from = time.Time{}
	}
	for _, known := range c.plans[id] {
		out.confirmed = out.confirmed || known.isSame(out)
	}
	return out
}

// due returns the maintenance that a node should be replaced for now.
func (c *Controller) due(s subject) (plan, bool) {
	now := c.clock.Now()
	if now.Sub(c.calendar.readAt) > doubt {
		return plan{}, false
	}
	for _, p := range c.calendar.plans[s.vm.ID] {
		begins := p.from.Add(-lead)
		// A VM that was launched after that is where Outscale put it, knowing of the maintenance: its replacement would be
		// there as well, and be replaced again.
		old := s.vm.CreatedAt.Before(begins)
		if p.endsVM() && p.confirmed && !p.from.IsZero() && old && !now.Before(begins) && now.Before(p.from) {
			return p, true
		}
	}
	return plan{}, false
}

func (c *Controller) isDue(s subject) bool {
	_, due := c.due(s)
	return due && s.vm.State == vm.StateRunning
}

// maintained says what is planned for a VM that runs.
func (c *Controller) maintained(ctx context.Context, s subject, sweep *sweep) {
	for _, p := range c.calendar.plans[s.vm.ID] {
		if c.tell(ctx, s, "MaintenancePlanned", fmt.Sprintf("Outscale plans a maintenance of VM %s %s: %s %s",
			s.vm.ID, p.window(), p.code, p.description), s.vm.ID, p.code, p.window()) && !p.confirmed {
			interruptions.WithLabelValues("maintenance").Inc()
		}
	}
	p, due := c.due(s)
	if !due || c.clock.Since(s.vm.CreatedAt) < minAge {
		return
	}
	switch {
	case !c.isProven(s):
		c.tell(ctx, s, "InterruptedNodeKept", fmt.Sprintf("VM %s is left to its maintenance: it carries neither the tags nor "+
			"the client token of this NodeClaim", s.vm.ID), s.vm.ID, p.window())
	// A pod's do-not-disrupt needs no look here: core's drain waits for such a pod.
	case hasAnnotation(s, karpv1.DoNotDisruptAnnotationKey, karpv1.DoNotRepairAnnotationKey):
		c.tell(ctx, s, "InterruptedNodeKept", fmt.Sprintf("the maintenance of VM %s will end its pods %s: %s or %s is set, so "+
			"that nothing moves them before. Remove it, or drain the node", s.vm.ID, p.window(),
			karpv1.DoNotDisruptAnnotationKey, karpv1.DoNotRepairAnnotationKey), s.vm.ID, p.window())
	default:
		sweep.wanted = append(sweep.wanted, casualty{
			subject: s, cause: cause{label: "maintenance"}, state: vm.StateRunning, since: p.from,
			why: fmt.Sprintf("VM %s has a maintenance %s (%s)", s.vm.ID, p.window(), p.code),
		})
	}
}
