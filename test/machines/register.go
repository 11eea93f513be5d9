package machines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

const nodeApplyController = "k8s.NodeApplyController"

// register creates the Node, or takes over one that is there under the same name as a kubelet does: its status and
// default labels, never its taints.
func (m *machine) register(ctx context.Context, client *nodeClient, node *corev1.Node) error {
	return m.insist(ctx, func() error {
		_, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return m.adopt(ctx, client, node)
		}
		if apierrors.IsUnauthorized(err) {
			m.console.controllerError("k8s.EndpointController", "kubernetes endpoint watch error",
				fmt.Errorf("failed to list *v1.EndpointSlice: %w", err))
		}
		return err
	})
}

func (m *machine) adopt(ctx context.Context, client *nodeClient, node *corev1.Node) error {
	existing, err := client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	status := map[string]any{
		"capacity": node.Status.Capacity, "allocatable": node.Status.Allocatable,
		"nodeInfo": node.Status.NodeInfo, "conditions": node.Status.Conditions,
	}
	// Addresses that a cloud provider has set beat those of the kubelet.
	if len(existing.Status.Addresses) == 0 {
		status["addresses"] = node.Status.Addresses
	}
	if err := client.patchStatus(ctx, status); err != nil {
		return err
	}
	if was := existing.Status.NodeInfo.BootID; was != "" && was != m.bootID {
		m.announceBoot(ctx, client)
	}
	labels := map[string]string{}
	for _, key := range kubeletapis.KubeletLabels() {
		if value, ok := node.Labels[key]; ok && existing.Labels[key] != value {
			labels[key] = value
		}
	}
	if len(labels) == 0 && existing.Annotations[playedByKwok] != "" {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels": labels, "annotations": map[string]string{playedByKwok: "fake"},
	}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().PatchStatus(ctx, node.Name, patch)
	return err
}

// applyNode keeps machine.nodeLabels, nodeAnnotations and nodeTaints on the Node, all in one update as Talos does:
// one taint loses the lot.
func (m *machine) applyNode(ctx context.Context, client *nodeClient) {
	_ = m.retry(ctx, nodeApplyController, func() error {
		node, err := client.CoreV1().Nodes().Get(ctx, m.nodeName, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("error getting node: %w", err)
		}
		want := node.DeepCopy()
		taints, err := parseNodeTaints(m.config.Machine().NodeTaints())
		if err != nil {
			return err
		}
		own(want, "talos.dev/owned-labels", want.Labels, m.config.Machine().NodeLabels())
		own(want, "talos.dev/owned-annotations", want.Annotations, m.config.Machine().NodeAnnotations())
		for _, taint := range taints {
			if !slices.ContainsFunc(want.Spec.Taints, func(t corev1.Taint) bool { return t.Key == taint.Key }) {
				want.Spec.Taints = append(want.Spec.Taints, taint)
			}
		}
		_, err = client.CoreV1().Nodes().Update(ctx, want, metav1.UpdateOptions{})
		return err
	})
}

// own sets the keys that are not set yet and notes in an annotation which they are.
func own(node *corev1.Node, annotation string, present, wanted map[string]string) {
	var owned []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if current, ok := present[key]; !ok || current == wanted[key] {
			present[key] = wanted[key]
			owned = append(owned, key)
		}
	}
	if len(owned) > 0 {
		list, _ := json.Marshal(owned) // strings always marshal
		node.Annotations[annotation] = string(list)
	}
}

// parseNodeTaints reads Talos' "value:effect" and "effect".
func parseNodeTaints(taints map[string]string) ([]corev1.Taint, error) {
	var out []corev1.Taint
	for _, key := range slices.Sorted(maps.Keys(taints)) {
		value, effect, ok := strings.Cut(taints[key], ":")
		if !ok {
			value, effect = "", taints[key]
		}
		if effect == "" {
			return nil, errors.New("taint without effect")
		}
		out = append(out, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}
	return out, nil
}

// announceShutdown is the kubelet's last status before a graceful shutdown.
func (m *machine) announceShutdown(ctx context.Context) {
	client := m.registered()
	if client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	down := condition(corev1.NodeReady, corev1.ConditionFalse, "KubeletNotReady", "node is shutting down", m.fleet.Clock.Now())
	if err := client.report(ctx, down); err != nil {
		m.fleet.Log.Info("machine could not announce its shutdown", "vm-id", m.vm.ID, "error", err)
	}
}

// lastWords bounds the calls of a machine that is going down.
const lastWords = 5 * time.Second

// leaveNode ends the heartbeat of a machine that is gone. It is the only call that a real machine would not make:
// kwok plays the heartbeat, so the silence has to be told to it.
func (m *machine) leaveNode() {
	client := m.registered()
	if client == nil {
		return
	}
	m.leaving.Store(true)
	defer m.leaving.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if err := client.seizeLease(ctx); err != nil {
		m.fleet.Log.Info("machine could not take its heartbeat along", "vm-id", m.vm.ID, "node", m.nodeName, "error", err)
	}
	client.close()
	m.mu.Lock()
	m.node = nil
	m.mu.Unlock()
}

// registered is the connection of the kubelet that has asked for its Node, nil before.
func (m *machine) registered() *nodeClient {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node
}
