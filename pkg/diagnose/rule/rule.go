// Package rule is what rules are written in: a rule as one row, the World that it looks at, and what it finds. It has no
// rules: they are in the packages next to it, one for each stage of a machine's life.
package rule

import (
	"fmt"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// ID names a rule. It is never reused and never renumbered.
type ID string

// Severity orders findings.
type Severity string

// Severities of findings.
const (
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Confidence says how sure a cause is.
type Confidence string

// Confidences of findings.
const (
	Certain  Confidence = "certain"
	Likely   Confidence = "likely"
	Possible Confidence = "possible"
)

// Rule is one row: what it is called, what it reads, what to know about it, and how it finds its trouble.
type Rule struct {
	ID       ID
	Title    string
	Severity Severity
	// Needs are the sources without which nothing is known: the rule is then not applied, and not passed.
	Needs []snapshot.Source
	// FindsUnread says that the rule may find why one of its sources was not read: what it finds counts all the same.
	FindsUnread bool
	// ExplainedBy are the rules whose finding about the same thing makes one of this rule superfluous.
	ExplainedBy []ID
	// CatchAll says that every other rule of the stage explains a finding of this one.
	CatchAll bool
	// Patience is how long the trouble may last before it is one: World.Early asks for it.
	Patience time.Duration
	Doc      Doc
	// Find returns findings, and the reasons why some things could not be judged.
	Find func(*World) Verdict
}

// Judge returns what the rule finds in a World.
func (r Rule) Judge(w *World) Verdict {
	view := *w
	view.patience = r.Patience
	return r.Find(&view)
}

// Doc is what kpo explain says about a rule.
type Doc struct {
	// Means is what is wrong, KnownBy what shows it, Fix what to do, FixedIf how to see that it helped.
	Means, KnownBy, Fix, FixedIf string
}

// String returns the page, one line for each part.
func (d Doc) String() string {
	return fmt.Sprintf("means     %s\nknown by  %s\nfix       %s\nfixed if  %s", d.Means, d.KnownBy, d.Fix, d.FixedIf)
}

// Verdict is what one rule says.
type Verdict struct {
	Findings []Finding
	Unknown  []string
}

// Ref names what a finding is about.
type Ref struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// VM is the VM ID, where there is one.
	VM string `json:"vm,omitempty"`
	// Since is when the trouble began, as far as is known.
	Since time.Time `json:"since,omitzero"`
}

// Key tells things of different kinds with one name apart.
func (r Ref) Key() string { return r.Kind + "/" + r.Name }

// Evidence is one observation: who says what.
type Evidence struct {
	Source string    `json:"source"`
	Text   string    `json:"text"`
	At     time.Time `json:"at,omitzero"`
}

// Finding is one thing that is wrong. Findings of one rule with one cause are shown as one problem.
type Finding struct {
	Subject    Ref        `json:"subject"`
	Confidence Confidence `json:"confidence"`
	// Cause does not name the subject, so that the same cause reads the same for each.
	Cause    string     `json:"cause"`
	Evidence []Evidence `json:"evidence,omitempty"`
	// Deadline is when Karpenter will act on its own, Consequence what it will do.
	Deadline    time.Time `json:"deadline,omitzero"`
	Consequence string    `json:"consequence,omitempty"`
	// Next is the command to paste, Fix what to do in words.
	Next string `json:"next"`
	Fix  string `json:"fix,omitempty"`
}
