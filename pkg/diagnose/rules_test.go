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

// scenario is a cluster where a rule must find something, and one where it almost would.
type scenario struct {
	trouble, nearMiss func(*snapshot.Snapshot)
	// certain are the sources of evidence on which a finding of the rule rests that is certain. A rule without any is
	// never certain: other causes show the same. It is empty, not nil, where the cause is its own evidence.
	certain []string
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
		"KPO101": {
			trouble: func(s *snapshot.Snapshot) {
				s.NodeClasses[0].Status.Conditions[0].Status = "False"
				s.NodeClasses[0].Status.Conditions[0].Message = "SubnetsReady=False"
				s.NodeClasses[0].Status.Conditions = append(s.NodeClasses[0].Status.Conditions, status.Condition{
					Type: v1alpha1.ConditionSubnetsReady, Status: "False", Message: "spec.subnetIds: subnet-1 does not exist",
				})
			},
			nearMiss: func(s *snapshot.Snapshot) { s.NodeClasses[0].Status.Conditions[0].Status = "Unknown" },
			certain:  []string{"class"},
		},
		"KPO102": {
			trouble:  gone("InsufficientCapacityError", `NodeClaim default-gone1 event: insufficient capacity, creating a tinav7.c16r32p1 in subnet "subnet-1": CreateVms: 10001 InsufficientCapacity: there is no capacity left (request 9f0c)`, time.Minute),
			nearMiss: gone("InsufficientCapacityError", "NodeClaim default-gone1 event: a quota of the account is reached", time.Minute),
			certain:  []string{"event"},
		},
		"KPO103": {
			trouble: func(s *snapshot.Snapshot) {
				gone("QuotaExceeded", "a quota of the Outscale account is reached (core_limit 100 of 100)", time.Minute)(s)
				s.Quotas[0].Used = 100
			},
			nearMiss: func(s *snapshot.Snapshot) {
				s.Quotas = []snapshot.Quota{{Name: "core_limit", Used: 99, Max: 100}, {Name: "vm_limit", Used: 9}}
			},
			certain: []string{"event", "quotas"},
		},
		"KPO104": {trouble: func(s *snapshot.Snapshot) { launching(s, "APIUnauthorized", 30*time.Second) }, nearMiss: func(s *snapshot.Snapshot) { launching(s, "LaunchFailed", 30*time.Second) }, certain: []string{"claim"}},
		"KPO105": {trouble: class(v1alpha1.ConditionImageReady, "False"), nearMiss: class(v1alpha1.ConditionImageReady, "Unknown"), certain: []string{"class"}},
		"KPO106": {trouble: gone("SubnetFull", "subnet subnet-1 has no free address", time.Minute), nearMiss: gone("SubnetFull", "subnet subnet-1 has no free address", time.Hour), certain: []string{"event"}},
		"KPO107": {
			trouble: gone("LaunchRefused", "CreateVms: 4047 InvalidParameterValue", time.Minute),
			nearMiss: func(s *snapshot.Snapshot) {
				gone("LaunchRefused", "CreateVms: 4047 InvalidParameterValue", time.Minute)(s)
				set(&s.NodeClaims[0], "Launched", metav1.ConditionTrue, "Launched", 10*time.Second)
			},
			certain: []string{"event"},
		},
		"KPO108": {trouble: func(s *snapshot.Snapshot) { launching(s, "APIThrottled", 30*time.Second) }, nearMiss: func(s *snapshot.Snapshot) { launching(s, "LaunchFailed", 30*time.Second) }, certain: []string{"claim"}},
		"KPO109": {
			trouble: func(s *snapshot.Snapshot) { s.NodePools[0].Spec.Template.Spec.NodeClassRef.Name = "nobody" },
			nearMiss: func(s *snapshot.Snapshot) {
				s.NodePools[0].Spec.Template.Spec.NodeClassRef.Group = "karpenter.k8s.aws"
				s.NodePools[0].Spec.Template.Spec.NodeClassRef.Name = "other"
			},
			certain: []string{"pool"},
		},
		"KPO110": {trouble: func(s *snapshot.Snapshot) { launching(s, "AwaitingReconciliation", 2*time.Minute) }, nearMiss: func(s *snapshot.Snapshot) { launching(s, "AwaitingReconciliation", 30*time.Second) }},
	}
}

func bootScenarios() map[rule.ID]scenario {
	shows := func(line string, certain ...string) scenario {
		return scenario{
			trouble: func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, console(line)) },
			nearMiss: func(s *snapshot.Snapshot) {
				booting(s, 90*time.Second, console("[talos] machine config loaded successfully {\"sources\": [\"aws\"]}"))
			},
			certain: certain,
		}
	}
	return map[rule.ID]scenario{
		"KPO201": {
			trouble: func(s *snapshot.Snapshot) {
				booting(s, 10*time.Minute, "")
				s.VMs[0].State, s.VMs[0].StateReason = vm.StateStopped, "Client.UserInitiatedShutdown"
			},
			nearMiss: func(s *snapshot.Snapshot) { booting(s, time.Minute, ""); s.VMs[0].State = vm.StatePending },
			certain:  []string{"vm"},
		},
		"KPO202": shows(`[talos] retrying error: failed to fetch EC2 userdata: operation error ec2imds: GetUserData, http response error StatusCode: 400`, "console"),
		"KPO203": shows(`[talos] entering maintenance service {"component": "controller-runtime", "controller": "config.AcquireController"}`),
		"KPO204": shows(`[talos] install sequence: 3 phase(s)`, "console"),
		"KPO205": shows(`[talos] time query error {"component": "controller-runtime", "controller": "time.SyncController", "server": "169.254.169.123", "error": "i/o timeout"}`, "console"),
		"KPO206": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "secrets.APIController", "error": "failed to sign API server CSR: rpc error: code = Unavailable desc = dial tcp 10.0.1.10:50001: connect: connection refused"}`, "console"),
		"KPO207": shows(`[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart forever: task "kubelet" failed: exit code 1 (last log "cannot create certificate signing request: Unauthorized")`, "console"),
		"KPO208": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "k8s.KubeletSpecController", "error": "error unmarshalling extra kubelet configuration: strict decoding error: unknown field \"maxPodz\""}`, "console"),
		"KPO209": shows(`Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)`, "console"),
		"KPO210": {trouble: func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, "") }, nearMiss: func(s *snapshot.Snapshot) { booting(s, time.Minute, "") }},
		"KPO214": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "config.AcquireController", "error": "error unzipping machine config: unexpected EOF"}`, "console"),
		"KPO215": shows(`[talos] controller failed {"component": "controller-runtime", "controller": "k8s.NodeApplyController", "error": "nodes \"default-7xk2p\" is forbidden: is not allowed to modify taints"}`, "console"),
		"KPO211": {
			trouble: func(s *snapshot.Snapshot) {
				node := s.Nodes[0]
				booting(s, 10*time.Minute, "")
				node.Spec.ProviderID, node.CreationTimestamp = "osc:///eu-west-2a/"+s.VMs[0].ID, ago(8*time.Minute)
				s.Nodes = append(s.Nodes, node)
			},
			nearMiss: func(s *snapshot.Snapshot) {
				node := s.Nodes[0]
				booting(s, 2*time.Minute, "")
				node.Spec.ProviderID, node.CreationTimestamp = "", ago(90*time.Second)
				node.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Effect: corev1.TaintEffectNoSchedule}}
				s.Nodes = append(s.Nodes, node)
			},
			certain: []string{"node"},
		},
		"KPO212": {
			trouble: func(s *snapshot.Snapshot) {
				twin := *s.Nodes[0].DeepCopy()
				twin.Name = "ip-10-0-0-1"
				s.Nodes = append(s.Nodes, twin)
			},
			nearMiss: func(s *snapshot.Snapshot) {
				twin := *s.Nodes[0].DeepCopy()
				twin.Name, twin.Spec.ProviderID = "ip-10-0-0-1", ""
				twin.Labels = nil
				s.Nodes = append(s.Nodes, twin)
			},
			certain: []string{"node"},
		},
		"KPO217": {
			trouble: func(s *snapshot.Snapshot) {
				booting(s, 3*time.Minute, "")
				s.Events = []corev1.Event{event("NodeClaim", s.NodeClaims[0].Name, "NodeDeletedBeforeRegistration", "Node default-7xk2p was deleted. The VM is rebooted.", time.Minute)}
			},
			nearMiss: func(s *snapshot.Snapshot) {
				s.Events = []corev1.Event{event("NodeClaim", s.NodeClaims[0].Name, "NodeDeletedBeforeRegistration", "Node default-7xk2p was deleted. The VM is rebooted.", time.Minute)}
			},
		},
		"KPO216": {
			trouble:  func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, console("[talos] boot sequence: 21 phase(s)")) },
			nearMiss: func(s *snapshot.Snapshot) { booting(s, 4*time.Minute, console("[talos] boot sequence: 21 phase(s)")) },
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
		"KPO301": {trouble: notReadyFor(4*time.Minute, cni), nearMiss: notReadyFor(time.Minute, cni), certain: []string{"claim", "node"}},
		"KPO302": {trouble: waits("StartupTaintsExist", 6*time.Minute), nearMiss: waits("StartupTaintsExist", 4*time.Minute), certain: []string{"claim"}},
		"KPO303": {trouble: tainted(4 * time.Minute), nearMiss: tainted(time.Minute)},
		"KPO304": {trouble: waits("ResourceNotRegistered", 6*time.Minute), nearMiss: waits("ResourceNotRegistered", 4*time.Minute), certain: []string{"claim"}},
		"KPO305": {trouble: notReadyFor(4*time.Minute, "PLEG is not healthy"), nearMiss: notReadyFor(4*time.Minute, cni), certain: []string{"claim", "node"}},
		"KPO306": {trouble: waits("DRADriverPoolsNotPublished", 6*time.Minute), nearMiss: waits("DRADriverPoolsNotPublished", 4*time.Minute)},
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
			trouble: func(s *snapshot.Snapshot) {
				notReady(s, "NodeStatusUnknown", "Kubelet stopped posting node status.", 5*time.Minute)
			},
			nearMiss: func(s *snapshot.Snapshot) { notReady(s, "KubeletNotReady", "restarting", 30*time.Second) },
			certain:  []string{"node"},
		},
		"KPO402": {trouble: func(s *snapshot.Snapshot) { s.VMs = s.VMs[1:] }, nearMiss: func(s *snapshot.Snapshot) { s.VMs[0].State = vm.StatePending }, certain: []string{"claim"}},
		"KPO412": {
			trouble: func(s *snapshot.Snapshot) {
				s.VMs[0].State, s.VMs[0].StateReason = vm.StateStopped, "Client.UserInitiatedShutdown"
			},
			nearMiss: func(s *snapshot.Snapshot) { s.VMs[0].State = vm.StateTerminated },
			certain:  []string{"vm"},
		},
		"KPO403": {
			trouble: func(s *snapshot.Snapshot) {
				set(&s.NodeClaims[0], "ConsistentStateFound", metav1.ConditionFalse, "ConsistencyCheckFailed", time.Minute)
			},
			nearMiss: func(s *snapshot.Snapshot) {
				set(&s.NodeClaims[0], "ConsistentStateFound", metav1.ConditionUnknown, "AwaitingReconciliation", time.Minute)
			},
			certain: []string{"claim"},
		},
		"KPO404": {trouble: drifted(time.Hour), nearMiss: drifted(10 * time.Minute), certain: []string{"claim", "event"}},
		"KPO405": {trouble: drops(vm.TagManagedBy), nearMiss: drops("Name"), certain: []string{"vm"}},
		"KPO406": {trouble: drops(vm.TagNodeName, "OscK8sClusterID/prod-ccm"), nearMiss: drops(vm.TagNodePool), certain: []string{"vm"}},
		"KPO407": {trouble: drops("Name"), nearMiss: drops(vm.TagManagedBy), certain: []string{"vm"}},
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
		"KPO501": {trouble: drains(0), nearMiss: drains(1), certain: []string{"pdb", "pod"}},
		"KPO502": {trouble: annotated("true"), nearMiss: annotated("10m"), certain: []string{"pod"}},
		"KPO508": {trouble: twoBudgets("redis", "redis-copy"), nearMiss: twoBudgets("redis", "other"), certain: []string{"pdb", "pod"}},
		"KPO503": {trouble: detaching(4 * time.Minute), nearMiss: detaching(time.Minute), certain: []string{"claim", "volumes"}},
		"KPO504": {
			trouble:  func(s *snapshot.Snapshot) { terminating(s, time.Minute); s.VMs[0].Protected = true },
			nearMiss: func(s *snapshot.Snapshot) { s.VMs[0].Protected = true },
			certain:  []string{"vm"},
		},
		"KPO505": {trouble: gone(3 * time.Minute), nearMiss: gone(time.Minute)},
		"KPO506": {trouble: grace(-2 * time.Minute), nearMiss: grace(time.Minute), certain: []string{"claim"}},
		"KPO507": {trouble: func(s *snapshot.Snapshot) { terminating(s, 6*time.Minute) }, nearMiss: func(s *snapshot.Snapshot) { terminating(s, 4*time.Minute) }},
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
		"KPO601": {trouble: leaks(9 * 24 * time.Hour), nearMiss: leaks(5 * time.Minute)},
		"KPO603": {
			trouble:  func(s *snapshot.Snapshot) { s.Cluster.Controller.LeaderSeen = new(ago(2 * time.Minute)) },
			nearMiss: func(s *snapshot.Snapshot) { s.Cluster.Controller = nil },
			certain:  []string{"workload"},
		},
		"KPO604": {
			trouble: func(s *snapshot.Snapshot) {
				s.VMs = append(s.VMs, snapshot.VM{ID: "i-0000ffff", State: vm.StateRunning, Tags: map[string]string{vm.TagManagedBy: "prod", vm.TagClusterUID: "another"}})
			},
			nearMiss: func(s *snapshot.Snapshot) {
				s.VMs = append(s.VMs, snapshot.VM{ID: "i-0000ffff", State: vm.StateRunning, Tags: map[string]string{vm.TagManagedBy: "test", vm.TagClusterUID: "another"}})
			},
			certain: []string{"vm"},
		},
		"KPO605": {
			trouble: func(s *snapshot.Snapshot) { s.NodeClaims = s.NodeClaims[1:] },
			nearMiss: func(s *snapshot.Snapshot) {
				s.NodeClaims = s.NodeClaims[1:]
				notReady(s, "KubeletNotReady", "gone", time.Minute)
			},
		},
		"KPO608": {trouble: func(s *snapshot.Snapshot) { s.Cluster.CCMID = "other" }, nearMiss: func(s *snapshot.Snapshot) { s.Cluster.CCMFrom = "tags" }, certain: []string{"ccm", "controller"}},
		"KPO609": {trouble: func(s *snapshot.Snapshot) { s.Cluster.CCM.Available = 0 }, nearMiss: func(s *snapshot.Snapshot) { s.Cluster.CCM = nil }, certain: []string{"workload"}},
		"KPO611": {
			trouble:  func(s *snapshot.Snapshot) { s.Cluster.Controller.LeaderSeen = new(ago(-3 * time.Minute)) },
			nearMiss: func(s *snapshot.Snapshot) { s.Cluster.Controller.LeaderSeen = new(ago(-30 * time.Second)) },
			certain:  []string{"lease"},
		},
		"KPO610": {
			trouble:  func(s *snapshot.Snapshot) { s.VMs = nil; s.CheckAccount() },
			nearMiss: func(s *snapshot.Snapshot) { s.VMs = s.VMs[2:]; s.CheckAccount() },
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
