package bootlog

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

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

// Explains tells how well a line explains itself.
type Explains int

// Most lines name the reason. A general line may have a reason of its own, a consequence has one.
const (
	itself Explains = -iota
	general
	consequence
)

// Signatures returns the table. The first that matches a line is its meaning: the specific come before the general.
// Lines are those of Talos 1.11 to 1.14.
func Signatures() []Signature {
	return slices.Concat(
		kernelSignatures(), hangSignatures(), networkSignatures(), configSignatures(), refusedSignatures(),
		clockSignatures(), diskSignatures(), memorySignatures(), trustdSignatures(),
		kubeletConfigSignatures(), kubeletFlagSignatures(), kubeletLabelSignatures(), diagnosticSignatures(), kubeletSignatures(),
		nodeSignatures(), reachSignatures(), joinSignatures(), endSignatures(), stopSignatures(),
	)
}

// signature is a Signature that can be looked for.
type signature struct {
	Signature
	line, ends, recovers *regexp.Regexp
}

func compile() []signature {
	expression := func(text string) *regexp.Regexp {
		if text == "" {
			return nil
		}
		return regexp.MustCompile(text)
	}
	var out []signature
	for _, s := range Signatures() {
		out = append(out, signature{s, expression(s.Line), expression(s.Ends), expression(s.Recovers)})
	}
	return out
}

// say fills the groups of the line into a text. What they leave open at its end goes.
func (s signature) say(text, line string, groups []int) string {
	return strings.TrimRight(string(s.line.ExpandString(nil, text, line, groups)), ": ")
}

// endedBy reports whether a line ends a finding of the signature about a subject.
func (s signature) endedBy(line, subject string) bool {
	if s.ends == nil {
		return false
	}
	groups := s.ends.FindStringSubmatch(line)
	return groups != nil && (len(groups) == 1 || groups[1] == subject)
}
