// Package ledger states the decisions of the controller, each once: in its log, as an event and as a count.
package ledger

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"
)

// Ledger takes decisions down.
type Ledger struct {
	recorder events.Recorder
}

// New returns a ledger that makes its events with the recorder.
func New(recorder events.Recorder) *Ledger { return &Ledger{recorder: recorder} }

// Decision is one decision, and what it is about. What is empty is not written.
type Decision struct {
	Reason Reason
	// Object is what the event is about. A NodeClaim is also named in the log, with its NodePool.
	Object client.Object
	// NodeClaim and NodePool are their names where no object is left of them.
	NodeClaim, NodePool string
	// VM is an ID, Type and Subregion are those of the VM or of the launch.
	VM, Type, Subregion string
	// Err is for the log: it has the request ID, which an event must not have.
	Err error

	// Message is the constant text of the log. Without one, the decision is not logged: the error of the caller is.
	Message string
	// Alarm logs an error.
	Alarm bool
	// With are further keys and values of the log.
	With []any

	// Event is the text of a warning. Numbers in it may change.
	Event string
	// Expected makes the event no warning.
	Expected bool
	// Also gets the same event, if it is not nil.
	Also client.Object
	// About is what tells two events of one object and reason apart. All others are repetitions, and dropped.
	About []string
	// Fleetwide drops repetitions whatever the object.
	Fleetwide bool
}

// Record logs a decision, makes its event and counts it.
func (l *Ledger) Record(ctx context.Context, d Decision) {
	decisions.WithLabelValues(string(d.Reason)).Inc()
	switch {
	case d.Message == "":
	case d.Alarm:
		log.FromContext(ctx).Error(d.Err, d.Message, d.keys()...)
	default:
		log.FromContext(ctx).Info(d.Message, d.keys()...)
	}
	if d.Event == "" || d.Object == nil {
		return
	}
	kind := corev1.EventTypeWarning
	if d.Expected {
		kind = corev1.EventTypeNormal
	}
	for _, object := range []client.Object{d.Object, d.Also} {
		if object == nil {
			continue
		}
		dedupe := []string{string(d.Reason)}
		if !d.Fleetwide {
			dedupe = append(dedupe, string(object.GetUID()))
		}
		l.recorder.Publish(events.Event{
			InvolvedObject: object, Type: kind, Reason: string(d.Reason), Message: d.Event,
			DedupeValues: append(dedupe, d.About...),
		})
	}
}

// Warn makes an event of a decision whose error the caller returns.
func (l *Ledger) Warn(ctx context.Context, object client.Object, reason Reason, message string, about ...string) {
	l.Record(ctx, Decision{Reason: reason, Object: object, Event: message, About: about})
}

// keys are the keys of the log, in one order.
func (d Decision) keys() []any {
	var out []any
	if claim, ok := d.Object.(*karpv1.NodeClaim); ok {
		d.NodeClaim, d.NodePool = claim.Name, claim.Labels[karpv1.NodePoolLabelKey]
	}
	for _, ref := range []struct{ key, name string }{{"NodeClaim", d.NodeClaim}, {"NodePool", d.NodePool}} {
		if ref.name != "" {
			out = append(out, ref.key, klog.KRef("", ref.name))
		}
	}
	for _, field := range []struct{ key, value string }{{"vm-id", d.VM}, {"instance-type", d.Type}, {"subregion", d.Subregion}} {
		if field.value != "" {
			out = append(out, field.key, field.value)
		}
	}
	out = append(append(out, "reason", string(d.Reason)), d.With...)
	if d.Err != nil && !d.Alarm {
		out = append(out, "error", d.Err.Error())
	}
	return out
}
