package rule

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// World is a Snapshot with what all rules look up in it.
type World struct {
	*snapshot.Snapshot
	machines []snapshot.Machine
	classes  map[string]*v1alpha1.OutscaleNodeClass
	events   map[string][]corev1.Event
	boots    map[string]bootlog.Report
	// machineOf finds the machine of a thing by kind and name.
	machineOf map[string]snapshot.Machine
	// wanted are the tags of machines that were asked for: making them hashes a NodeClass, and several rules compare them.
	wanted map[string]map[string]string
	hashes map[string]string // of the NodeClasses, by name
	// patience is that of the rule that looks.
	patience time.Duration
}

// NewWorld makes the World of a Snapshot.
func NewWorld(s *snapshot.Snapshot) *World {
	w := &World{
		Snapshot: s, machines: s.Machines(), classes: map[string]*v1alpha1.OutscaleNodeClass{},
		events: map[string][]corev1.Event{}, boots: map[string]bootlog.Report{}, machineOf: map[string]snapshot.Machine{},
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
			return cmp.Or(snapshot.Seen(a).Compare(snapshot.Seen(b)), cmp.Compare(a.Name, b.Name))
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

// Machines returns the machines of the Snapshot, joined once.
func (w *World) Machines() []snapshot.Machine { return w.machines }

// Machine returns the machine of a thing.
func (w *World) Machine(kind, name string) (snapshot.Machine, bool) {
	m, ok := w.machineOf[kind+"/"+name]
	return m, ok
}

// Class returns a NodeClass, nil if there is none of the name.
func (w *World) Class(name string) *v1alpha1.OutscaleNodeClass { return w.classes[name] }

// Boot returns what the console of a VM shows, and whether it was read.
func (w *World) Boot(vmID string) (bootlog.Report, bool) {
	boot, read := w.boots[vmID]
	return boot, read
}

// ClusterRef names the cluster.
func (w *World) ClusterRef() Ref { return Ref{Kind: "Cluster", Name: w.Cluster.Name} }

// EventsOf returns the events of an object with one of the reasons, oldest first.
func (w *World) EventsOf(kind, name string, reasons ...string) []corev1.Event {
	var out []corev1.Event
	for _, event := range w.events[kind+"/"+name] {
		if slices.Contains(reasons, event.Reason) {
			out = append(out, event)
		}
	}
	return out
}

// Recent returns the events of all objects of a kind with one of the reasons, oldest first.
func (w *World) Recent(kind string, within time.Duration, reasons ...string) []corev1.Event {
	var out []corev1.Event
	for _, event := range w.Events {
		late := w.TakenAt.Sub(snapshot.Seen(event)) > within
		if event.InvolvedObject.Kind == kind && slices.Contains(reasons, event.Reason) && !late {
			out = append(out, event)
		}
	}
	slices.SortFunc(out, func(a, b corev1.Event) int {
		return cmp.Or(
			snapshot.Seen(a).Compare(snapshot.Seen(b)),
			cmp.Compare(a.InvolvedObject.Name, b.InvolvedObject.Name),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return out
}

// Since returns how long ago a moment was, 0 for one that is not known.
func (w *World) Since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return w.TakenAt.Sub(t)
}

// Early reports whether the patience of the rule that asks is not over for what began then.
func (w *World) Early(began time.Time) bool { return w.Since(began) < w.patience }

// In returns the machines of a phase.
func (w *World) In(phase snapshot.Phase) []snapshot.Machine {
	return slices.DeleteFunc(slices.Clone(w.machines), func(m snapshot.Machine) bool { return m.Phase() != phase })
}

// Booting returns the machines with a VM whose kubelet has not registered as it must.
func (w *World) Booting() []snapshot.Machine {
	return slices.DeleteFunc(w.In(snapshot.PhaseRegistering), func(m snapshot.Machine) bool {
		return m.Node != nil && snapshot.Ready(m.Node).Status == corev1.ConditionTrue
	})
}

// Starting returns the machines that are no nodes yet.
func (w *World) Starting() []snapshot.Machine {
	return slices.Concat(w.In(snapshot.PhaseLaunching), w.In(snapshot.PhaseRegistering), w.In(snapshot.PhaseInitializing))
}

// LaunchedSince reports whether the pool got a VM after a refusal: then the refusal is over.
func (w *World) LaunchedSince(pool string, refused time.Time) bool {
	return slices.ContainsFunc(w.machines, func(m snapshot.Machine) bool {
		launched := m.Condition(karpv1.ConditionTypeLaunched)
		return m.Claim != nil && m.Claim.Labels[karpv1.NodePoolLabelKey] == pool && snapshot.IsTrue(launched) &&
			launched.LastTransitionTime.After(refused)
	})
}
