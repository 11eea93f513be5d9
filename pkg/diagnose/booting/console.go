package booting

import (
	"fmt"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// bootPatience is how long a VM may take to write the first line to its console.
const bootPatience = 2 * time.Minute

// registrationTTL is after how long Karpenter deletes a NodeClaim whose Node has not registered.
const registrationTTL = 15 * time.Minute

func vmNotRunning(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseRegistering) {
		cause := ""
		switch {
		case m.VM == nil:
			cause = "the VM does not exist any more"
		case m.VM.State == vm.StateRunning || m.VM.State == vm.StatePending && w.Early(m.VM.CreatedAt):
			continue
		default:
			cause = "the VM is " + m.VM.State
		}
		f := registering(m, cause)
		f.Subject.Since = time.Time{} // Outscale does not say when it stopped
		afterLoss(w, &f, m)
		if m.VM != nil && m.VM.StateReason != "" {
			f.Evidence = append(f.Evidence, rule.Evidence{Source: "vm", Text: m.VM.ID + " " + m.VM.State + ", reason " + m.VM.StateReason})
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// consoleFindings are those machines whose console's cause belongs to the check.
func consoleFindings(w *rule.World, id rule.ID) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Booting() {
		if m.VM == nil || m.VM.Gone() {
			continue
		}
		boot, read := w.Boot(m.VM.ID)
		if !read {
			out.Unknown = append(out.Unknown, "the consoles of some VMs were not read: there are more than are read at once")
			continue
		}
		cause, found := boot.Cause()
		if !found || symptomOf(cause.ID) != id || !ripe(w, m, cause) {
			continue
		}
		f := registering(m, cause.Diagnosis)
		f.Fix = cause.Remedy
		if strings.Contains(cause.Diagnosis, ", or ") || strings.Contains(cause.Diagnosis, " or expired") {
			f.Confidence = rule.Likely // the line has several causes, of which it is one
		}
		judgeJoin(w, &f, m, cause)
		f.Evidence = append([]rule.Evidence{{
			Source: "console", Text: facts.Line(cause), At: at(m, cause),
		}}, f.Evidence...)
		out.Findings = append(out.Findings, f)
	}
	return out
}

// ripe reports whether a line of the console is more than the noise of a boot that is under way: a fatal one always is.
func ripe(w *rule.World, m snapshot.Machine, cause bootlog.Finding) bool {
	return cause.Severity >= bootlog.Fatal || !w.Early(m.CreatedAt())
}

// at is when the line was printed, as far as the kernel's clock tells: it starts some seconds after the VM is made.
func at(m snapshot.Machine, cause bootlog.Finding) time.Time {
	if cause.At == 0 || m.VM.CreatedAt.IsZero() {
		return time.Time{}
	}
	return m.VM.CreatedAt.Add(cause.At).UTC().Truncate(time.Second)
}

func emptyConsoles(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.Booting() {
		if m.VM == nil || m.VM.State != vm.StateRunning || w.Early(m.VM.CreatedAt) {
			continue
		}
		if boot, read := w.Boot(m.VM.ID); !read || boot.Lines > 0 {
			continue
		}
		f := registering(m, "the VM runs and writes nothing to its console: it does not boot, or the OMI has no console=ttyS0")
		f.Confidence, f.Fix = rule.Likely, "try the OMI by hand; its kernel arguments must have console=ttyS0"
		out.Findings = append(out.Findings, f)
	}
	return out
}

// registering is a finding about a NodeClaim that has a VM and no Node as it must be.
func registering(m snapshot.Machine, cause string) rule.Finding {
	registered := m.Condition("Registered")
	since := registered.LastTransitionTime.Time
	if since.IsZero() {
		since = m.Claim.CreationTimestamp.Time
	}
	return rule.Finding{
		Subject: facts.ClaimRef(m, since), Confidence: rule.Certain, Cause: cause,
		Evidence:    []rule.Evidence{{Source: "claim", Text: fmt.Sprintf("Registered=%s %s", facts.OrUnknown(string(registered.Status)), registered.Reason), At: since.UTC()}},
		Deadline:    m.Claim.CreationTimestamp.Add(registrationTTL).UTC(),
		Consequence: "Karpenter deletes the VM, and the console goes with it",
		Next:        "kubectl kpo console " + m.Claim.Name,
	}
}
