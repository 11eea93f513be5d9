package machines

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

const (
	// inhibitMaxDelay is how long Talos waits for the kubelet's inhibit lock (internal/pkg/logind, 40 times 30 s).
	inhibitMaxDelay = 20 * time.Minute
	// stopContainers is how long Talos gives the containers that outlive the kubelet (sequencer_tasks.go, stopAllPods).
	stopContainers = 3 * time.Minute
	// systemCritical is the priority from which on a pod is critical (scheduling.SystemCriticalPriority).
	systemCritical = int32(2_000_000_000)
	// defaultGrace is a pod's own grace period where it names none.
	defaultGrace = 30 * time.Second
)

// shutDown is what Talos does when someone presses the ACPI button: no drain, but PrepareForShutdown on its D-Bus, for
// which the kubelet holds an inhibit lock.
func (m *machine) shutDown(ctx context.Context) {
	m.console.talos("shutdown via ACPI received")
	m.console.talos("shutdown sequence: 7 phase(s)")
	m.console.talos("task stopAllPods (1/1): shutting down kubelet gracefully")
	locked, release := context.WithTimeoutCause(ctx, m.fleet.InhibitMaxDelay, context.DeadlineExceeded)
	err := m.prepareForShutdown(locked)
	release()
	if ctx.Err() != nil {
		return // without power
	}
	if err != nil {
		m.console.talos("task stopAllPods (1/1): failed waiting for inhibit shutdown lock: %s", err)
	}
	m.console.service("kubelet", "Finished", "Service finished successfully")
	if err := m.pause(ctx, m.leftContainers(ctx)); err != nil {
		return
	}
	m.console.kernel("reboot: Power down")
}

// prepareForShutdown is the kubelet's part. It returns once the kubelet gives up its lock: at once where none is taken.
func (m *machine) prepareForShutdown(ctx context.Context) error {
	if m.hung.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	client := m.registered()
	if client == nil || m.kubelet.file.ShutdownGracePeriod.Duration == 0 {
		return nil
	}
	m.announceShutdown(ctx)
	pods, err := client.activePods(ctx)
	if err != nil {
		m.fleet.Log.Info("kubelet could not read its pods", "vm-id", m.vm.ID, "error", err)
	}
	critical := m.kubelet.file.ShutdownGracePeriodCriticalPods.Duration
	ordinary := m.kubelet.file.ShutdownGracePeriod.Duration - critical
	for _, group := range []struct {
		period   time.Duration
		critical bool
	}{{ordinary, false}, {critical, true}} {
		for _, next := range byEnd(pods, group.critical, group.period) {
			if err := m.pause(ctx, next.after); err != nil {
				return err
			}
			if err := client.failPod(ctx, next.pod); err != nil {
				m.fleet.Log.Info("kubelet could not report the end of a pod", "vm-id", m.vm.ID, "pod", next.pod.Name, "error", err)
			}
		}
	}
	return nil
}

// ending is a pod, and how long after the one before it ends.
type ending struct {
	pod   *corev1.Pod
	after time.Duration
}

// byEnd are the pods of a group in the order of their ends. A pod takes all of its grace period, which is its own within
// the kubelet's (pkg/kubelet/nodeshutdown).
func byEnd(pods []corev1.Pod, critical bool, period time.Duration) []ending { //nolint:revive // one of the two groups
	var out []ending
	for i := range pods {
		if isCritical(&pods[i]) == critical {
			out = append(out, ending{&pods[i], min(grace(&pods[i]), period)})
		}
	}
	slices.SortStableFunc(out, func(a, b ending) int { return int(a.after - b.after) })
	passed := time.Duration(0)
	for i := range out {
		out[i].after, passed = out[i].after-passed, out[i].after
	}
	return out
}

func isCritical(pod *corev1.Pod) bool {
	return pod.Spec.Priority != nil && *pod.Spec.Priority >= systemCritical
}

func grace(pod *corev1.Pod) time.Duration {
	if seconds := pod.Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return defaultGrace
}

// leftContainers is how long the containers take that a hanging kubelet has left: Talos stops them itself.
func (m *machine) leftContainers(ctx context.Context) time.Duration {
	if !m.hung.Load() || m.disk.identity == nil {
		return 0
	}
	client, err := m.connect(m.disk.identity)
	if err != nil {
		return 0
	}
	defer client.close()
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	pods, err := client.activePods(ctx)
	if err != nil {
		return 0
	}
	longest := time.Duration(0)
	for i := range pods {
		longest = max(longest, grace(&pods[i]))
	}
	return min(longest, stopContainers)
}

// activePods are the pods of the node that have not ended.
func (c *nodeClient) activePods(ctx context.Context) ([]corev1.Pod, error) {
	pods, err := c.CoreV1().Pods("").List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", c.node).String(),
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	}), nil
}

// failPod says that a pod has ended in a shutdown, in the kubelet's words (pkg/kubelet/nodeshutdown). Such a pod stays in
// the API until its owner or the garbage collector removes it.
func (c *nodeClient) failPod(ctx context.Context, pod *corev1.Pod) error {
	pod.Status.Phase = corev1.PodFailed
	pod.Status.Reason, pod.Status.Message = "Terminated", "Pod was terminated in response to imminent node shutdown."
	now := metav1.Now()
	for i := range pod.Status.Conditions {
		ended := &pod.Status.Conditions[i]
		if ended.Type == corev1.PodReady || ended.Type == corev1.ContainersReady {
			ended.Status, ended.LastTransitionTime = corev1.ConditionFalse, now
		}
	}
	for i := range pod.Status.ContainerStatuses {
		container := &pod.Status.ContainerStatuses[i]
		container.Ready, container.State = false, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: now, Reason: "Completed"}}
	}
	_, err := c.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// checkShutdown refuses what the kubelet refuses at its start (pkg/kubelet/apis/config/validation).
func (k *kubelet) checkShutdown() error {
	whole, critical := k.file.ShutdownGracePeriod.Duration, k.file.ShutdownGracePeriodCriticalPods.Duration
	for _, period := range []time.Duration{whole, critical} {
		if period != 0 && period < time.Second {
			return errors.New("invalid configuration: shutdownGracePeriod and shutdownGracePeriodCriticalPods must be either zero or otherwise >= 1 sec")
		}
	}
	if whole < critical {
		return errors.New("invalid configuration: shutdownGracePeriod must be >= shutdownGracePeriodCriticalPods")
	}
	return nil
}
