package machines

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
)

// announceBoot is the event by which a kubelet says that its machine was rebooted (pkg/kubelet/kubelet_node_status.go).
func (m *machine) announceBoot(ctx context.Context, client *nodeClient) {
	now := metav1.NewTime(m.fleet.Clock.Now())
	_, err := client.CoreV1().Events(metav1.NamespaceDefault).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: m.nodeName + "."},
		InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: m.nodeName, UID: types.UID(m.nodeName)},
		Type:           corev1.EventTypeWarning,
		Reason:         "Rebooted",
		Message:        fmt.Sprintf("Node %s has been rebooted, boot id: %s", m.nodeName, m.bootID),
		Source:         corev1.EventSource{Component: "kubelet", Host: m.nodeName},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}, metav1.CreateOptions{})
	if err != nil { // a kubelet does not repeat an event either
		m.fleet.Log.Info("machine could not announce its boot", "vm-id", m.vm.ID, "node", m.nodeName, "error", err)
	}
}

// restartPods starts the containers of the pods that were on the node before this boot: kwok plays only pods that are new.
func (c *nodeClient) restartPods(ctx context.Context, boot time.Time) error {
	pods, err := c.CoreV1().Pods("").List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", c.node).String(),
	})
	if err != nil {
		return err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
			continue
		}
		if !startAgain(pod, boot) {
			continue
		}
		if _, err := c.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// startAgain reports whether it started containers that ran before the boot.
func startAgain(pod *corev1.Pod, boot time.Time) bool {
	now, started := metav1.Now(), false
	for i := range pod.Status.ContainerStatuses {
		container := &pod.Status.ContainerStatuses[i]
		if container.State.Running == nil || !container.State.Running.StartedAt.Time.Before(boot) {
			continue
		}
		started = true
		container.RestartCount++
		container.Ready = true
		container.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
	}
	if !started {
		return false
	}
	for i := range pod.Status.Conditions {
		condition := &pod.Status.Conditions[i]
		if condition.Type == corev1.PodReady || condition.Type == corev1.ContainersReady {
			*condition = corev1.PodCondition{Type: condition.Type, Status: corev1.ConditionTrue, LastTransitionTime: now}
		}
	}
	return true
}
