package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

const (
	// launchTTL and registrationTTL are after how long Karpenter deletes a NodeClaim.
	launchTTL       = 5 * time.Minute
	registrationTTL = 15 * time.Minute
	// lookBack is how old an event may be to be about now. A claim without capacity is deleted at once: its events stay.
	lookBack = 15 * time.Minute
	// launchPatience is how long a launch takes when nothing is wrong.
	launchPatience = time.Minute
)

func launchChecks() []Check {
	claims := []fleet.Source{fleet.SourceNodeClaims}
	events := []fleet.Source{fleet.SourceEvents}
	classes := []fleet.Source{fleet.SourceNodeClasses}
	return []Check{
		{ID: "KPO101", Title: "NodeClass not ready", Severity: Error, Needs: classes, Find: notReadyClasses, ExplainedBy: []string{"KPO105"}},
		{ID: "KPO102", Title: "no capacity", Severity: Error, Needs: events, Find: func(w *World) Verdict {
			if !w.wanting() {
				return Verdict{}
			}
			return eventFindings(w, eventRule{
				reasons: []string{"InsufficientCapacityError"}, unless: []string{"quota", "OutscaleNodeClass", " 10021 "}, // every refusal names the subnet; 10021 is one that is full
				cause: "Outscale has no room for any of the VM types that the NodePool allows",
				next:  "kubectl kpo types", fix: "allow more types or subregions in the NodePool; Karpenter tries again by itself",
			})
		}},
		{ID: "KPO103", Title: "quota reached", Severity: Error, Needs: []fleet.Source{fleet.SourceEvents, fleet.SourceQuotas}, Find: quotaReached},
		{ID: "KPO104", Title: "API access refused", Severity: Error, Needs: claims, Find: launchReason(
			"APIUnauthorized", "Outscale refuses the controller's access key",
			"check the key in Secret osc-secret, its EIM policy, and the clock of the controller's node")},
		{ID: "KPO105", Title: "image not usable", Severity: Error, Needs: classes, Find: badImages},
		{ID: "KPO106", Title: "subnet full", Severity: Error, Needs: events, Find: func(w *World) Verdict {
			return eventFindings(w, eventRule{
				reasons: []string{"SubnetFull"}, cause: "a subnet of the NodeClass has no free address",
				next: "kubectl get oscnc -o wide", fix: "add a subnet to spec.subnetIds of the OutscaleNodeClass",
			})
		}},
		{ID: "KPO107", Title: "launch refused", Severity: Error, Needs: events, ExplainedBy: []string{"KPO101"}, Find: func(w *World) Verdict {
			return eventFindings(w, eventRule{
				reasons: []string{"LaunchRefused"}, cause: "Outscale refuses the request to create the VM",
				next: "kubectl get oscnc -o yaml", fix: "correct the field of the OutscaleNodeClass that the message names",
			})
		}},
		{ID: "KPO108", Title: "API throttled or unavailable", Severity: Warning, Needs: claims, Find: throttled},
		{ID: "KPO109", Title: "NodePool without NodeClass", Severity: Error, Needs: []fleet.Source{fleet.SourceNodePools, fleet.SourceNodeClasses}, Find: poolsWithoutClass},
		{
			ID: "KPO110", Title: "launch does not happen", Severity: Error, Needs: claims, Find: stuckLaunches,
			ExplainedBy: []string{"KPO101", "KPO102", "KPO103", "KPO104", "KPO105", "KPO106", "KPO107", "KPO108", "KPO603"},
		},
	}
}

func notReadyClasses(w *World) Verdict {
	return classFindings(w, func(class *v1alpha1.OutscaleNodeClass) (string, string, time.Time) {
		for _, condition := range class.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == metav1.ConditionFalse {
				return "NodeClass condition " + strings.Join(falseConditions(class), ", ") + " is false", cmp.Or(class.Trouble(), condition.Message), condition.LastTransitionTime.Time
			}
		}
		return "", "", time.Time{}
	})
}

func badImages(w *World) Verdict {
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
func classFindings(w *World, judge func(*v1alpha1.OutscaleNodeClass) (string, string, time.Time)) Verdict {
	var out Verdict
	for i := range w.NodeClasses {
		class := &w.NodeClasses[i]
		cause, message, since := judge(class)
		if cause == "" {
			continue
		}
		out.Findings = append(out.Findings, Finding{
			Subject: Ref{Kind: "OutscaleNodeClass", Name: class.Name, Since: since.UTC()}, Confidence: Certain, Cause: cause,
			Evidence: []Evidence{{Source: "class", Text: short(class.Name + ": " + message), At: since.UTC()}},
			Next:     "kubectl get oscnc " + class.Name + " -o yaml", Fix: "correct the field that the message names: no node is launched before",
		})
	}
	return out
}

func quotaReached(w *World) Verdict {
	full := fullQuotas(w.Quotas)
	out := eventFindings(w, eventRule{
		reasons: []string{"QuotaExceeded"}, cause: "a quota of the Outscale account is reached",
		next: "kubectl kpo nodes -o wide", fix: "have the quota raised, or delete what is not needed (kubectl kpo orphans)",
	})
	switch {
	case len(full) > 0:
	case !w.wanting():
		return Verdict{}
	default:
		// A launch that wants more than is left is refused, too: with what is left the quota is not full.
		for i := range out.Findings {
			out.Findings[i].Confidence = Likely
		}
		return out
	}
	evidence := Evidence{Source: "quotas", Text: strings.Join(full, ", ")}
	if len(out.Findings) == 0 {
		out.Findings = append(out.Findings, Finding{
			Subject: Ref{Kind: "Account", Name: "quotas"}, Confidence: Likely, Cause: "a quota of the Outscale account is used up: the next launch will be refused",
			Evidence: []Evidence{evidence}, Next: "kubectl kpo nodes -o wide", Fix: "have the quota raised, or delete what is not needed (kubectl kpo orphans)",
		})
		return out
	}
	for i := range out.Findings {
		out.Findings[i].Evidence = append(out.Findings[i].Evidence, evidence)
	}
	return out
}

func fullQuotas(quotas []fleet.Quota) []string {
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
func launchReason(reason, cause, fix string) func(*World) Verdict {
	return func(w *World) Verdict {
		var out Verdict
		for _, m := range w.in(fleet.PhaseLaunching) {
			if launched := m.Condition(karpv1.ConditionTypeLaunched); launched.Reason == reason {
				out.Findings = append(out.Findings, launchFinding(m, cause, fix))
			}
		}
		return out
	}
}

func throttled(w *World) Verdict {
	slow := launchReason("APIThrottled", "Outscale answers that the account or the platform has too many calls",
		"find who else calls with this account; lower --oapi-rate-limit of the controller")(w)
	down := launchReason("APIUnavailable", "Outscale does not answer, or answers with an error of its own",
		"look at the status page of the region; Karpenter tries again with the same client token")(w)
	unpriced := launchReason("PricesUnavailable", "the controller could not read the price catalogue since its start",
		"add api:ReadCatalog to the EIM policy of the controller, or give the prices in its file of instance types")(w)
	return Verdict{Findings: slices.Concat(slow.Findings, down.Findings, unpriced.Findings)}
}

func launchFinding(m fleet.Machine, cause, fix string) Finding {
	launched := m.Condition(karpv1.ConditionTypeLaunched)
	text := fmt.Sprintf("Launched=%s %s: %s", launched.Status, launched.Reason, launched.Message)
	if launched.Status == "" {
		text = "has no condition Launched: no controller has looked at it"
	}
	return Finding{
		Subject: claimRef(m, m.Claim.CreationTimestamp.Time), Confidence: Certain, Cause: cause, Fix: fix,
		Evidence:    []Evidence{{Source: "claim", Text: short(text), At: launched.LastTransitionTime.UTC()}},
		Deadline:    m.Claim.CreationTimestamp.Add(launchTTL).UTC(),
		Consequence: "Karpenter deletes the NodeClaim", Next: "kubectl describe nodeclaim " + m.Claim.Name,
	}
}

func poolsWithoutClass(w *World) Verdict {
	var out Verdict
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		ref := pool.Spec.Template.Spec.NodeClassRef
		if ref == nil || ref.Group != v1alpha1.Group || w.classes[ref.Name] != nil {
			continue
		}
		out.Findings = append(out.Findings, Finding{
			Subject: Ref{Kind: "NodePool", Name: pool.Name, Since: conditionSince(pool, karpv1.ConditionTypeNodeClassReady)}, Confidence: Certain,
			Cause:    "the OutscaleNodeClass that the NodePool names does not exist",
			Evidence: []Evidence{{Source: "pool", Text: pool.Name + " names OutscaleNodeClass " + ref.Name}},
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
func stuckLaunches(w *World) Verdict {
	var out Verdict
	for _, m := range w.in(fleet.PhaseLaunching) {
		if w.since(m.Claim.CreationTimestamp.Time) < launchPatience {
			continue
		}
		launched := m.Condition(karpv1.ConditionTypeLaunched)
		switch launched.Reason {
		case "", "AwaitingReconciliation":
			f := launchFinding(m, "no controller works on the NodeClaim: Karpenter is down, or not the leader", "start the controller, or read its log")
			f.Confidence, f.Next = Likely, "kubectl get pods -A -l app.kubernetes.io/name=karpenter-provider-outscale"
			out.Findings = append(out.Findings, f)
		default:
			f := launchFinding(m, "the launch fails: "+launched.Reason, "read the message of the condition Launched")
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}
