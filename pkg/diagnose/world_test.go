package diagnose_test

import (
	"fmt"
	"time"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const clusterUID = "7f0d1b1e-0000-4000-8000-000000000001"

// now is when all snapshots of the tests are taken.
func now() time.Time { return time.Date(2026, 11, 22, 3, 12, 7, 0, time.UTC) }

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now().Add(-d)) }

// healthy is a cluster in which everything was read and nothing is wrong.
func healthy(claims ...string) *snapshot.Snapshot {
	s := &snapshot.Snapshot{
		TypeMeta: metav1.TypeMeta{APIVersion: snapshot.APIVersion, Kind: "Snapshot"},
		TakenAt:  now(), Sources: map[snapshot.Source]snapshot.SourceStatus{}, Consoles: map[string]string{},
		Cluster: snapshot.Cluster{
			Name: "prod", ID: "prod-ccm", From: "Deployment karpenter/karpenter", UID: clusterUID, CCMID: "prod-ccm", CCMFrom: "Deployment kube-system/ccm",
			Controller: &snapshot.Workload{Kind: "Deployment", Namespace: "karpenter", Name: "karpenter", Image: "kpo:v1.0.0", Wanted: 2, Available: 2, LeaderSeen: new(ago(5 * time.Second))},
			CCM:        &snapshot.Workload{Kind: "Deployment", Namespace: "kube-system", Name: "ccm", Image: "ccm:v1.0.0", Wanted: 1, Available: 1},
		},
		Quotas: []snapshot.Quota{{Name: "core_limit", Used: 12, Max: 100}, {Name: "vm_limit", Used: 3}},
	}
	for _, source := range allSources() {
		s.Sources[source] = snapshot.SourceStatus{State: snapshot.StateOK}
	}
	class := v1alpha1.OutscaleNodeClass{}
	class.Name, class.UID = "default", "class-uid"
	class.Status.Conditions = []status.Condition{{Type: "Ready", Status: "True"}, {Type: v1alpha1.ConditionImageReady, Status: "True"}}
	s.NodeClasses = []v1alpha1.OutscaleNodeClass{class}
	pool := karpv1.NodePool{}
	pool.Name, pool.CreationTimestamp = "default", ago(48*time.Hour)
	pool.Spec.Template.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	s.NodePools = []karpv1.NodePool{pool}
	for i, name := range claims {
		add(s, name, i)
	}
	return s
}

func allSources() []snapshot.Source {
	return []snapshot.Source{
		snapshot.SourceVMs, snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourcePrices, snapshot.SourceNodeClaims, snapshot.SourceNodes,
		snapshot.SourceNodePools, snapshot.SourceNodeClasses, snapshot.SourceEvents, snapshot.SourcePods, snapshot.SourceBudgets, snapshot.SourceAttachments,
		snapshot.SourceController, snapshot.SourceCCM, snapshot.SourceClusterUID, snapshot.SourceClusterNames, snapshot.SourceCSRs,
	}
}

func vmID(i int) string { return fmt.Sprintf("i-0000%04x", i+1) }

// add makes a machine that has run for an hour.
func add(s *snapshot.Snapshot, name string, i int) {
	created := ago(time.Hour)
	claim := karpv1.NodeClaim{}
	claim.Name, claim.UID, claim.CreationTimestamp = name, types.UID("uid-"+name), created
	claim.Labels = map[string]string{karpv1.NodePoolLabelKey: "default"}
	claim.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	claim.Status.ProviderID = "aws:///eu-west-2a/" + vmID(i)
	claim.Status.NodeName = name
	for k, kind := range []string{"Launched", "Registered", "Initialized"} {
		set(&claim, kind, metav1.ConditionTrue, kind, time.Hour-time.Duration(k+1)*20*time.Second)
	}
	node := corev1.Node{}
	node.Name, node.CreationTimestamp = name, ago(59*time.Minute)
	node.Labels = map[string]string{karpv1.NodePoolLabelKey: "default"}
	node.Spec.ProviderID = claim.Status.ProviderID
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: ago(58 * time.Minute)}}
	v := snapshot.VM{
		ID: vmID(i), State: vm.StateRunning, Type: "tinav6.c4r8p1", Subregion: "eu-west-2a", PrivateIP: fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250), CreatedAt: created.Time,
	}
	v.Tags = s.Cluster.Owned().Tags(owner.Of(&claim, &s.NodeClasses[0], v.PrivateIP), nil)
	s.NodeClaims, s.Nodes, s.VMs = append(s.NodeClaims, claim), append(s.Nodes, node), append(s.VMs, v)
}

func set(claim *karpv1.NodeClaim, kind string, state metav1.ConditionStatus, reason string, before time.Duration) {
	condition := status.Condition{Type: kind, Status: state, Reason: reason, Message: "message of " + reason, LastTransitionTime: ago(before)}
	for i := range claim.Status.Conditions {
		if claim.Status.Conditions[i].Type == kind {
			claim.Status.Conditions[i] = condition
			return
		}
	}
	claim.Status.Conditions = append(claim.Status.Conditions, condition)
}

// launching takes the first machine back to the time before its VM.
func launching(s *snapshot.Snapshot, reason string, age time.Duration) {
	claim := &s.NodeClaims[0]
	claim.CreationTimestamp, claim.Status.ProviderID, claim.Status.NodeName = ago(age), "", ""
	claim.Status.Conditions = nil
	set(claim, "Launched", metav1.ConditionUnknown, reason, age)
	s.Nodes, s.VMs = s.Nodes[1:], s.VMs[1:]
}

// booting takes the first machine back to the time before its Node.
func booting(s *snapshot.Snapshot, age time.Duration, console string) {
	claim := &s.NodeClaims[0]
	claim.CreationTimestamp, claim.Status.NodeName = ago(age), ""
	claim.Status.Conditions = nil
	set(claim, "Launched", metav1.ConditionTrue, "Launched", age-2*time.Second)
	set(claim, "Registered", metav1.ConditionUnknown, "NodeNotFound", age-2*time.Second)
	s.VMs[0].CreatedAt = now().Add(-age)
	s.Consoles[s.VMs[0].ID] = console
	s.Nodes = s.Nodes[1:]
}

// initializing takes the first machine back to the time when its Node has just registered.
func initializing(s *snapshot.Snapshot, reason string, age time.Duration) {
	set(&s.NodeClaims[0], "Registered", metav1.ConditionTrue, "Registered", age)
	set(&s.NodeClaims[0], "Initialized", metav1.ConditionUnknown, reason, age)
	s.Nodes[0].CreationTimestamp = ago(age)
}

func notReady(s *snapshot.Snapshot, reason, message string, since time.Duration) {
	s.Nodes[0].Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: ago(since)}}
}

// terminating makes the first machine go.
func terminating(s *snapshot.Snapshot, since time.Duration) {
	s.NodeClaims[0].DeletionTimestamp = new(ago(since))
	s.NodeClaims[0].Finalizers = []string{"karpenter.sh/termination"}
	set(&s.NodeClaims[0], "Drained", metav1.ConditionUnknown, "Draining", since)
}

func event(kind, name, reason, message string, before time.Duration) corev1.Event {
	e := corev1.Event{Type: corev1.EventTypeWarning, Reason: reason, Message: message, LastTimestamp: ago(before)}
	e.Name, e.InvolvedObject.Kind, e.InvolvedObject.Name = name+"."+reason, kind, name
	return e
}

func pod(name, node string, labels, annotations map[string]string) corev1.Pod {
	p := corev1.Pod{}
	p.Namespace, p.Name, p.Labels, p.Annotations = "shop", name, labels, annotations
	p.Spec.NodeName, p.Status.Phase = node, corev1.PodRunning
	return p
}

// console is what a boot prints before anything goes wrong, and then the line.
func console(line string) string {
	return "[    1.000000] [talos] [initramfs] booting Talos v1.13.0\n[    3.000000] [talos] fetching machine config from AWS\n[   38.400000] " + line + "\n"
}

func ownerOf(claimUID string) vm.Owner { return vm.Owner{NodeClaimUID: claimUID} }
