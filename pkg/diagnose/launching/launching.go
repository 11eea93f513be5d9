package launching

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// launchTTL is after how long Karpenter deletes a NodeClaim that is not launched.
const launchTTL = 5 * time.Minute

func notReadyClasses(w *rule.World) rule.Verdict {
	return classFindings(w, func(class *v1alpha1.OutscaleNodeClass) (string, string, time.Time) {
		for _, condition := range class.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == metav1.ConditionFalse {
				return "NodeClass condition " + strings.Join(falseConditions(class), ", ") + " is false", cmp.Or(class.Trouble(), condition.Message), condition.LastTransitionTime.Time
			}
		}
		return "", "", time.Time{}
	})
}

func badImages(w *rule.World) rule.Verdict {
	return classFindings(w, func(class *v1alpha1.OutscaleNodeClass) (string, string, time.Time) {
		for _, condition := range class.Status.Conditions {
			if condition.Type == v1alpha1.ConditionImageReady && condition.Status == metav1.ConditionFalse {
				return "the OMI of the NodeClass cannot be used", condition.Message, condition.LastTransitionTime.Time
			}
		}
		return "", "", time.Time{}
	})
}

func falseConditions(class *v1alpha1.OutscaleNodeClass) []string {
	var out []string
	for _, condition := range class.Status.Conditions {
		if condition.Type != "Ready" && condition.Status == metav1.ConditionFalse {
			out = append(out, condition.Type)
		}
	}
	slices.Sort(out)
	if len(out) == 0 {
		return []string{"Ready"}
	}
	return out
}

// classFindings makes a finding of each NodeClass for which judge returns a cause.
func classFindings(w *rule.World, judge func(*v1alpha1.OutscaleNodeClass) (string, string, time.Time)) rule.Verdict {
	var out rule.Verdict
	for i := range w.NodeClasses {
		class := &w.NodeClasses[i]
		cause, message, since := judge(class)
		if cause == "" {
			continue
		}
		out.Findings = append(out.Findings, rule.Finding{
			Subject: rule.Ref{Kind: "OutscaleNodeClass", Name: class.Name, Since: since.UTC()}, Confidence: rule.Certain, Cause: cause,
			Evidence: []rule.Evidence{{Source: "class", Text: facts.Short(class.Name + ": " + message), At: since.UTC()}},
			Next:     "kubectl get oscnc " + class.Name + " -o yaml", Fix: "correct the field that the message names: no node is launched before",
		})
	}
	return out
}

func quotaReached(w *rule.World) rule.Verdict {
	full := fullQuotas(w.Quotas)
	out := eventFindings(w, eventRule{
		reasons: []string{"QuotaExceeded"}, cause: "a quota of the Outscale account is reached",
		next: "kubectl kpo nodes -o wide", fix: "have the quota raised, or delete what is not needed (kubectl kpo orphans)",
	})
	switch {
	case len(full) > 0:
	case !w.Wanting():
		return rule.Verdict{}
	default:
		// A launch that wants more than is left is refused, too: with what is left the quota is not full.
		for i := range out.Findings {
			out.Findings[i].Confidence = rule.Likely
		}
		return out
	}
	evidence := rule.Evidence{Source: "quotas", Text: strings.Join(full, ", ")}
	if len(out.Findings) == 0 {
		out.Findings = append(out.Findings, rule.Finding{
			Subject: rule.Ref{Kind: "Account", Name: "quotas"}, Confidence: rule.Likely, Cause: "a quota of the Outscale account is used up: the next launch will be refused",
			Evidence: []rule.Evidence{evidence}, Next: "kubectl kpo nodes -o wide", Fix: "have the quota raised, or delete what is not needed (kubectl kpo orphans)",
		})
		return out
	}
	for i := range out.Findings {
		out.Findings[i].Evidence = append(out.Findings[i].Evidence, evidence)
	}
	return out
}

func fullQuotas(quotas []snapshot.Quota) []string {
	var out []string
	for _, quota := range quotas {
		if quota.Max > 0 && quota.Used >= quota.Max {
			out = append(out, fmt.Sprintf("%s %d of %d", quota.Name, quota.Used, quota.Max))
		}
	}
	slices.Sort(out)
	return out
}

// launchReason makes a check of one reason that the controller writes into the condition Launched.
func launchReason(reason, cause, fix string) func(*rule.World) rule.Verdict {
	return func(w *rule.World) rule.Verdict {
		var out rule.Verdict
		for _, m := range w.In(snapshot.PhaseLaunching) {
			if launched := m.Condition(karpv1.ConditionTypeLaunched); launched.Reason == reason {
				out.Findings = append(out.Findings, launchFinding(m, cause, fix))
			}
		}
		return out
	}
}

func throttled(w *rule.World) rule.Verdict {
	slow := launchReason("APIThrottled", "Outscale answers that the account or the platform has too many calls",
		"find who else calls with this account; lower --oapi-rate-limit of the controller")(w)
	down := launchReason("APIUnavailable", "Outscale does not answer, or answers with an error of its own",
		"look at the status page of the region; Karpenter tries again with the same client token")(w)
	unpriced := launchReason("PricesUnavailable", "the controller could not read the price catalogue since its start",
		"add api:ReadCatalog to the EIM policy of the controller, or give the prices in its file of instance types")(w)
	return rule.Verdict{Findings: slices.Concat(slow.Findings, down.Findings, unpriced.Findings)}
}

func launchFinding(m snapshot.Machine, cause, fix string) rule.Finding {
	launched := m.Condition(karpv1.ConditionTypeLaunched)
	text := fmt.Sprintf("Launched=%s %s: %s", launched.Status, launched.Reason, launched.Message)
	if launched.Status == "" {
		text = "has no condition Launched: no controller has looked at it"
	}
	return rule.Finding{
		Subject: facts.ClaimRef(m, m.Claim.CreationTimestamp.Time), Confidence: rule.Certain, Cause: cause, Fix: fix,
		Evidence:    []rule.Evidence{{Source: "claim", Text: facts.Short(text), At: launched.LastTransitionTime.UTC()}},
		Deadline:    m.Claim.CreationTimestamp.Add(launchTTL).UTC(),
		Consequence: "Karpenter deletes the NodeClaim", Next: "kubectl describe nodeclaim " + m.Claim.Name,
	}
}

func poolsWithoutClass(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		ref := pool.Spec.Template.Spec.NodeClassRef
		if ref == nil || ref.Group != v1alpha1.Group || w.Class(ref.Name) != nil {
			continue
		}
		out.Findings = append(out.Findings, rule.Finding{
			Subject: rule.Ref{Kind: "NodePool", Name: pool.Name, Since: conditionSince(pool, karpv1.ConditionTypeNodeClassReady)}, Confidence: rule.Certain,
			Cause:    "the OutscaleNodeClass that the NodePool names does not exist",
			Evidence: []rule.Evidence{{Source: "pool", Text: pool.Name + " names OutscaleNodeClass " + ref.Name}},
			Next:     "kubectl get oscnc", Fix: "create the OutscaleNodeClass, or correct nodeClassRef of the NodePool",
		})
	}
	return out
}

// conditionSince is since when a condition of the NodePool is false, zero where it is not.
func conditionSince(pool *karpv1.NodePool, kind string) time.Time {
	for _, condition := range pool.Status.Conditions {
		if condition.Type == kind && condition.Status == metav1.ConditionFalse {
			return condition.LastTransitionTime.UTC()
		}
	}
	return time.Time{}
}

// stuckLaunches finds launches that no controller works on, and those whose trouble has no rule of its own.
func stuckLaunches(w *rule.World) rule.Verdict {
	var out rule.Verdict
	for _, m := range w.In(snapshot.PhaseLaunching) {
		if w.Early(m.Claim.CreationTimestamp.Time) {
			continue
		}
		launched := m.Condition(karpv1.ConditionTypeLaunched)
		switch launched.Reason {
		case "", "AwaitingReconciliation":
			f := launchFinding(m, "no controller works on the NodeClaim: Karpenter is down, or not the leader", "start the controller, or read its log")
			f.Confidence, f.Next = rule.Likely, "kubectl get pods -A -l app.kubernetes.io/name=karpenter-provider-outscale"
			out.Findings = append(out.Findings, f)
		default:
			f := launchFinding(m, "the launch fails: "+launched.Reason, "read the message of the condition Launched")
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}
