package gather_test

import (
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// at is a moment of the reboots below.
func at(second int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 11, 22, 3, 0, second, 0, time.UTC))
}

// rebooted is a machine with the condition Rebooting, and one that is initialised unless it reboots.
func rebooted(state metav1.ConditionStatus, reason string, since int) (*snapshot.Snapshot, *karpv1.NodeClaim) {
	c := claim("default-7xk2p", "aws:///eu-west-2a/i-00000001")
	c.Status.NodeName = "default-7xk2p"
	initialized := status.Condition{Type: "Initialized", Status: metav1.ConditionTrue}
	if reason == karpv1.RebootReasonIssued {
		initialized = status.Condition{Type: "Initialized", Status: metav1.ConditionUnknown, Reason: karpv1.RebootReasonRebooting, LastTransitionTime: at(13)}
	}
	c.Status.Conditions = []status.Condition{
		{Type: "Launched", Status: metav1.ConditionTrue},
		{Type: "Registered", Status: metav1.ConditionTrue},
		initialized,
		{Type: "Rebooting", Status: state, Reason: reason, Message: "rebooting for Ready/NodeStatusUnknown", LastTransitionTime: at(since)},
	}
	node := corev1.Node{}
	node.Name, node.Spec.ProviderID = c.Status.NodeName, c.Status.ProviderID
	return &snapshot.Snapshot{NodeClaims: []karpv1.NodeClaim{*c}, Nodes: []corev1.Node{node}}, c
}

func TestRebootIsAPhaseOfItsOwnUntilItEnds(t *testing.T) {
	for reason, want := range map[string]snapshot.Phase{
		karpv1.RebootReasonRequested: snapshot.PhaseRebooting, karpv1.RebootReasonIssued: snapshot.PhaseRebooting,
		karpv1.RebootReasonSucceeded: snapshot.PhaseRunning, karpv1.RebootReasonFailed: snapshot.PhaseRunning,
	} {
		state := metav1.ConditionFalse
		if want == snapshot.PhaseRebooting {
			state = metav1.ConditionTrue
		}
		s, _ := rebooted(state, reason, 10)
		if got := s.Machines()[0].Phase(); got != want {
			t.Errorf("%s: phase %s, want %s", reason, got, want)
		}
		s.NodeClaims[0].DeletionTimestamp = new(at(20))
		if got := s.Machines()[0].Phase(); got != snapshot.PhaseTerminating {
			t.Errorf("%s and deleted: phase %s", reason, got)
		}
	}
}

func TestRebootStepsComeFromWhereverTheyAreKept(t *testing.T) {
	const record = `{"operation":"uid-default-7xk2p-1795316410000000000-b","sentAt":"2026-11-22T03:00:12.5Z"`
	event := func(kind, reason, message string, second int) corev1.Event {
		e := corev1.Event{Reason: reason, Message: message, LastTimestamp: at(second)}
		e.InvolvedObject.Kind, e.InvolvedObject.Name = kind, "default-7xk2p"
		return e
	}
	step := func(second int, name, detail string) snapshot.RebootStep {
		return snapshot.RebootStep{At: at(second).Time, Step: name, Detail: detail}
	}
	const why = "rebooting for Ready/NodeStatusUnknown"
	for name, c := range map[string]struct {
		state  metav1.ConditionStatus
		reason string
		since  int
		record string
		events []corev1.Event
		want   []snapshot.RebootStep
	}{
		"requested, with the record of an earlier reboot": {
			"True", karpv1.RebootReasonRequested, 20, record + `,"accepted":true}`, nil, []snapshot.RebootStep{step(20, "requested", why)},
		},
		"call without an answer": {
			"True", karpv1.RebootReasonRequested, 10, record + "}", nil,
			[]snapshot.RebootStep{step(10, "requested", why), step(12, "sent", "no answer to RebootVms is recorded")},
		},
		"booted": {
			"True", karpv1.RebootReasonIssued, 10, record + `,"accepted":true}`,
			[]corev1.Event{event("NodeClaim", "RebootObserved", "seen", 31), event("Node", "Rebooted", "boot id: c", 30), event("Node", "Rebooted", "boot id: a", 1)},
			[]snapshot.RebootStep{step(10, "requested", why), step(12, "issued", "Outscale took RebootVms"), step(30, "booted", "boot id: c")},
		},
		"no record": {
			"True", karpv1.RebootReasonIssued, 10, "", nil, []snapshot.RebootStep{step(10, "requested", why), step(13, "issued", "")},
		},
		"back": {
			"False", karpv1.RebootReasonSucceeded, 40, record + `,"accepted":true}`, nil,
			[]snapshot.RebootStep{step(10, "requested", ""), step(12, "issued", "Outscale took RebootVms"), step(40, "back", why)},
		},
		"failed, and being deleted": {
			"True", karpv1.RebootReasonRequested, 10, "",
			[]corev1.Event{event("NodeClaim", "RebootFailed", "refused", 15)},
			[]snapshot.RebootStep{step(10, "requested", why), step(15, "failed", "refused")},
		},
		"never": {"", "", 0, "", []corev1.Event{event("Node", "Rebooted", "by hand", 15)}, nil},
	} {
		s, _ := rebooted(c.state, c.reason, c.since)
		s.NodeClaims[0].Annotations = map[string]string{v1alpha1.AnnotationReboot: c.record}
		s.Events = c.events
		if diff := cmp.Diff(c.want, s.RebootSteps(s.Machines()[0])); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNodeRepairIsWhatTheDeploymentSays(t *testing.T) {
	for env, want := range map[string]snapshot.NodeRepair{
		"":                                  snapshot.RepairUnknown,
		"NodeOverlay=true":                  snapshot.RepairUnknown,
		"NodeRepair=true,NodeOverlay=false": snapshot.RepairOn,
		"NodeOverlay=true, NodeRepair=True": snapshot.RepairOn,
		"NodeRepair=false":                  snapshot.RepairOff,
	} {
		deployment := controller()
		container := &deployment.Spec.Template.Spec.Containers[0]
		container.Env = append(container.Env, corev1.EnvVar{Name: "FEATURE_GATES", Value: env})
		if got := newWorld(t).gather(t, kubeSystem(), deployment).Cluster.NodeRepair; got != want {
			t.Errorf("%q: node repair %q, want %q", env, got, want)
		}
		container.Env = append(container.Env, corev1.EnvVar{Name: "LEGACY_NODE_REPAIR", Value: "true"})
		if want == snapshot.RepairOn {
			want = snapshot.RepairLegacy
		}
		if got := newWorld(t).gather(t, kubeSystem(), deployment).Cluster.NodeRepair; got != want {
			t.Errorf("legacy, %q: node repair %q, want %q", env, got, want)
		}
	}
}

func TestRepairTimesAreWhatTheDeploymentSays(t *testing.T) {
	deployment := controller()
	container := &deployment.Spec.Template.Spec.Containers[0]
	container.Env = append(container.Env, corev1.EnvVar{Name: "REPAIR_SILENT_AFTER", Value: "4m"})
	container.Args = append(container.Args, "--repair-not-ready-after=1h")
	want := snapshot.RepairAfter{Silent: 4 * time.Minute, NotReady: time.Hour}
	if got := newWorld(t).gather(t, kubeSystem(), deployment).Cluster.RepairAfter; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPodsOfRebootThatDrainsAreRead(t *testing.T) {
	for reason, want := range map[string]int{karpv1.RebootReasonRequested: 1, karpv1.RebootReasonIssued: 0} {
		s, c := rebooted("True", reason, 10)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "redis-0"}}
		pod.Spec.NodeName, pod.Status.Phase = c.Status.NodeName, corev1.PodRunning
		if got := len(newWorld(t).gather(t, kubeSystem(), c, &s.Nodes[0], pod).Pods); got != want {
			t.Errorf("%s: %d pods, want %d", reason, got, want)
		}
	}
}
