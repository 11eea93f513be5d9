// Package talos finishes the operator's worker machine config for one node, and reports whether it can work at all.
package talos

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	documents "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/types/network"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	corev1 "k8s.io/api/core/v1"
	kubeletapis "k8s.io/kubelet/pkg/apis"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// Node is what differs from node to node.
type Node struct {
	// Hostname is the node's name. Empty leaves it to the platform: ip-10-0-1-88.
	Hostname string
	// Labels are set by the kubelet when it creates the Node; those that a kubelet may not set are left to Karpenter.
	Labels map[string]string
	// Taints are set by the kubelet when it creates the Node.
	Taints []corev1.Taint
	// BootstrapToken replaces the token of the worker config. Empty keeps that one.
	BootstrapToken string
	// Kubelet is complete: WithDefaults was applied.
	Kubelet nodeclass.Kubelet
}

// Render returns the machine config of a node: the same bytes for the same arguments. The error names the field that
// is wrong, and never shows a value, since values of this file are secrets.
func Render(workerConfig []byte, patches []string, node Node) ([]byte, error) {
	cfg, err := load(workerConfig, patches)
	if err != nil {
		return nil, err
	}
	if err := check(cfg, node); err != nil {
		return nil, err
	}
	if hostname := cfg.NetworkHostnameConfig(); node.Hostname == "" && hostname != nil && hostname.Hostname() != "" {
		return nil, errors.New("worker config: it has a static hostname, which all nodes would share: remove it, or set talos.hostname to NodeClaim")
	}
	finished, err := finish(cfg, node)
	if err != nil {
		return nil, err
	}
	if err := validate(finished); err != nil {
		return nil, err
	}
	out, err := finished.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		return nil, fmt.Errorf("encoding the machine config: %w", withoutValues(err))
	}
	return out, nil
}

// load reads a worker config and applies the patches in their order.
func load(workerConfig []byte, patches []string) (config.Provider, error) {
	cfg, err := configloader.NewFromBytes(workerConfig)
	if err != nil {
		return nil, fmt.Errorf("worker config: %w", withoutValues(err))
	}
	for i, text := range patches {
		if cfg, err = patched(cfg, text); err != nil {
			return nil, fmt.Errorf("patches[%d]: %w", i, withoutValues(err))
		}
	}
	return cfg, nil
}

func patched(cfg config.Provider, text string) (config.Provider, error) {
	patch, err := configpatcher.LoadPatch([]byte(text))
	if err != nil {
		return nil, err
	}
	strategic, ok := patch.(configpatcher.StrategicMergePatch)
	if !ok {
		return nil, errors.New("a JSON patch cannot be applied to a config of several documents, use a strategic merge patch")
	}
	return configpatcher.StrategicMerge(cfg, strategic)
}

// finish makes the edits of one node with types and not with another patch: patches append to lists, so that a second
// rendering would add every taint twice.
func finish(cfg config.Provider, node Node) (config.Provider, error) {
	finished := slices.Clone(cfg.Documents())
	for i, document := range finished {
		switch d := document.Clone().(type) {
		case *v1alpha1.Config:
			if node.BootstrapToken != "" {
				d.ClusterConfig.BootstrapToken = node.BootstrapToken
			}
			if d.MachineConfig.MachineKubelet == nil {
				d.MachineConfig.MachineKubelet = &v1alpha1.KubeletConfig{}
			}
			finishKubelet(d.MachineConfig.MachineKubelet, node)
			setLegacyHostname(d, finished, node.Hostname)
			finished[i] = d
		case *network.HostnameConfigV1Alpha1:
			setHostname(d, node.Hostname)
			finished[i] = d
		}
	}
	out, err := container.New(finished...)
	if err != nil {
		return nil, fmt.Errorf("finishing the machine config: %w", withoutValues(err))
	}
	return out, nil
}

func setHostname(d *network.HostnameConfigV1Alpha1, hostname string) {
	if hostname == "" {
		return
	}
	d.ConfigHostname = hostname
	d.ConfigAuto = new(nethelpers.AutoHostnameKindOff)
}

// setLegacyHostname is for configs of Talos 1.11 and older, which have no HostnameConfig document.
func setLegacyHostname(d *v1alpha1.Config, all []documents.Document, hostname string) {
	isHostname := func(document documents.Document) bool {
		_, ok := document.(*network.HostnameConfigV1Alpha1)
		return ok
	}
	if hostname == "" || slices.ContainsFunc(all, isHostname) {
		return
	}
	if d.MachineConfig.MachineNetwork == nil { //nolint:staticcheck // deprecated, and all that Talos 1.11 knows
		d.MachineConfig.MachineNetwork = &v1alpha1.NetworkConfig{} //nolint:staticcheck // as above
	}
	d.MachineConfig.MachineNetwork.NetworkHostname = hostname //nolint:staticcheck // as above
}

// finishKubelet sets what Karpenter counts on. Flags win over the config file, so that a flag which shadows one of our
// settings would silently remove it.
func finishKubelet(kubelet *v1alpha1.KubeletConfig, node Node) {
	for _, flag := range shadowing() {
		delete(kubelet.KubeletExtraArgs, flag)
	}
	// The CCM knows the node by its short name.
	kubelet.KubeletRegisterWithFQDN = nil
	if kubelet.KubeletExtraArgs == nil {
		kubelet.KubeletExtraArgs = v1alpha1.Args{}
	}
	kubelet.KubeletExtraArgs["node-labels"] = v1alpha1.NewArgValue(nodeLabels(kubelet, node.Labels), nil)
	if kubelet.KubeletExtraConfig.Object == nil {
		kubelet.KubeletExtraConfig.Object = map[string]any{}
	}
	extra := kubelet.KubeletExtraConfig.Object
	extra["registerWithTaints"] = registerWithTaints(node.Taints)
	extra["maxPods"] = int(node.Kubelet.MaxPods)
	for key, values := range map[string]map[string]nodeclass.Amount{
		"systemReserved": node.Kubelet.SystemReserved,
		"kubeReserved":   node.Kubelet.KubeReserved,
		"evictionHard":   node.Kubelet.EvictionHard,
	} {
		delete(extra, key)
		if len(values) > 0 {
			extra[key] = anyMap(values)
		}
	}
}

// shadowing are the kubelet flags that would override what we set in the kubelet's config. What they say has been checked.
func shadowing() []string {
	return []string{
		"register-with-taints", "max-pods", "system-reserved", "kube-reserved", "eviction-hard",
	}
}

func anyMap(in map[string]nodeclass.Amount) map[string]any {
	out := make(map[string]any, len(in))
	for key, value := range in {
		out[key] = string(value)
	}
	return out
}

// nodeLabels joins the flag of the worker config and the node's labels, sorted. The kubelet exits on a label of
// kubernetes.io or k8s.io that it may not set, and Karpenter sets those itself at registration.
func nodeLabels(kubelet *v1alpha1.KubeletConfig, labels map[string]string) string {
	all := map[string]string{}
	for _, list := range kubelet.KubeletExtraArgs.ToMap()["node-labels"] {
		for pair := range strings.SplitSeq(list, ",") {
			if key, value, found := strings.Cut(strings.TrimSpace(pair), "="); found {
				all[key] = value
			}
		}
	}
	for key, value := range labels {
		if mayLabel(key) {
			all[key] = value
		}
	}
	// The kubelet registers every taint of the NodeClaim. Without this label core adds them once more when it registers
	// the Node, and with them a startup taint that its agent has removed meanwhile (core v1.15.0,
	// nodeclaim/lifecycle/registration.go, syncNode).
	all[karpv1.NodeDoNotSyncTaintsLabelKey] = "true"
	pairs := make([]string, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, key+"="+all[key])
	}
	return strings.Join(pairs, ",")
}

func mayLabel(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	reserved := domain == "kubernetes.io" || domain == "k8s.io" ||
		strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io")
	return !reserved || kubeletapis.IsKubeletLabel(key)
}

// registerWithTaints are the taints of the node. The API server refuses a Node with two of the same key and effect
// (Kubernetes v1.36 pkg/apis/core/validation, validateNodeTaints); core keeps the first (scheduling.Taints.Merge).
func registerWithTaints(taints []corev1.Taint) []any {
	out := []any{}
	for i, taint := range taints {
		if slices.ContainsFunc(taints[:i], func(t corev1.Taint) bool { return t.MatchTaint(&taint) }) {
			continue
		}
		entry := map[string]any{"key": taint.Key, "effect": string(taint.Effect)}
		if taint.Value != "" {
			entry["value"] = taint.Value
		}
		out = append(out, entry)
	}
	return out
}
