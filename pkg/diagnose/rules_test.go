package diagnose_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

var update = flag.Bool("update", false, "write the golden files anew")

// scenario is a cluster where a check must find something, and one where it almost would.
type scenario struct {
	trouble, nearMiss func(*snapshot.Snapshot)
}

func scenarios() map[rule.ID]scenario {
	out := map[rule.ID]scenario{}
	for _, family := range []map[rule.ID]scenario{
		launchScenarios(), pendingScenarios(), bootScenarios(), initScenarios(), runScenarios(), rebootScenarios(), againScenarios(),
		endScenarios(), fleetScenarios(), certificateScenarios(),
	} {
		maps.Copy(out, family)
	}
	return out
}

func launchScenarios() map[rule.ID]scenario {
	gone := func(reason, message string, before time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			if reason == "InsufficientCapacityError" {
				pending(s, 1, 90*time.Second)
			}
			s.Events = []corev1.Event{event("NodeClaim", "default-gone1", reason, message, before)}
		}
	}
	class := func(kind string, state metav1.ConditionStatus) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			conditions := s.NodeClasses[0].Status.Conditions
			conditions[0].Status, conditions[0].Message = "False", kind+" is not right"
			for i := range conditions {
				if conditions[i].Type == kind {
					conditions[i].Status, conditions[i].Message = state, "spec.imageId: ami-00000000 does not exist"
				}
			}
		}
	}
	return map[rule.ID]scenario{
		"KPO101": {func(s *snapshot.Snapshot) {
			s.NodeClasses[0].Status.Conditions[0].Status = "False"
			s.NodeClasses[0].Status.Conditions[0].Message = "SubnetsReady=False"
			s.NodeClasses[0].Status.Conditions = append(s.NodeClasses[0].Status.Conditions, status.Condition{
				Type: v1alpha1.ConditionSubnetsReady, Status: "False", Message: "spec.subnetIds: subnet-1 does not exist",
			})
		}, func(s *snapshot.Snapshot) { s.NodeClasses[0].Status.Conditions[0].Status = "Unknown" }},
		"KPO102": {
			gone("InsufficientCapacityError", `NodeClaim default-gone1 event: insufficient capacity, creating a tinav7.c16r32p1 in subnet "subnet-1": CreateVms: 10001 InsufficientCapacity: there is no capacity left (request 9f0c)`, time.Minute),
			gone("InsufficientCapacityError", "NodeClaim default-gone1 event: a quota of the account is reached", time.Minute),
		},
		"KPO103": {
			func(s *snapshot.Snapshot) {
				gone("QuotaExceeded", "a quota of the Outscale account is reached (core_limit 100 of 100)", time.Minute)(s)
				s.Quotas[0].Used = 100
			},
			func(s *snapshot.Snapshot) {
				s.Quotas = []snapshot.Quota{{Name: "core_limit", Used: 99, Max: 100}, {Name: "vm_limit", Used: 9}}
			},
		},
		"KPO104": {func(s *snapshot.Snapshot) { launching(s, "APIUnauthorized", 30*time.Second) }, func(s *snapshot.Snapshot) { launching(s, "LaunchFailed", 30*time.Second) }},
		"KPO105": {class(v1alpha1.ConditionImageReady, "False"), class(v1alpha1.ConditionImageReady, "Unknown")},
		"KPO106": {gone("SubnetFull", "subnet subnet-1 has no free address", time.Minute), gone("SubnetFull", "subnet subnet-1 has no free address", time.Hour)},
		"KPO107": {gone("LaunchRefused", "CreateVms: 4047 InvalidParameterValue", time.Minute), func(s *snapshot.Snapshot) {
			gone("LaunchRefused", "CreateVms: 4047 InvalidParameterValue", time.Minute)(s)
			set(&s.NodeClaims[0], "Launched", metav1.ConditionTrue, "Launched", 10*time.Second)
		}},
		"KPO108": {func(s *snapshot.Snapshot) { launching(s, "APIThrottled", 30*time.Second) }, func(s *snapshot.Snapshot) { launching(s, "LaunchFailed", 30*time.Second) }},
		"KPO109": {
			func(s *snapshot.Snapshot) { s.NodePools[0].Spec.Template.Spec.NodeClassRef.Name = "nobody" },
			func(s *snapshot.Snapshot) {
				s.NodePools[0].Spec.Template.Spec.NodeClassRef.Group = "karpenter.k8s.aws"
				s.NodePools[0].Spec.Template.Spec.NodeClassRef.Name = "other"
			},
		},
		"KPO110": {func(s *snapshot.Snapshot) { launching(s, "AwaitingReconciliation", 2*time.Minute) }, func(s *snapshot.Snapshot) { launching(s, "AwaitingReconciliation", 30*time.Second) }},
	}
}

func bootScenarios() map[rule.ID]scenario {
	shows := func(line string) scenario {
		return scenario{
			func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, console(line)) },
			func(s *snapshot.Snapshot) {
				booting(s, 90*time.Second, console("[talos] machine config loaded successfully {\"sources\": [\"aws\"]}"))
			},
		}
	}
	return map[rule.ID]scenario{
		"KPO201": {
			func(s *snapshot.Snapshot) {
				booting(s, 10*time.Minute, "")
				s.VMs[0].State, s.VMs[0].StateReason = vm.StateStopped, "Client.UserInitiatedShutdown"
			},
			func(s *snapshot.Snapshot) { booting(s, time.Minute, ""); s.VMs[0].State = vm.StatePending },
		},
		"KPO202": shows(`[talos] retrying error: failed to fetch EC2 userdata: operation error ec2imds: GetUserData, http response error StatusCode: 400`),
		"KPO203": shows(`[talos] entering maintenance service {"component": "controller-runtime", "controller": "config.AcquireController"}`),
		"KPO204": shows(`[talos] install sequence: 3 phase(s)`),
		"KPO205": shows(`[talos] time query error {"component": "controller-runtime", "controller": "time.SyncController", "server": "169.254.169.123", "error": "i/o timeout"}`),
		"KPO206": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "secrets.APIController", "error": "failed to sign API server CSR: rpc error: code = Unavailable desc = dial tcp 10.0.1.10:50001: connect: connection refused"}`),
		"KPO207": shows(`[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart forever: task "kubelet" failed: exit code 1 (last log "cannot create certificate signing request: Unauthorized")`),
		"KPO208": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "k8s.KubeletSpecController", "error": "error unmarshalling extra kubelet configuration: strict decoding error: unknown field \"maxPodz\""}`),
		"KPO209": shows(`Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)`),
		"KPO210": {func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, "") }, func(s *snapshot.Snapshot) { booting(s, time.Minute, "") }},
		"KPO214": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "config.AcquireController", "error": "error unzipping machine config: unexpected EOF"}`),
		"KPO215": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "k8s.NodeApplyController", "error": "nodes \"default-7xk2p\" is forbidden: is not allowed to modify taints"}`),
		"KPO211": {func(s *snapshot.Snapshot) {
			node := s.Nodes[0]
			booting(s, 10*time.Minute, "")
			node.Spec.ProviderID, node.CreationTimestamp = "osc:///eu-west-2a/"+s.VMs[0].ID, ago(8*time.Minute)
			s.Nodes = append(s.Nodes, node)
		}, func(s *snapshot.Snapshot) {
			node := s.Nodes[0]
			booting(s, 2*time.Minute, "")
			node.Spec.ProviderID, node.CreationTimestamp = "", ago(90*time.Second)
			node.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Effect: corev1.TaintEffectNoSchedule}}
			s.Nodes = append(s.Nodes, node)
		}},
		"KPO212": {func(s *snapshot.Snapshot) {
			twin := *s.Nodes[0].DeepCopy()
			twin.Name = "ip-10-0-0-1"
			s.Nodes = append(s.Nodes, twin)
		}, func(s *snapshot.Snapshot) {
			twin := *s.Nodes[0].DeepCopy()
			twin.Name, twin.Spec.ProviderID = "ip-10-0-0-1", ""
			twin.Labels = nil
			s.Nodes = append(s.Nodes, twin)
		}},
		"KPO217": {func(s *snapshot.Snapshot) {
			booting(s, 3*time.Minute, "")
			s.Events = []corev1.Event{event("NodeClaim", s.NodeClaims[0].Name, "NodeDeletedBeforeRegistration", "Node default-7xk2p was deleted. The VM is rebooted.", time.Minute)}
		}, func(s *snapshot.Snapshot) {
			s.Events = []corev1.Event{event("NodeClaim", s.NodeClaims[0].Name, "NodeDeletedBeforeRegistration", "Node default-7xk2p was deleted. The VM is rebooted.", time.Minute)}
		}},
		"KPO216": {
			func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, console("[talos] boot sequence: 21 phase(s)")) },
			func(s *snapshot.Snapshot) { booting(s, 4*time.Minute, console("[talos] boot sequence: 21 phase(s)")) },
		},
	}
}

func initScenarios() map[rule.ID]scenario {
	const cni = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"
	notReadyFor := func(age time.Duration, message string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			initializing(s, "NodeNotReady", age)
			notReady(s, "KubeletNotReady", message, age)
		}
	}
	tainted := func(age time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			initializing(s, "KnownEphemeralTaintsExist", age)
			s.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule}}
		}
	}
	waits := func(reason string, age time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { initializing(s, reason, age) }
	}
	return map[rule.ID]scenario{
		"KPO301": {notReadyFor(4*time.Minute, cni), notReadyFor(time.Minute, cni)},
		"KPO302": {waits("StartupTaintsExist", 6*time.Minute), waits("StartupTaintsExist", 4*time.Minute)},
		"KPO303": {tainted(4 * time.Minute), tainted(time.Minute)},
		"KPO304": {waits("ResourceNotRegistered", 6*time.Minute), waits("ResourceNotRegistered", 4*time.Minute)},
		"KPO305": {notReadyFor(4*time.Minute, "PLEG is not healthy"), notReadyFor(4*time.Minute, cni)},
		"KPO306": {waits("DRADriverPoolsNotPublished", 6*time.Minute), waits("DRADriverPoolsNotPublished", 4*time.Minute)},
	}
}

func runScenarios() map[rule.ID]scenario {
	drops := func(keys ...string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			for _, key := range keys {
				delete(s.VMs[0].Tags, key)
			}
		}
	}
	drifted := func(before time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			set(&s.NodeClaims[0], "Drifted", metav1.ConditionTrue, "NodePoolDrifted", before)
			s.Events = []corev1.Event{event("NodeClaim", s.NodeClaims[0].Name, "DisruptionBlocked", "PDB shop/redis prevents pod evictions", 5*time.Minute)}
		}
	}
	return map[rule.ID]scenario{
		"KPO401": {
			func(s *snapshot.Snapshot) {
				notReady(s, "NodeStatusUnknown", "Kubelet stopped posting node status.", 5*time.Minute)
			},
			func(s *snapshot.Snapshot) { notReady(s, "KubeletNotReady", "restarting", 30*time.Second) },
		},
		"KPO402": {func(s *snapshot.Snapshot) { s.VMs = s.VMs[1:] }, func(s *snapshot.Snapshot) { s.VMs[0].State = vm.StatePending }},
		"KPO412": {func(s *snapshot.Snapshot) {
			s.VMs[0].State, s.VMs[0].StateReason = vm.StateStopped, "Client.UserInitiatedShutdown"
		}, func(s *snapshot.Snapshot) { s.VMs[0].State = vm.StateTerminated }},
		"KPO403": {
			func(s *snapshot.Snapshot) {
				set(&s.NodeClaims[0], "ConsistentStateFound", metav1.ConditionFalse, "ConsistencyCheckFailed", time.Minute)
			},
			func(s *snapshot.Snapshot) {
				set(&s.NodeClaims[0], "ConsistentStateFound", metav1.ConditionUnknown, "AwaitingReconciliation", time.Minute)
			},
		},
		"KPO404": {drifted(time.Hour), drifted(10 * time.Minute)},
		"KPO405": {drops(vm.TagManagedBy), drops("Name")},
		"KPO406": {drops(vm.TagNodeName, "OscK8sClusterID/prod-ccm"), drops(vm.TagNodePool)},
		"KPO407": {drops("Name"), drops(vm.TagManagedBy)},
	}
}

func endScenarios() map[rule.ID]scenario {
	drains := func(allowed int32) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			terminating(s, 3*time.Minute)
			s.Pods = []corev1.Pod{pod("redis-0", s.Nodes[0].Name, map[string]string{"app": "redis"}, nil)}
			budget := policyv1.PodDisruptionBudget{}
			budget.Namespace, budget.Name = "shop", "redis"
			budget.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "redis"}}
			budget.Status.DisruptionsAllowed, budget.Status.CurrentHealthy, budget.Status.DesiredHealthy = allowed, 2, 2
			s.Budgets = []policyv1.PodDisruptionBudget{budget}
		}
	}
	annotated := func(value string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			terminating(s, time.Minute)
			s.Pods = []corev1.Pod{pod("batch-0", s.Nodes[0].Name, nil, map[string]string{karpv1.DoNotDisruptAnnotationKey: value})}
			s.Pods[0].Status.StartTime = new(ago(20 * time.Minute))
		}
	}
	detaching := func(since time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			terminating(s, since)
			set(&s.NodeClaims[0], "Drained", metav1.ConditionTrue, "Drained", since)
			set(&s.NodeClaims[0], "VolumesDetached", metav1.ConditionUnknown, "AwaitingVolumeDetachment", since)
			attachment := storagev1.VolumeAttachment{}
			attachment.Name, attachment.Spec.NodeName = "csi-1", s.Nodes[0].Name
			s.Attachments = []storagev1.VolumeAttachment{attachment}
		}
	}
	gone := func(since time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { terminating(s, since); s.VMs[0].State = vm.StateTerminated }
	}
	grace := func(end time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			terminating(s, 4*time.Minute)
			s.NodeClaims[0].Annotations = map[string]string{karpv1.NodeClaimTerminationTimestampAnnotationKey: now().Add(end).Format(time.RFC3339)}
		}
	}
	return map[rule.ID]scenario{
		"KPO501": {drains(0), drains(1)},
		"KPO502": {annotated("true"), annotated("10m")},
		"KPO508": {twoBudgets("redis", "redis-copy"), twoBudgets("redis", "other")},
		"KPO503": {detaching(4 * time.Minute), detaching(time.Minute)},
		"KPO504": {
			func(s *snapshot.Snapshot) { terminating(s, time.Minute); s.VMs[0].Protected = true },
			func(s *snapshot.Snapshot) { s.VMs[0].Protected = true },
		},
		"KPO505": {gone(3 * time.Minute), gone(time.Minute)},
		"KPO506": {grace(-2 * time.Minute), grace(time.Minute)},
		"KPO507": {func(s *snapshot.Snapshot) { terminating(s, 6*time.Minute) }, func(s *snapshot.Snapshot) { terminating(s, 4*time.Minute) }},
	}
}

func fleetScenarios() map[rule.ID]scenario {
	leaks := func(age time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.NodeClaims, s.Nodes = s.NodeClaims[1:], s.Nodes[1:]
			s.VMs[0].CreatedAt, s.VMs[0].EURPerHour = now().Add(-age), 0.2
		}
	}
	return map[rule.ID]scenario{
		"KPO601": {leaks(9 * 24 * time.Hour), leaks(5 * time.Minute)},
		"KPO603": {
			func(s *snapshot.Snapshot) { s.Cluster.Controller.LeaderSeen = new(ago(2 * time.Minute)) },
			func(s *snapshot.Snapshot) { s.Cluster.Controller = nil },
		},
		"KPO604": {
			func(s *snapshot.Snapshot) {
				s.VMs = append(s.VMs, snapshot.VM{ID: "i-0000ffff", State: vm.StateRunning, Tags: map[string]string{vm.TagManagedBy: "prod", vm.TagClusterUID: "another"}})
			},
			func(s *snapshot.Snapshot) {
				s.VMs = append(s.VMs, snapshot.VM{ID: "i-0000ffff", State: vm.StateRunning, Tags: map[string]string{vm.TagManagedBy: "test", vm.TagClusterUID: "another"}})
			},
		},
		"KPO605": {func(s *snapshot.Snapshot) { s.NodeClaims = s.NodeClaims[1:] }, func(s *snapshot.Snapshot) {
			s.NodeClaims = s.NodeClaims[1:]
			notReady(s, "KubeletNotReady", "gone", time.Minute)
		}},
		"KPO608": {func(s *snapshot.Snapshot) { s.Cluster.CCMID = "other" }, func(s *snapshot.Snapshot) { s.Cluster.CCMFrom = "tags" }},
		"KPO609": {func(s *snapshot.Snapshot) { s.Cluster.CCM.Available = 0 }, func(s *snapshot.Snapshot) { s.Cluster.CCM = nil }},
		"KPO610": {
			func(s *snapshot.Snapshot) { s.VMs = nil; s.CheckAccount() },
			func(s *snapshot.Snapshot) { s.VMs = s.VMs[2:]; s.CheckAccount() },
		},
	}
}

// troubled is the cluster of a scenario.
func troubled(change func(*snapshot.Snapshot)) *snapshot.Snapshot {
	s := healthy("default-7xk2p", "default-9qqzz", "default-web11")
	change(s)
	return s
}

func problemsOf(r diagnose.Report, check rule.ID) []diagnose.Problem {
	return slices.DeleteFunc(slices.Clone(r.Problems), func(p diagnose.Problem) bool { return p.Check != check })
}

func TestHealthyClusterPassesAllChecks(t *testing.T) {
	r := diagnose.Run(healthy("default-7xk2p", "default-9qqzz"), diagnose.Rules())
	if !r.Healthy() || len(r.Passed) != len(diagnose.Rules()) {
		t.Errorf("problems %v, not checked %v, %d passed", r.Problems, r.NotChecked, len(r.Passed))
	}
}

func TestEachCheckFindsItsTroubleAndNoNearMiss(t *testing.T) {
	all := scenarios()
	for _, check := range diagnose.Rules() {
		t.Run(string(check.ID), func(t *testing.T) {
			scenario, ok := all[check.ID]
			if !ok {
				t.Fatal("no scenario")
			}
			if near := problemsOf(diagnose.Run(troubled(scenario.nearMiss), diagnose.Rules()), check.ID); len(near) > 0 {
				t.Errorf("the near miss is taken for trouble: %+v", near)
			}
			found := problemsOf(diagnose.Run(troubled(scenario.trouble), diagnose.Rules()), check.ID)
			if len(found) == 0 {
				t.Fatalf("not found; instead %+v", diagnose.Run(troubled(scenario.trouble), diagnose.Rules()).Problems)
			}
			golden(t, string(check.ID), found)
		})
	}
}

func golden(t *testing.T, name string, value any) {
	t.Helper()
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("findings differ (-want +got), -update accepts them:\n%s", diff)
	}
}

func TestOrderOfWhatWasReadDoesNotMatter(t *testing.T) {
	for id, scenario := range scenarios() {
		want := diagnose.Run(troubled(scenario.trouble), diagnose.Rules())
		for range 5 {
			s := troubled(scenario.trouble)
			shuffle(s.NodeClaims)
			shuffle(s.Nodes)
			shuffle(s.VMs)
			shuffle(s.Events)
			shuffle(s.Pods)
			shuffle(s.Quotas)
			if diff := cmp.Diff(want, diagnose.Run(s, diagnose.Rules())); diff != "" {
				t.Errorf("%s: %s", id, diff)
			}
		}
	}
}

func shuffle[T any](items []T) {
	rand.Shuffle(len(items), func(i, k int) { items[i], items[k] = items[k], items[i] })
}

// blind is what a source that could not be read leaves behind.
func blind(s *snapshot.Snapshot, source snapshot.Source) {
	s.Sources[source] = snapshot.SourceStatus{State: snapshot.StateFailed, Reason: "forbidden"}
	switch source {
	case snapshot.SourceVMs:
		s.VMs = nil
	case snapshot.SourceConsoles:
		s.Consoles = map[string]string{}
	case snapshot.SourceQuotas:
		s.Quotas = nil
	case snapshot.SourceNodeClaims:
		s.NodeClaims = nil
	case snapshot.SourceNodes:
		s.Nodes = nil
	case snapshot.SourceNodePools:
		s.NodePools = nil
	case snapshot.SourceNodeClasses:
		s.NodeClasses = nil
	case snapshot.SourceEvents:
		s.Events = nil
	case snapshot.SourcePods:
		s.Pods = nil
	case snapshot.SourceBudgets:
		s.Budgets = nil
	case snapshot.SourceAttachments:
		s.Attachments = nil
	case snapshot.SourceController:
		s.Cluster.Controller = nil
	case snapshot.SourceCCM:
		s.Cluster.CCM = nil
	case snapshot.SourceClusterUID:
		s.Cluster.UID = ""
	case snapshot.SourceCSRs:
		s.CSRs = nil
	case snapshot.SourceClusterNames:
		s.Cluster.Name, s.Cluster.ID = "", ""
	default: // prices: they are part of the VMs
	}
}

func TestMissingSourceNeverTurnsTroubleIntoOK(t *testing.T) {
	for id, scenario := range scenarios() {
		before := diagnose.Run(troubled(scenario.trouble), diagnose.Rules())
		for _, source := range allSources() {
			s := troubled(scenario.trouble)
			blind(s, source)
			after := diagnose.Run(s, diagnose.Rules())
			for _, check := range diagnose.Rules() {
				if !slices.Contains(before.Passed, check.ID) && slices.Contains(after.Passed, check.ID) {
					t.Errorf("%s: without %s, %s passes", id, source, check.ID)
				}
			}
			if source != snapshot.SourcePrices && after.Healthy() {
				t.Errorf("%s: without %s all is well", id, source)
			}
		}
	}
}

func TestEmptySnapshotKnowsNothing(t *testing.T) {
	r := diagnose.Run(&snapshot.Snapshot{TakenAt: now()}, diagnose.Rules())
	if len(r.Passed) > 0 || len(r.Problems) > 0 || !r.Blind() {
		t.Errorf("passed %v, problems %v", r.Passed, r.Problems)
	}
}

func TestSourceThatNobodyWantedIsNoBlindness(t *testing.T) {
	s := healthy("default-7xk2p")
	for _, source := range []snapshot.Source{snapshot.SourceVMs, snapshot.SourceConsoles, snapshot.SourceQuotas} {
		s.Sources[source] = snapshot.SourceStatus{State: snapshot.StateSkipped, Reason: "--cloud=off"}
	}
	if r := diagnose.Run(s, diagnose.Rules()); r.Blind() || len(r.NotChecked) == 0 {
		t.Errorf("blind %v, not checked %v", r.Blind(), r.NotChecked)
	}
}

func TestChecksAreExplainedAndNumberedOnce(t *testing.T) {
	seen := map[rule.ID]bool{}
	ids := []rule.ID{}
	for _, check := range diagnose.Rules() {
		if seen[check.ID] {
			t.Errorf("%s is there twice", check.ID)
		}
		seen[check.ID] = true
		ids = append(ids, check.ID)
		page := check.Doc.String()
		for _, part := range []string{"means  ", "known by  ", "fix  ", "fixed if  "} {
			if !strings.Contains(page, part) {
				t.Errorf("%s: the page lacks %q", check.ID, part)
			}
		}
		if len(check.Needs) == 0 {
			t.Errorf("%s needs no source: it would pass unread", check.ID)
		}
	}
	for _, check := range diagnose.Rules() {
		for _, id := range check.ExplainedBy {
			if !slices.Contains(ids, id) {
				t.Errorf("%s is explained by %s, which does not exist", check.ID, id)
			}
		}
	}
}

func TestRootCauseHidesWhatFollowsFromIt(t *testing.T) {
	s := troubled(func(s *snapshot.Snapshot) {
		booting(s, 10*time.Minute, console("[talos] entering maintenance service {}"))
	})
	if r := diagnose.Run(s, diagnose.Rules()); len(r.Problems) != 1 || r.Problems[0].Check != "KPO203" {
		t.Errorf("problems %+v, want KPO203 alone", r.Problems)
	}
}
