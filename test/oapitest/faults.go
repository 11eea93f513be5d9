package oapitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// FaultKind names what goes wrong.
type FaultKind string

// The kinds of faults.
const (
	// FaultThrottle refuses the call as throttled: Code 6, 24 or 25 (default).
	FaultThrottle FaultKind = "throttle"
	// FaultError refuses the call with Code and Status.
	FaultError FaultKind = "error"
	// FaultErrorBefore answers 500 and does nothing.
	FaultErrorBefore FaultKind = "error-before-effect"
	// FaultErrorAfter does what was asked and answers 500.
	FaultErrorAfter FaultKind = "error-after-effect"
	// FaultLostReply does what was asked and cuts the connection.
	FaultLostReply FaultKind = "lost-reply"
	// FaultSlowReply does what was asked and answers Delay later.
	FaultSlowReply FaultKind = "slow-reply"
	// FaultDelay makes the call take Delay longer.
	FaultDelay FaultKind = "delay"
	// FaultStaleTags hides changes of tags from reads for Delay.
	FaultStaleTags FaultKind = "stale-tags"
	// FaultStaleVMs hides new VMs from reads for Delay.
	FaultStaleVMs FaultKind = "stale-vms"
	// FaultPartialPages gives at most PageSize items a page, whatever was asked.
	FaultPartialPages FaultKind = "partial-pages"
	// FaultHostFailure makes a VM stop by itself once it ran for Delay.
	FaultHostFailure FaultKind = "host-failure"
	// FaultBootFailure makes a VM terminate instead of running.
	FaultBootFailure FaultKind = "boot-failure"
	// FaultSlowDelete makes the deletion of a running VM take Delay.
	FaultSlowDelete FaultKind = "slow-delete"
	// FaultTagsStripped loses the tags of a CreateVms section or of a CreateTags call.
	FaultTagsStripped FaultKind = "tags-stripped"
)

// Fault is one thing that goes wrong, as data.
type Fault struct {
	// Call is the name of the call, or * for all.
	Call string `json:"call"`
	// Kind says what goes wrong.
	Kind FaultKind `json:"kind"`
	// Nth limits the fault to the n-th matching call, from 1.
	Nth int `json:"nth,omitempty"`
	// Times limits how often it strikes.
	Times int `json:"times,omitempty"`
	// Probability makes it strike at random.
	Probability float64 `json:"probability,omitempty"`
	// For limits how long it lasts.
	For time.Duration `json:"-"`
	// Code, Status, ErrorType and Details word the error.
	Code      string `json:"code,omitempty"`
	Status    int    `json:"status,omitempty"`
	ErrorType string `json:"type,omitempty"`
	Details   string `json:"details,omitempty"`
	// RetryAfter is sent as a header with a throttle or an error.
	RetryAfter time.Duration `json:"-"`
	// Delay is the duration that the kind speaks of.
	Delay time.Duration `json:"-"`
	// PageSize is the page limit of partial-pages.
	PageSize int `json:"page_size,omitempty"`
}

// wireFault writes durations as text.
type wireFault struct {
	plainFault
	For        string `json:"for,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`
	Delay      string `json:"delay,omitempty"`
}

type plainFault Fault

// MarshalJSON writes durations as text, for example "1m30s".
func (f Fault) MarshalJSON() ([]byte, error) {
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	return json.Marshal(wireFault{plainFault: plainFault(f), For: text(f.For), RetryAfter: text(f.RetryAfter), Delay: text(f.Delay)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var w wireFault
	if err := strict(data, &w); err != nil {
		return fmt.Errorf("reading a fault: %w", err)
	}
	*f = Fault(w.plainFault)
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"for", w.For, &f.For}, {"retry_after", w.RetryAfter, &f.RetryAfter}, {"delay", w.Delay, &f.Delay}} {
		if d.text == "" {
			continue
		}
		parsed, err := time.ParseDuration(d.text)
		if err != nil {
			return fmt.Errorf("reading %q of a fault: %w", d.name, err)
		}
		*d.to = parsed
	}
	return nil
}

func (f Fault) validate(known map[string]action) error {
	if _, ok := known[f.Call]; !ok && f.Call != "*" {
		return fmt.Errorf("fault: unknown call %q", f.Call)
	}
	if f.Nth < 0 || f.Times < 0 || f.Delay < 0 || f.For < 0 || f.Probability < 0 || f.Probability > 1 {
		return fmt.Errorf("fault %q: negative number or probability above 1", f.Kind)
	}
	return f.validateKind()
}

func (f Fault) validateKind() error {
	switch f.Kind {
	case FaultErrorBefore, FaultErrorAfter, FaultLostReply, FaultBootFailure, FaultTagsStripped:
	case FaultThrottle:
		if f.Code != "" && !slices.Contains([]string{"6", "24", "25"}, f.Code) {
			return fmt.Errorf("fault %q: code %q is not 6, 24 or 25", f.Kind, f.Code)
		}
	case FaultError:
		if f.Code == "" {
			return fmt.Errorf("fault %q: needs a code", f.Kind)
		}
		if f.Status != 0 && (f.Status < http.StatusBadRequest || f.Status > 599) {
			return fmt.Errorf("fault %q: status %d is no error", f.Kind, f.Status)
		}
	case FaultDelay, FaultSlowReply, FaultStaleTags, FaultStaleVMs, FaultHostFailure, FaultSlowDelete:
		if f.Delay == 0 {
			return fmt.Errorf("fault %q: needs a delay", f.Kind)
		}
	case FaultPartialPages:
		if f.PageSize < 1 {
			return fmt.Errorf("fault %q: needs a page_size", f.Kind)
		}
	default:
		return fmt.Errorf("fault: unknown kind %q", f.Kind)
	}
	return nil
}

// AddFault makes a fault strike from now on.
func (r *Region) AddFault(f Fault) error {
	r.lock()
	defer r.unlock()
	if err := f.validate(r.actions); err != nil {
		return err
	}
	r.faults = append(r.faults, &activeFault{Fault: f, added: r.Clock.Now()})
	return nil
}

// ClearFaults ends all faults.
func (r *Region) ClearFaults() {
	r.lock()
	defer r.unlock()
	r.faults = nil
}

// Faults returns the faults that may still strike.
func (r *Region) Faults() []Fault {
	r.lock()
	defer r.unlock()
	out := make([]Fault, 0, len(r.faults))
	for _, f := range r.faults {
		out = append(out, f.Fault)
	}
	return out
}

// Struck counts how often faults of each kind struck since the start, those included that are over.
func (r *Region) Struck() map[FaultKind]int {
	r.lock()
	defer r.unlock()
	return maps.Clone(r.struck)
}
