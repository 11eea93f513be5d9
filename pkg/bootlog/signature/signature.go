// Package signature says what a line on the console of a Talos machine can mean. The tables are in its subpackages.
package signature

import "time"

// Signature is a line that Talos, its kernel or its kubelet prints, and what it means.
type Signature struct {
	ID       string
	Severity Severity
	// Blocks is the stage that cannot be passed while the line holds.
	Blocks   string
	Explains Explains
	// Line is the expression that finds it.
	Line string
	// Ends is the line that ends it. Where it has a group, it ends only what the first group of Line names.
	Ends string
	// Recovers ends it as well, but only on a machine that was ready before: until then the same line proves nothing.
	Recovers string
	// NoteAfter is the stage after which it is only a note: a machine that has passed it can live with the line.
	NoteAfter string
	// NoteBefore is the stage before which it is only a note, because each boot can show it.
	NoteBefore string
	// Lasts is how long it has to be repeated before it is more than a note.
	Lasts time.Duration
	// Stays says that a machine which becomes ready later still has it.
	Stays bool
	// Means and Do can name groups of Line: ${flag}.
	Means, Do string
	// Sample is such a line.
	Sample string
}

// Severity is how bad a finding is.
type Severity int

// A Fatal finding never heals by itself, an Error may, a Warning does not stop the boot. A Note is worth reading, and
// never the cause of anything.
const (
	Info Severity = iota
	Note
	Warning
	Error
	Fatal
)

// String returns the severity as a word.
func (s Severity) String() string {
	return [...]string{"info", "note", "warning", "error", "fatal"}[s]
}

// MarshalText makes the severity a word in JSON as well.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Explains is how well a line explains itself.
type Explains int

// Most lines name the reason. A general line may have a reason of its own, a consequence has one.
const (
	Itself Explains = -iota
	General
	Consequence
)

// Names of the stages of a boot, in their order.
const (
	Kernel   = "kernel"
	Network  = "network"
	Config   = "config"
	Disk     = "disk"
	Clock    = "time"
	Kubelet  = "kubelet"
	Healthy  = "healthy"
	Services = "services"
	Ready    = "ready"
)
