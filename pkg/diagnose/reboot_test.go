package diagnose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	corecloud "sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// silent makes the first kubelet stop reporting.
func silent(s *snapshot.Snapshot, since time.Duration) {
	notReady(s, "NodeStatusUnknown", "Kubelet stopped posting node status.", since)
	s.Nodes[0].Status.Conditions[0].Status = corev1.ConditionUnknown
}

// requested has node repair decide to reboot the first machine.
func requested(s *snapshot.Snapshot, since time.Duration) {
	silent(s, since+10*time.Minute)
	set(&s.NodeClaims[0], karpv1.ConditionTypeRebooting, metav1.ConditionTrue, karpv1.RebootReasonRequested, since)
	s.NodeClaims[0].Status.Conditions[3].Message = "rebooting for Ready/NodeStatusUnknown"
	set(&s.NodeClaims[0], karpv1.ConditionTypeDisruptionReason, metav1.ConditionTrue, "Unhealthy", since)
	s.NodeClaims[0].Annotations = map[string]string{karpv1.RebootTerminationGracePeriodAnnotationKey: "10m0s"}
	s.Nodes[0].Status.NodeInfo.BootID = "before"
}

// issued has Outscale take the reboot of the first machine.
func issued(s *snapshot.Snapshot, since time.Duration) {
	requested(s, since)
	set(&s.NodeClaims[0], karpv1.ConditionTypeRebooting, metav1.ConditionTrue, karpv1.RebootReasonIssued, since)
	set(&s.NodeClaims[0], "Initialized", metav1.ConditionUnknown, karpv1.RebootReasonRebooting, since)
	s.NodeClaims[0].Annotations[karpv1.RebootPreBootIDAnnotationKey] = "before"
}

func rebootScenarios() map[rule.ID]scenario {
	drains := func(since time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			requested(s, since)
			s.Pods = []corev1.Pod{pod("batch-0", s.Nodes[0].Name, nil, map[string]string{karpv1.DoNotDisruptAnnotationKey: "true"})}
		}
	}
	waits := func(since time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { issued(s, since) }
	}
	return map[rule.ID]scenario{
		"KPO408": {
			trouble: func(s *snapshot.Snapshot) {
				requested(s, 2*time.Minute)
				terminating(s, time.Minute)
				s.Events = []corev1.Event{
					event("NodeClaim", s.NodeClaims[0].Name, "RebootForbidden", "the access key may not call RebootVms", time.Minute),
					event("NodeClaim", s.NodeClaims[0].Name, "RebootFailed", "reboot rejected by the cloud provider: RebootVms: 4 AccessDenied", time.Minute),
				}
			},
			nearMiss: func(s *snapshot.Snapshot) {
				// The reboot before this one failed.
				requested(s, 2*time.Minute)
				terminating(s, time.Minute)
				s.Events = []corev1.Event{event("NodeClaim", s.NodeClaims[0].Name, "RebootFailed", "reboot rejected by the cloud provider", 3*time.Minute)}
			},
			certain: []string{"event"},
		},
		"KPO409": {trouble: drains(6 * time.Minute), nearMiss: drains(4 * time.Minute), certain: []string{"claim"}},
		"KPO410": {trouble: waits(6 * time.Minute), nearMiss: waits(4 * time.Minute), certain: []string{"claim"}},
		"KPO411": {
			trouble:  func(s *snapshot.Snapshot) { silent(s, 3*time.Minute); s.Cluster.NodeRepair = snapshot.RepairOn },
			nearMiss: func(s *snapshot.Snapshot) { silent(s, 30*time.Second); s.Cluster.NodeRepair = snapshot.RepairOn },
			certain:  []string{"node"},
		},
	}
}

// only returns the only problem there may be, as one text.
func only(t *testing.T, s *snapshot.Snapshot, check rule.ID) string {
	t.Helper()
	problems := diagnose.Run(s, diagnose.Rules()).Problems
	if len(problems) != 1 || problems[0].Check != check {
		t.Fatalf("problems %+v, want %s alone", problems, check)
	}
	p := problems[0]
	text := []string{p.Cause, p.Fix, p.Next, p.Consequence}
	for _, e := range p.Evidence {
		text = append(text, e.Text)
	}
	return strings.Join(append(text, p.Deadline.Format(time.TimeOnly)), "\n")
}

func says(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("no %q in\n%s", word, text)
		}
	}
}

func TestRebootThatGoesWellFindsNothing(t *testing.T) {
	for name, change := range map[string]func(*snapshot.Snapshot){
		"requested": func(s *snapshot.Snapshot) { requested(s, 4*time.Minute) },
		"issued":    func(s *snapshot.Snapshot) { issued(s, 4*time.Minute) },
		"booted":    func(s *snapshot.Snapshot) { issued(s, 4*time.Minute); s.Nodes[0].Status.NodeInfo.BootID = "after" },
		"drifted": func(s *snapshot.Snapshot) {
			issued(s, 4*time.Minute)
			set(&s.NodeClaims[0], "Drifted", metav1.ConditionTrue, "NodePoolDrifted", time.Hour)
			s.Events = []corev1.Event{event("NodeClaim", s.NodeClaims[0].Name, "DisruptionBlocked", "the node reboots", time.Minute)}
		},
		"back, not yet initialised": func(s *snapshot.Snapshot) {
			issued(s, 6*time.Minute)
			set(&s.NodeClaims[0], karpv1.ConditionTypeRebooting, metav1.ConditionFalse, karpv1.RebootReasonSucceeded, time.Minute)
			s.Nodes[0].Status.Conditions[0].Status = corev1.ConditionTrue
		},
	} {
		s := troubled(change)
		if r := diagnose.Run(s, diagnose.Rules()); !r.Healthy() {
			t.Errorf("%s: %+v", name, r.Problems)
		}
	}
}

func TestRebootOfVMThatIsGoneIsThatVMsTrouble(t *testing.T) {
	s := troubled(func(s *snapshot.Snapshot) { issued(s, 6*time.Minute); s.VMs[0].State = vm.StateTerminated })
	only(t, s, "KPO402")
}

func TestFailedRebootOfClaimThatIsGoneIsStillTold(t *testing.T) {
	for message, words := range map[string][]string{
		"node did not recover within the observation window":      {"within 20 minutes"},
		"reboot was not issued within the issuance timeout":       {"within 5 minutes", "controller's log"},
		"reboot rejected by the cloud provider: VM \"i-1\" is x":  {"Outscale refuses the reboot"},
		"invalid reboot request: parsing x":                       {"neither rebooted nor replaced"},
		"RebootForbidden":                                         {`"api:RebootVms"`},
		"i-1 carries neither the tags nor the client token of it": {"kubectl kpo tags"},
	} {
		s := healthy("default-7xk2p")
		s.Events = []corev1.Event{event("NodeClaim", "default-gone1", "RebootFailed", message, 5*time.Minute)}
		says(t, only(t, s, "KPO408"), append(words, message, "default-gone1")...)
		s.Events = []corev1.Event{event("NodeClaim", "default-gone1", "RebootFailed", message, time.Hour)}
		if r := diagnose.Run(s, diagnose.Rules()); !r.Healthy() {
			t.Errorf("an hour later: %+v", r.Problems)
		}
	}
}

func TestRebootWithInvalidRequestStays(t *testing.T) {
	s := troubled(func(s *snapshot.Snapshot) {
		set(&s.NodeClaims[0], karpv1.ConditionTypeRebooting, metav1.ConditionFalse, karpv1.RebootReasonFailed, time.Hour)
		s.NodeClaims[0].Status.Conditions[3].Message = "invalid reboot request: parsing x"
	})
	says(t, only(t, s, "KPO408"), "reboot-termination-grace-period", "kubectl describe nodeclaim default-7xk2p")
}

func TestRebootThatIsNotIssuedNamesWhatBlocksIt(t *testing.T) {
	blocked := func(change func(*snapshot.Snapshot)) string {
		t.Helper()
		return only(t, troubled(func(s *snapshot.Snapshot) { requested(s, 6*time.Minute); change(s) }), "KPO409")
	}
	says(t, blocked(func(s *snapshot.Snapshot) { scenarios()["KPO501"].trouble(s); s.NodeClaims[0].DeletionTimestamp = nil }),
		"PodDisruptionBudget shop/redis", "disruptionsAllowed=0", "reboots the node with the pods that are left", "03:16:07")
	says(t, blocked(func(s *snapshot.Snapshot) {
		s.NodeClaims[0].Annotations = nil
		s.Events = []corev1.Event{event("Node", s.Nodes[0].Name, "FailedDraining", "5 pods are waiting to be evicted", time.Minute)}
	}), "no grace period bounds this drain", "5 pods are waiting")
	says(t, blocked(func(s *snapshot.Snapshot) {
		s.NodeClaims[0].Annotations[karpv1.RebootTerminationGracePeriodAnnotationKey] = "0s"
	}),
		"does not make the call", "kubectl logs -n karpenter deployment/karpenter")
	says(t, blocked(func(s *snapshot.Snapshot) {
		s.NodeClaims[0].Annotations[karpv1.RebootPreBootIDAnnotationKey] = "before"
		s.NodeClaims[0].Annotations["karpenter.outscale.com/reboot"] = `{"operation":"x","sentAt":"2026-11-22T03:08:00.5Z"}`
	}), "Outscale has not taken the call", "no answer is recorded")
	earlier := blocked(func(s *snapshot.Snapshot) {
		s.NodeClaims[0].Annotations[karpv1.RebootPreBootIDAnnotationKey] = "before"
		s.NodeClaims[0].Annotations["karpenter.outscale.com/reboot"] = `{"operation":"x","sentAt":"2026-11-22T03:00:00.5Z"}`
	})
	if strings.Contains(earlier, "no answer is recorded") {
		t.Errorf("the call of an earlier reboot is told:\n%s", earlier)
	}
	says(t, blocked(func(s *snapshot.Snapshot) { s.Nodes = s.Nodes[1:] }), "the Node is gone")
}

func TestRebootThatDoesNotEndSaysHowLongKarpenterWaits(t *testing.T) {
	says(t, only(t, troubled(func(s *snapshot.Snapshot) { issued(s, 6*time.Minute) }), "KPO410"),
		"has not booted since", "kubectl kpo console default-7xk2p", "i-00000001 is running", "Karpenter deletes the NodeClaim", "03:26:07")
	says(t, only(t, troubled(func(s *snapshot.Snapshot) { issued(s, 6*time.Minute); s.Nodes[0].Status.NodeInfo.BootID = "after" }), "KPO410"),
		"the machine has booted, and its Node is not Ready", "Ready=Unknown")
	unmarked := func(s *snapshot.Snapshot) {
		issued(s, 6*time.Minute)
		delete(s.NodeClaims[0].Annotations, karpv1.RebootPreBootIDAnnotationKey)
	}
	says(t, only(t, troubled(unmarked), "KPO410"), "the node is not back")
	says(t, only(t, troubled(func(s *snapshot.Snapshot) { issued(s, 6*time.Minute); s.Nodes = s.Nodes[1:] }), "KPO410"), "the Node is gone")
}

func TestSilentNodeSaysWhatNodeRepairWillDo(t *testing.T) {
	silence := func(repair snapshot.NodeRepair, change func(*snapshot.Snapshot)) string {
		t.Helper()
		return only(t, troubled(func(s *snapshot.Snapshot) { silent(s, 3*time.Minute); s.Cluster.NodeRepair = repair; change(s) }), "KPO411")
	}
	nothing := func(*snapshot.Snapshot) {}
	vetoed := func(s *snapshot.Snapshot) {
		s.Nodes[0].Annotations = map[string]string{karpv1.DoNotRepairAnnotationKey: "true"}
	}
	says(t, silence(snapshot.RepairOn, nothing), "node repair is on", "may reboot the VM", "03:19:07")
	says(t, silence(snapshot.RepairOff, nothing), "node repair is off", "00:00:00")
	says(t, silence(snapshot.RepairLegacy, nothing), "reboots none", "00:00:00")
	says(t, silence(snapshot.RepairUnknown, nothing), "is not visible", "00:00:00")
	says(t, silence(snapshot.RepairOff, vetoed), "node repair is off")
	says(t, silence(snapshot.RepairOn, vetoed), "do-not-repair=true keeps Karpenter", "karpenter.sh/do-not-repair-", "00:00:00")
	says(t, silence(snapshot.RepairUnknown, vetoed), "do-not-repair=true keeps Karpenter")
	says(t, silence(snapshot.RepairOn, func(s *snapshot.Snapshot) { s.Nodes[0].Status.Conditions[0].Reason = "NodeStatusNeverUpdated" }), "may replace the node", "03:29:07")
	says(t, silence(snapshot.RepairOn, func(s *snapshot.Snapshot) {
		set(&s.NodeClaims[0], karpv1.ConditionTypeRebooting, metav1.ConditionFalse, karpv1.RebootReasonSucceeded, 2*time.Minute)
	}), "03:20:07")
	says(t, silence(snapshot.RepairOn, func(s *snapshot.Snapshot) { s.Cluster.RepairAfter.Silent = time.Hour }), "04:")
	says(t, silence(snapshot.RepairOn, func(s *snapshot.Snapshot) {
		s.Events = []corev1.Event{event("Node", s.Nodes[0].Name, "NodeRepairBlocked", "more than 20% of nodes are unhealthy", time.Minute)}
	}), "something blocks it", "more than 20%")
	says(t, silence(snapshot.RepairOn, func(s *snapshot.Snapshot) {
		s.Events = []corev1.Event{event("Node", s.Nodes[0].Name, "DisruptionBlocked", "before it was silent", 4*time.Minute)}
	}), "node repair is on\n")
}

// TestRepairTimesAreTheControllers holds the times of KPO411 to those that the controller gives to Karpenter.
func TestRepairTimesAreTheControllers(t *testing.T) {
	policies := cloudprovider.New(cloudprovider.Kube{}, nil, nil, nil, nil, cloudprovider.DefaultRepairTimes()).RepairPolicies()
	after := func(reason string) (time.Duration, corecloud.RepairAction) {
		i := slices.IndexFunc(policies, func(p corecloud.RepairPolicy) bool {
			return p.ConditionType == corev1.NodeReady && strings.Trim(p.ReasonRegex, "^$") == reason
		})
		if i < 0 {
			t.Fatalf("no policy for %q", reason)
		}
		return policies[i].TolerationDuration, policies[i].Action
	}
	for reason, want := range map[string]corecloud.RepairAction{"NodeStatusUnknown": corecloud.RebootNode, "": corecloud.ReplaceNode} {
		tolerated, action := after(reason)
		s := troubled(func(s *snapshot.Snapshot) {
			silent(s, 3*time.Minute)
			s.Nodes[0].Status.Conditions[0].Reason, s.Cluster.NodeRepair = reason, snapshot.RepairOn
		})
		if action != want {
			t.Errorf("%q is treated by %s, want %s", reason, action, want)
		}
		says(t, only(t, s, "KPO411"), now().Add(tolerated-3*time.Minute).Format(time.TimeOnly))
	}
}
