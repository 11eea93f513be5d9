package render

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// label is the width of the words before the parts of a problem, source that of who says what is evidence.
const (
	label  = 14
	source = 10
	// checksAtMost are named where they were not made; more are named by -o wide.
	checksAtMost = 5
)

// Report prints a doctor's report in full.
func (t *Theme) Report(to io.Writer, s *snapshot.Snapshot, r diagnose.Report) {
	t.header(to, s)
	t.summary(to, r)
	for _, p := range r.Problems {
		fmt.Fprintln(to)
		t.problem(to, p)
	}
	t.rest(to, r)
}

// Short prints the lines of a report that one pastes into a chat: what is wrong, and what to do.
func (t *Theme) Short(to io.Writer, s *snapshot.Snapshot, r diagnose.Report) {
	t.header(to, s)
	for _, p := range r.Problems {
		fmt.Fprintln(to, t.headline(p))
		fmt.Fprintln(to, "> "+t.Text(p.Next)+warning(p))
	}
	t.notChecked(to, r)
	if r.Healthy() {
		fmt.Fprintln(to, t.healthy(r))
	}
	t.underWay(to, r)
}

// underWay prints what is neither wrong nor done.
func (t *Theme) underWay(to io.Writer, r diagnose.Report) {
	const most = 3
	for _, note := range r.Notes() {
		text := note.Text
		if !note.Since.IsZero() {
			text += " (" + t.Age(note.Since) + ")"
		}
		var names []string
		for _, subject := range note.Subjects {
			names = append(names, t.Text(subject.Name))
		}
		if more := len(names) - most; more > 0 && !t.Wide {
			names = append(names[:most], fmt.Sprintf("and %d more (-o wide)", more))
		}
		fmt.Fprintln(to, Wrap(t.Symbol(MarkPending)+" "+t.Text(text)+": "+strings.Join(names, ", "), t.Width, 4))
	}
}

func (t *Theme) header(to io.Writer, s *snapshot.Snapshot) {
	parts := []string{
		t.count(s, snapshot.SourceNodeClaims, len(s.NodeClaims), "NodeClaim"),
		t.count(s, snapshot.SourceNodes, len(s.Nodes), "Node"),
		t.ourVMs(s),
	}
	all := append(t.scope(s), strings.Join(parts, ", "), s.TakenAt.Format(time.RFC3339))
	fmt.Fprintln(to, Bar(t.Width, all...))
}

// Scope names what is looked at: who has three clusters and as many accounts must see which ones these are.
func (t *Theme) Scope(s *snapshot.Snapshot) string { return Bar(t.Width, t.scope(s)...) }

func (t *Theme) scope(s *snapshot.Snapshot) []string {
	name := t.Bold(cmp.Or(t.Text(s.Cluster.Name), "(cluster name unknown)"))
	if s.Access == (snapshot.Access{}) {
		return []string{name} // a file of a kpo that did not note it
	}
	account := cmp.Or(s.Access.Account(), "no Outscale account")
	if s.Access.Context != "" {
		account = "context " + s.Access.Context + ", " + account
	}
	return []string{name, t.Text(account)}
}

func ours(s *snapshot.Snapshot) int {
	n := 0
	for _, m := range s.Machines() {
		if m.VM != nil && !m.VM.Gone() {
			n++
		}
	}
	return n
}

// ourVMs counts the VMs of the cluster. Its name and the NodeClaims say which of the account's these are.
func (t *Theme) ourVMs(s *snapshot.Snapshot) string {
	for _, needed := range []snapshot.Source{snapshot.SourceClusterNames, snapshot.SourceNodeClaims, snapshot.SourceNodes} {
		if s.Why(needed) != "" {
			return "? VMs"
		}
	}
	return t.count(s, snapshot.SourceVMs, ours(s), "VM")
}

// count prints how many there are, or that this is not known: no number may pass for one that was read.
func (t *Theme) count(s *snapshot.Snapshot, what snapshot.Source, n int, noun string) string {
	if s.Why(what) != "" {
		return "? " + noun + "s"
	}
	return Count(n, noun)
}

func (t *Theme) summary(to io.Writer, r diagnose.Report) {
	if r.Healthy() {
		fmt.Fprintln(to, t.healthy(r))
		return
	}
	errors, warnings := 0, 0
	for _, p := range r.Problems {
		if p.Severity == rule.Error {
			errors++
		} else {
			warnings++
		}
	}
	skipped := len(byReason(r.NotChecked))
	fmt.Fprintf(to, "%s, %s, %d not checked\n", Count(errors, "error"), Count(warnings, "warning"), skipped)
}

func (t *Theme) healthy(r diagnose.Report) string {
	text := "no problems found"
	if len(r.NotChecked) > 0 {
		text = "no problems found in what was checked"
	}
	if r.Settled() {
		text += ", nothing to do"
	}
	if r.Blind() {
		return t.Symbol(MarkUnknown) + " " + text
	}
	return t.Line(MarkOK, text)
}

func (t *Theme) headline(p diagnose.Problem) string {
	mark := MarkWarning
	if p.Severity == rule.Error {
		mark = MarkError
	}
	detail := string(p.Confidence)
	if oldest := p.Subjects[0].Since; !oldest.IsZero() {
		detail = t.Age(oldest) + ", " + detail
	}
	line := t.Line(mark, fmt.Sprintf("%s  %s: %s", p.Check, p.Title, subjects(p.Subjects)))
	return Wrap(fmt.Sprintf("%s  (%s)", line, detail), t.Width, 4)
}

func subjects(refs []rule.Ref) string {
	if len(refs) == 1 {
		return refs[0].Kind + " " + refs[0].Name
	}
	return Count(len(refs), refs[0].Kind)
}

func (t *Theme) problem(to io.Writer, p diagnose.Problem) {
	fmt.Fprintln(to, t.headline(p))
	if len(p.Subjects) > 1 || p.Subjects[0].VM != "" && p.Subjects[0].VM != p.Subjects[0].Name {
		t.names(to, p.Subjects)
	}
	t.part(to, "cause", p.Cause)
	for i, e := range p.Evidence {
		name := ""
		if i == 0 {
			name = "evidence"
		}
		text := t.Text(e.Text)
		if !e.At.IsZero() {
			text = e.At.Format("15:04:05Z") + " " + text
		}
		fmt.Fprintf(to, "    %-*s%-*s%s\n", label-4, name, source, t.Text(e.Source), Wrap(text, t.Width, label+source))
	}
	if !p.Deadline.IsZero() {
		t.part(to, "deadline", t.deadline(p))
	}
	if p.Fix != "" {
		t.part(to, "fix", p.Fix)
	}
	fmt.Fprintf(to, "  > %-*s%s\n", label-4, "next", t.Bold(t.Text(p.Next))+warning(p))
	fmt.Fprintf(to, "    %-*s%s\n", label-4, "more", "kubectl kpo explain "+string(p.Check))
}

// warning marks a command that writes. It is a comment of the shell: the line can be pasted as it is.
func warning(p diagnose.Problem) string {
	if p.Writes {
		return "  # changes the cluster"
	}
	return ""
}

func (t *Theme) deadline(p diagnose.Problem) string {
	if left := p.Deadline.Sub(t.Now); left > 0 {
		return fmt.Sprintf("%s from %s (in %s)", p.Consequence, p.Deadline.Format("15:04:05Z"), Duration(left))
	}
	return fmt.Sprintf("%s since %s", p.Consequence, p.Deadline.Format("15:04:05Z"))
}

// names lists the subjects. They are not cut: what cannot be shown is counted.
func (t *Theme) names(to io.Writer, refs []rule.Ref) {
	const most = 3
	shown := refs
	if !t.Wide && len(refs) > most {
		shown = refs[:most]
	}
	for _, ref := range shown {
		line := "    " + t.Text(ref.Name)
		if ref.VM != "" && ref.VM != ref.Name {
			line += "  " + t.Text(ref.VM)
		}
		if !ref.Since.IsZero() {
			line += "  " + t.Age(ref.Since)
		}
		fmt.Fprintln(to, line)
	}
	if more := len(refs) - len(shown); more > 0 {
		fmt.Fprintf(to, "    and %d more (-o wide)\n", more)
	}
}

func (t *Theme) part(to io.Writer, name, text string) {
	fmt.Fprintf(to, "    %-*s%s\n", label-4, name, Wrap(t.Text(text), t.Width, label))
}

// rest prints what was not checked and what passed.
func (t *Theme) rest(to io.Writer, r diagnose.Report) {
	if len(r.NotChecked) > 0 || len(r.Notes()) > 0 && !r.Healthy() {
		fmt.Fprintln(to)
	}
	t.notChecked(to, r)
	t.underWay(to, r)
	if r.Healthy() || len(r.Passed) == 0 {
		return
	}
	if t.Wide {
		fmt.Fprintln(to, Wrap(t.Line(MarkOK, "passed: "+strings.Trim(fmt.Sprint(r.Passed), "[]")), t.Width, 4))
		return
	}
	// No tick below a problem, and none where something could not be read.
	fmt.Fprintln(to, t.Symbol(MarkPending)+" no other problems found in what was checked")
}

func (t *Theme) notChecked(to io.Writer, r diagnose.Report) {
	for _, n := range byReason(r.NotChecked) {
		checks := strings.Join(n.checks, " ")
		if len(n.checks) > checksAtMost && !t.Wide {
			checks = "several checks"
		}
		line := fmt.Sprintf("%s not checked  %s: %s", t.Symbol(MarkUnknown), checks, t.Text(n.reason))
		fmt.Fprintln(to, Wrap(line, t.Width, 4))
	}
}

type unchecked struct {
	reason string
	checks []string
}

// byReason says each reason once.
func byReason(in []diagnose.NotChecked) []*unchecked {
	var out []*unchecked
	index := map[string]*unchecked{}
	for _, n := range in {
		u := index[n.Reason]
		if u == nil {
			u = &unchecked{reason: n.Reason}
			index[n.Reason] = u
			out = append(out, u)
		}
		u.checks = append(u.checks, string(n.Check))
	}
	return out
}
