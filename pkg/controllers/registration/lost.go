package registration

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// remembered is how long a deleted Node is of interest: core gives a NodeClaim up 15 minutes after its creation.
const remembered = 15 * time.Minute

// lostNode is a Node that was deleted before it registered.
type lostNode struct {
	name                 string
	uid                  types.UID
	createdAt, deletedAt time.Time
	// What follows is written by the reconciliation of its NodeClaim alone, of which there is one at a time: since when the
	// API server has no Node, the tags that the VM lacked then, and when the VM was rebooted.
	absentSince time.Time
	lacked      []string
	rebootedAt  time.Time
}

// lostNodes are the Nodes that were deleted of late, by name. They live in memory: a Node that came and went while no
// controller ran is not among them, and its NodeClaim waits for core.
type lostNodes struct {
	mu     sync.Mutex
	byName map[string]*lostNode
}

func newLostNodes() *lostNodes { return &lostNodes{byName: map[string]*lostNode{}} }

func (l *lostNodes) note(node client.Object, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.byName, func(_ string, n *lostNode) bool { return now.Sub(n.deletedAt) > remembered })
	l.byName[node.GetName()] = &lostNode{
		name: node.GetName(), uid: node.GetUID(), createdAt: node.GetCreationTimestamp().Time, deletedAt: now,
	}
}

// of returns the lost Node of a name. One that is older than the NodeClaim was of an earlier VM with the same address.
func (l *lostNodes) of(name string, claimed time.Time) (*lostNode, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.byName[name]
	if !ok || n.createdAt.Before(claimed) {
		return nil, false
	}
	return n, true
}

func (l *lostNodes) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byName, name)
}

// deletions lets nothing else through: a Node that lives costs no look.
func deletions() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}
