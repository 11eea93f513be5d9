package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// bootPatience is how long a VM may take to write the first line to its console.
const bootPatience = 2 * time.Minute

// symptom is a check that the console decides.
type symptom struct {
	id, title string
	// signatures are the IDs of pkg/bootlog that it stands for; a trailing dot means all that begin so.
	signatures []string
}

// symptoms sort the console's signatures by who has to act.
func symptoms() []symptom {
	return []symptom{
		{"KPO202", "machine config not fetched", []string{"cfg.imds", "net.meta"}},
		{"KPO203", "waiting for a machine config", []string{"cfg.missing", "boot.platform"}},
		{"KPO204", "disk not as Talos needs it", []string{"seq.install", "disk."}},
		{"KPO205", "no network, DNS or time", []string{"net.", "time.", "k8s.endpoint"}},
		{"KPO206", "control plane out of reach", []string{"trustd.net", "join.net", "apid."}},
		{"KPO207", "join refused", []string{"join.", "trustd."}},
		{"KPO208", "kubelet does not run", []string{"kubelet.", "image.", "mem.", "oom.", "diag."}},
		{"KPO209", "machine crashes, hangs or reboots", []string{"boot.", "hang.", "gpu.", "stop."}},
		{"KPO214", "machine config refused by Talos", []string{"cfg."}},
		{"KPO215", "labels or taints refused", []string{"node."}},
	}
}

// symptomOf returns the check for a signature: one that names it, or else the one with the longest beginning of it.
func symptomOf(signature string) string {
	best, length := "", 0
	for _, s := range symptoms() {
		for _, pattern := range s.signatures {
			fits := pattern == signature || strings.HasSuffix(pattern, ".") && strings.HasPrefix(signature, pattern)
			if fits && len(pattern) > length {
				best, length = s.id, len(pattern)
			}
		}
	}
	return best
}

func bootChecks() []Check {
	cloud := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes, fleet.SourceVMs}
	consoles := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes, fleet.SourceVMs, fleet.SourceConsoles}
	out := []Check{
		{ID: "KPO201", Title: "VM does not run", Severity: Error, Needs: cloud, Find: vmNotRunning},
	}
	for _, s := range symptoms() {
		out = append(out, Check{
			ID: s.id, Title: s.title, Severity: Error, Needs: consoles, ExplainedBy: []string{"KPO201", "KPO211", "KPO212", "KPO213", "KPO303"},
			Find: func(w *World) Verdict { return w.consoleFindings(s.id) },
		})
	}
	return append(out, Check{ID: "KPO210", Title: "console empty", Severity: Error, Needs: consoles, Find: emptyConsoles, ExplainedBy: []string{"KPO201"}})
}

// booting are machines with a VM whose kubelet has not registered as it must.
func (w *World) booting() []fleet.Machine {
	return slices.DeleteFunc(w.in(fleet.PhaseRegistering), func(m fleet.Machine) bool { return m.Node != nil && fleet.Ready(m.Node).Status == "True" })
}

func vmNotRunning(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseRegistering) {
		cause := ""
		switch {
		case m.VM == nil:
			cause = "the VM does not exist any more"
		case m.VM.State == vm.StateRunning || m.VM.State == vm.StatePending && w.since(m.VM.CreatedAt) < bootPatience:
			continue
		default:
			cause = "the VM is " + m.VM.State
		}
		f := registering(m, cause)
		f.Subject.Since = time.Time{} // Outscale does not say when it stopped
		w.afterLoss(&f, m)
		if m.VM != nil && m.VM.StateReason != "" {
			f.Evidence = append(f.Evidence, Evidence{Source: "vm", Text: m.VM.ID + " " + m.VM.State + ", reason " + m.VM.StateReason})
		}
		out.Findings = append(out.Findings, f)
	}
	return out
}

// consoleFindings are those machines whose console's cause belongs to the check.
func (w *World) consoleFindings(id string) Verdict {
	var out Verdict
	for _, m := range w.booting() {
		if m.VM == nil || m.VM.Gone() {
			continue
		}
		boot, read := w.boots[m.VM.ID]
		if !read {
			out.Unknown = append(out.Unknown, "the consoles of some VMs were not read: there are more than are read at once")
			continue
		}
		cause, found := boot.Cause()
		if !found || symptomOf(cause.ID) != id || !w.ripe(m, cause) {
			continue
		}
		f := registering(m, cause.Diagnosis)
		f.Fix = cause.Remedy
		if strings.Contains(cause.Diagnosis, ", or ") || strings.Contains(cause.Diagnosis, " or expired") {
			f.Confidence = Likely // the line has several causes, of which it is one
		}
		w.judgeJoin(&f, m, cause)
		f.Evidence = append([]Evidence{{
			Source: "console", Text: short(withoutUptime(cause.Text)), At: at(m, cause),
		}}, f.Evidence...)
		out.Findings = append(out.Findings, f)
	}
	return out
}

// ripe reports whether a line of the console is more than the noise of a boot that is under way: a fatal one always is.
func (w *World) ripe(m fleet.Machine, cause bootlog.Finding) bool {
	return cause.Severity >= bootlog.Fatal || w.since(m.CreatedAt()) >= bootPatience
}

// at is when the line was printed, as far as the kernel's clock tells: it starts some seconds after the VM is made.
func at(m fleet.Machine, cause bootlog.Finding) time.Time {
	if cause.At == 0 || m.VM.CreatedAt.IsZero() {
		return time.Time{}
	}
	return m.VM.CreatedAt.Add(cause.At).UTC().Truncate(time.Second)
}

// withoutUptime cuts the kernel's "[   12.345678] " off.
func withoutUptime(line string) string {
	if _, rest, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(strings.TrimSpace(line), "[") && !strings.HasPrefix(line, "[talos]") {
		return rest
	}
	return line
}

func emptyConsoles(w *World) Verdict {
	var out Verdict
	for _, m := range w.booting() {
		if m.VM == nil || m.VM.State != vm.StateRunning || w.since(m.VM.CreatedAt) < bootPatience {
			continue
		}
		if boot, read := w.boots[m.VM.ID]; !read || boot.Lines > 0 {
			continue
		}
		f := registering(m, "the VM runs and writes nothing to its console: it does not boot, or the OMI has no console=ttyS0")
		f.Confidence, f.Fix = Likely, "try the OMI by hand; its kernel arguments must have console=ttyS0"
		out.Findings = append(out.Findings, f)
	}
	return out
}

// registering is a finding about a NodeClaim that has a VM and no Node as it must be.
func registering(m fleet.Machine, cause string) Finding {
	registered := m.Condition("Registered")
	since := registered.LastTransitionTime.Time
	if since.IsZero() {
		since = m.Claim.CreationTimestamp.Time
	}
	return Finding{
		Subject: claimRef(m, since), Confidence: Certain, Cause: cause,
		Evidence:    []Evidence{{Source: "claim", Text: fmt.Sprintf("Registered=%s %s", orUnknown(string(registered.Status)), registered.Reason), At: since.UTC()}},
		Deadline:    m.Claim.CreationTimestamp.Add(registrationTTL).UTC(),
		Consequence: "Karpenter deletes the VM, and the console goes with it",
		Next:        "kubectl kpo console " + m.Claim.Name,
	}
}

func orUnknown(status string) string {
	if status == "" {
		return "Unknown"
	}
	return status
}
