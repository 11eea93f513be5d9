package ledger

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// End is the end of one NodeClaim, a line of the ring.
type End struct {
	// At is when the NodeClaim was deleted.
	At        time.Time `json:"at"`
	UID       types.UID `json:"uid"`
	NodeClaim string    `json:"nodeClaim"`
	NodePool  string    `json:"nodePool,omitempty"`
	NodeClass string    `json:"nodeClass,omitempty"`
	Node      string    `json:"node,omitempty"`
	VM        string    `json:"vm,omitempty"`
	Type      string    `json:"type,omitempty"`
	Subregion string    `json:"subregion,omitempty"`

	Cause      Cause      `json:"cause"`
	Confidence Confidence `json:"confidence"`
	// Why is a sentence for people.
	Why string `json:"why"`
	// Age is how many seconds the NodeClaim lived, until it was deleted.
	Age        int64 `json:"age"`
	Registered bool  `json:"registered"`
	// VMState and StateReason are Outscale's words for the VM before Karpenter deleted it, empty where they are not known.
	VMState     string `json:"vmState,omitempty"`
	StateReason string `json:"stateReason,omitempty"`
	// Console is set where the Node never registered.
	Console *Console `json:"console,omitempty"`
}

// Limits of the texts of an entry, so that one entry stays below 2 KiB.
const (
	maxSentence = 400
	maxLine     = 200
	maxName     = 253
)

// clipped returns the end with texts that are not too long for the ring.
func (e End) clipped() End {
	for _, name := range []*string{&e.NodeClaim, &e.NodePool, &e.NodeClass, &e.Node, &e.VM, &e.Type, &e.Subregion, &e.StateReason} {
		*name = clip(*name, maxName)
	}
	e.Why = clip(e.Why, maxSentence)
	if e.Console != nil {
		e.Console = &Console{
			ID: clip(e.Console.ID, maxName), Diagnosis: clip(e.Console.Diagnosis, maxSentence),
			Remedy: clip(e.Console.Remedy, maxSentence), Line: clip(e.Console.Line, maxLine),
		}
	}
	return e
}

// clip cuts a text, between two characters.
func clip(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	cut := 0
	for i := range text {
		if i > longest-len("…") {
			break
		}
		cut = i
	}
	return text[:cut] + "…"
}
