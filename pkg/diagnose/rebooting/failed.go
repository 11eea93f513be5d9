package rebooting

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// rebootFailed finds reboots that failed. Core deletes the NodeClaim then, at once: mostly its events are all that is left.
func rebootFailed(w *rule.World) rule.Verdict {
	var out rule.Verdict
	reasons := []string{"RebootFailed", "RebootForbidden"}
	for _, m := range w.Machines() {
		if m.Claim == nil {
			continue
		}
		rebooting := m.Condition(karpv1.ConditionTypeRebooting)
		events := slices.DeleteFunc(w.EventsOf("NodeClaim", m.Claim.Name, reasons...), func(e corev1.Event) bool {
			return snapshot.Seen(e).Before(rebooting.LastTransitionTime.Time) // of an earlier reboot
		})
		stays := rebooting.Status == "False" && rebooting.Reason == karpv1.RebootReasonFailed
		if !stays && (m.Phase() != snapshot.PhaseTerminating || len(events) == 0) {
			continue
		}
		f := failedReboot(facts.ClaimRef(m, rebooting.LastTransitionTime.Time), rebooting.Message, events)
		f.Next = cmp.Or(f.Next, "kubectl describe nodeclaim "+m.Claim.Name)
		out.Findings = append(out.Findings, f)
	}
	out.Findings = append(out.Findings, rebootFailedOfGone(w, reasons)...)
	return out
}

// rebootFailedOfGone finds the failed reboots whose NodeClaim is deleted already.
func rebootFailedOfGone(w *rule.World, reasons []string) []rule.Finding {
	gone := map[string][]corev1.Event{}
	var names []string
	for _, event := range w.Recent("NodeClaim", facts.LookBack, reasons...) {
		name := event.InvolvedObject.Name
		if _, exists := w.Machine("NodeClaim", name); exists {
			continue
		}
		if gone[name] == nil {
			names = append(names, name)
		}
		gone[name] = append(gone[name], event)
	}
	var out []rule.Finding
	for _, name := range names {
		f := failedReboot(rule.Ref{Kind: "NodeClaim", Name: name}, "", gone[name])
		f.Next = "kubectl get events -n default --field-selector involvedObject.name=" + name
		out = append(out, f)
	}
	return out
}

// failedReboot is a finding about a reboot that failed. Events say more than the condition does.
func failedReboot(subject rule.Ref, message string, events []corev1.Event) rule.Finding {
	f := rule.Finding{Subject: subject, Confidence: rule.Certain}
	texts := []string{message}
	for _, event := range events {
		f.Evidence = append(f.Evidence, facts.Event(event))
		f.Subject.Since = snapshot.Seen(event).UTC()
		texts = append(texts, event.Reason, event.Message)
	}
	if len(events) == 0 {
		f.Evidence = []rule.Evidence{{Source: "claim", Text: facts.Short("Rebooting=False RebootFailed: " + message), At: subject.Since}}
	}
	f.Cause, f.Fix = "Outscale refuses the reboot, so that Karpenter replaces the node", "read the message of the event"
	text := strings.Join(texts, " ")
	for _, known := range rebootFailures() {
		if strings.Contains(text, known.words) {
			f.Cause, f.Fix = known.cause, known.fix
			break
		}
	}
	if strings.Contains(text, "observation window") && subject.VM != "" {
		f.Next = "kubectl kpo console " + subject.Name
	}
	return f
}

type rebootFailure struct{ words, cause, fix string }

// rebootFailures are the ends of a reboot, by words of pkg/cloudprovider and of core's nodeclaim/reboot controller.
func rebootFailures() []rebootFailure {
	return []rebootFailure{
		{
			"RebootForbidden", "the access key of the controller may not call RebootVms, so that Karpenter replaces the node instead",
			`add this line to "Action" in the EIM policy of the controller: "api:RebootVms"`,
		},
		{
			"invalid reboot request",
			"the annotation karpenter.sh/reboot-termination-grace-period holds no duration: the node is neither rebooted nor replaced",
			"remove the annotation from the NodeClaim; node repair tries again, and writes it anew",
		},
		{
			"observation window", "the node did not come back within 20 minutes after the reboot, so that Karpenter replaces it",
			"read the console before the VM is deleted: it shows where the boot stands",
		},
		{
			"issuance timeout", "Outscale did not take the reboot within 5 minutes, so that Karpenter replaces the node",
			"read the controller's log: it has each answer of RebootVms",
		},
		{
			"neither the tags nor the client token", "the VM is not provably this cluster's: it is not rebooted, and Karpenter replaces the node",
			"compare the tags of the VM with those that the controller sets: kubectl kpo tags",
		},
		{
			"only a running VM can be rebooted", "the VM did not run, so that no reboot could help, and Karpenter replaces the node",
			"find who stopped the VM in Outscale's API log (ReadApiLogs)",
		},
	}
}
