package availability

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Blame is who a refusal is charged to. What is set was at fault, and what is not set was not: the zero value is the
// account itself.
type Blame struct {
	// Type is a VM type; without a Subregion it is not sold anywhere.
	Type, Subregion string
	// Subnet is a subnet, for every NodeClass or, with a Class, for that one only.
	Subnet string
	// Class is one generation of a NodeClass.
	Class Class
}

// Class is one generation of a NodeClass: an edit is another one, and nothing is held against it.
type Class struct {
	Name       string
	UID        types.UID
	Generation int64
}

// Launch is what one call of CreateVms asks for.
type Launch struct {
	Type              string
	VCores, MemoryGiB int
	Subregion, Subnet string
	Class             Class
	// Strict is a launch whose NodeClass wants certain servers: a lack of room for it is none for others.
	Strict bool
}

// blames are all that a refusal of the launch can be charged to. The order is that in which trials are taken: it is the
// same for all launches, so that two of them never wait for each other.
func (l Launch) blames() [7]Blame {
	return [7]Blame{
		{},
		{Class: l.Class},
		{Subnet: l.Subnet},
		{Subnet: l.Subnet, Class: l.Class},
		{Type: l.Type},
		{Type: l.Type, Subregion: l.Subregion},
		{Type: l.Type, Subregion: l.Subregion, Class: l.Class},
	}
}

// backOff is how long the first refusal lasts, and how long one lasts at most: it doubles with each.
func (b Blame) backOff() (first, atMost time.Duration) {
	switch {
	case b.Type != "" && b.Subregion == "": // Outscale does not know it
		return 12 * time.Hour, 12 * time.Hour
	case b.Type != "": // Outscale has no room for it
		return 3 * time.Minute, 30 * time.Minute
	case b.Subnet != "" || b == Blame{}: // VMs that go make room again
		return 2 * time.Minute, 10 * time.Minute
	default: // somebody has to edit the NodeClass, which ends the refusal at once
		return time.Minute, 30 * time.Minute
	}
}
