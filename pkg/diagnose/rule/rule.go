// Package diagnose judges a Snapshot by pure rules: the same Snapshot always gives the same findings.
package diagnose

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

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

// Check is one rule.
type Check struct {
	// ID is never reused and never renumbered.
	ID, Title string
	Severity  Severity
	// Needs are the sources without which nothing is known: the check is then not made, and not passed.
	Needs []fleet.Source
	// ExplainedBy are the checks whose finding about the same thing makes one of this check superfluous.
	ExplainedBy []string
	// Find returns findings, and the reasons why some things could not be judged.
	Find func(*World) Verdict
}

// Verdict is what one check says.
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

// Evidence is one observation: who says what.
type Evidence struct {
	Source string    `json:"source"`
	Text   string    `json:"text"`
	At     time.Time `json:"at,omitzero"`
}

// Finding is one thing that is wrong. Findings of one check with one cause are shown as one problem.
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

// Problem is the findings of one check with one cause.
type Problem struct {
	Check       string     `json:"check"`
	Title       string     `json:"title"`
	Severity    Severity   `json:"severity"`
	Confidence  Confidence `json:"confidence"`
	Cause       string     `json:"cause"`
	Subjects    []Ref      `json:"subjects"`
	Evidence    []Evidence `json:"evidence,omitempty"`
	Deadline    time.Time  `json:"deadline,omitzero"`
	Consequence string     `json:"consequence,omitempty"`
	Next        string     `json:"next"`
	// Writes says that Next changes the cluster.
	Writes bool   `json:"nextWrites,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// NotChecked is a check, or a part of one, that could not be made.
type NotChecked struct {
	Check  string `json:"check"`
	Title  string `json:"title"`
	Reason string `json:"reason"`
	// Asked says that the user asked not to look.
	Asked bool `json:"asked,omitempty"`
}

// Report is the judgement of a Snapshot.
type Report struct {
	Problems   []Problem    `json:"problems"`
	NotChecked []NotChecked `json:"notChecked"`
	Passed     []string     `json:"passed"`
	// UnderWay is what is neither wrong nor done.
	UnderWay []Note `json:"underWay"`
	// Elsewhere is what is wrong or under way in the rest of the cluster, where the user named a part of it.
	Elsewhere *Note `json:"elsewhere,omitempty"`
}

// Note is something that takes its time: machines that start, pods that wait for them.
type Note struct {
	Text     string `json:"text"`
	Subjects []Ref  `json:"subjects"`
	// Since is when the first of the subjects began, as far as is known.
	Since time.Time `json:"since,omitzero"`
}

// Checks returns all rules, in the order of a machine's life.
func Checks() []Check {
	var out []Check
	for _, family := range [][]Check{
		launchChecks(), poolChecks(), pendingChecks(), bootChecks(), certificateChecks(), registerChecks(), initializeChecks(),
		runningChecks(), rebootChecks(), tagChecks(), terminateChecks(), fleetChecks(),
	} {
		out = append(out, family...)
	}
	return out
}
