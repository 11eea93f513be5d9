package diagnose

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

// World is a Snapshot with what all checks look up in it.
type World struct {
	*fleet.Snapshot
	machines []fleet.Machine
	classes  map[string]*v1alpha1.OutscaleNodeClass
	events   map[string][]corev1.Event
	boots    map[string]bootlog.Report
	// machineOf finds the machine of a thing by kind and name.
	machineOf map[string]fleet.Machine
	// wanted are the tags of machines that were asked for: making them hashes a NodeClass, and several checks compare them.
	wanted map[string]map[string]string
	hashes map[string]string // of the NodeClasses, by name
}

func newWorld(s *fleet.Snapshot) *World {
	w := &World{
		Snapshot: s, machines: s.Machines(), classes: map[string]*v1alpha1.OutscaleNodeClass{},
		events: map[string][]corev1.Event{}, boots: map[string]bootlog.Report{}, machineOf: map[string]fleet.Machine{},
		wanted: map[string]map[string]string{}, hashes: map[string]string{},
	}
	for i := range s.NodeClasses {
		w.classes[s.NodeClasses[i].Name] = &s.NodeClasses[i]
		w.hashes[s.NodeClasses[i].Name] = s.NodeClasses[i].VersionedHash()
	}
	for _, m := range w.machines {
		if m.Claim != nil {
			w.machineOf["NodeClaim/"+m.Claim.Name] = m
		}
		if m.Node != nil {
			w.machineOf["Node/"+m.Node.Name] = m
		}
		if m.VM != nil {
			w.machineOf["VM/"+m.VM.ID] = m
		}
	}
	for _, event := range s.Events {
		// Kubelets write the name of the Node where its UID belongs: kind and name are all that can be relied on.
		key := event.InvolvedObject.Kind + "/" + event.InvolvedObject.Name
		w.events[key] = append(w.events[key], event)
	}
	for _, events := range w.events {
		slices.SortFunc(events, func(a, b corev1.Event) int {
			return cmp.Or(fleet.Seen(a).Compare(fleet.Seen(b)), cmp.Compare(a.Name, b.Name))
		})
	}
	if len(s.Consoles) > 0 {
		parser := bootlog.New()
		for id, text := range s.Consoles {
			w.boots[id] = parser.Parse(text)
		}
	}
	return w
}

// eventsOf returns the events of an object with one of the reasons, oldest first.
func (w *World) eventsOf(kind, name string, reasons ...string) []corev1.Event {
	var out []corev1.Event
	for _, event := range w.events[kind+"/"+name] {
		if slices.Contains(reasons, event.Reason) {
			out = append(out, event)
		}
	}
	return out
}

// recent returns the events of all objects of a kind with one of the reasons, oldest first.
func (w *World) recent(kind string, within time.Duration, reasons ...string) []corev1.Event {
	var out []corev1.Event
	for _, event := range w.Events {
		if event.InvolvedObject.Kind == kind && slices.Contains(reasons, event.Reason) && w.TakenAt.Sub(fleet.Seen(event)) <= within {
			out = append(out, event)
		}
	}
	slices.SortFunc(out, func(a, b corev1.Event) int {
		return cmp.Or(fleet.Seen(a).Compare(fleet.Seen(b)), cmp.Compare(a.InvolvedObject.Name, b.InvolvedObject.Name), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func evidenceOf(event corev1.Event) Evidence {
	return Evidence{Source: "event", Text: short(event.Reason + ": " + event.Message), At: fleet.Seen(event).UTC()}
}

// since tells how long ago a moment was, 0 for one that is not known.
func (w *World) since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return w.TakenAt.Sub(t)
}

// in returns the machines of a phase.
func (w *World) in(phase fleet.Phase) []fleet.Machine {
	return slices.DeleteFunc(slices.Clone(w.machines), func(m fleet.Machine) bool { return m.Phase() != phase })
}

// claimRef names the NodeClaim of a machine.
func claimRef(m fleet.Machine, since time.Time) Ref {
	ref := Ref{Kind: "NodeClaim", Name: m.Claim.Name, Since: since.UTC()}
	if m.VM != nil {
		ref.VM = m.VM.ID
	}
	return ref
}

// nodeRef names the Node of a machine.
func nodeRef(m fleet.Machine, since time.Time) Ref {
	ref := Ref{Kind: "Node", Name: m.Node.Name, Since: since.UTC()}
	if m.VM != nil {
		ref.VM = m.VM.ID
	}
	return ref
}
