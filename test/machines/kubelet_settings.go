package machines

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

const defaultMaxPods = 110

// settings are what a kubelet really runs with: its defaults, its config file, and the flags that beat both.
type settings struct {
	labels     map[string]string
	taints     []corev1.Taint
	providerID string
	maxPods    int32
	reserved   reservations
	external   bool
	register   bool
	attach     bool
}

// settings reads flags and config as the kubelet does at its start; an error is a kubelet that exits.
func (k *kubelet) settings(cpus int) (*settings, error) {
	if err := checkFlags(k.flags); err != nil {
		return nil, err
	}
	labels, err := parsePairs("node-labels", k.flags["node-labels"], "=")
	if err != nil {
		return nil, err
	}
	cfg := k.file.DeepCopy()
	setDefaults(cfg)
	if err := k.applyFlags(cfg); err != nil {
		return nil, err
	}
	if err := checkLabels(labels); err != nil {
		return nil, err
	}
	reserved, err := parseReservations(cfg)
	if err != nil {
		return nil, fmt.Errorf("failed to run Kubelet: %w", err)
	}
	if err := checkTaints(cfg.RegisterWithTaints); err != nil {
		return nil, fmt.Errorf("failed to validate kubelet configuration, error: %w, path: /etc/kubernetes/kubelet.yaml", err)
	}
	if cfg.MaxPods < 0 {
		return nil, fmt.Errorf("failed to validate kubelet configuration, error: invalid configuration: maxPods (--max-pods) %d must not be a negative number", cfg.MaxPods)
	}
	maxPods := cfg.MaxPods
	if cfg.PodsPerCore > 0 {
		maxPods = min(maxPods, cfg.PodsPerCore*int32(cpus)) //nolint:gosec // no VM has that many cores
	}
	return &settings{
		labels: labels, taints: cfg.RegisterWithTaints, providerID: cfg.ProviderID, maxPods: maxPods, reserved: reserved,
		external: k.flags["cloud-provider"] == "external",
		register: *cfg.RegisterNode, attach: *cfg.EnableControllerAttachDetach,
	}, nil
}

// setDefaults fills in what an empty field of the config file means to the kubelet.
func setDefaults(cfg *kubeletconfig.KubeletConfiguration) {
	yes := true
	if cfg.MaxPods == 0 {
		cfg.MaxPods = defaultMaxPods
	}
	if cfg.RegisterNode == nil {
		cfg.RegisterNode = &yes
	}
	if cfg.EnableControllerAttachDetach == nil {
		cfg.EnableControllerAttachDetach = &yes
	}
	eviction := map[string]string{
		"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
		"imagefs.available": "15%", "imagefs.inodesFree": "5%",
	}
	merge := cfg.MergeDefaultEvictionSettings != nil && *cfg.MergeDefaultEvictionSettings
	switch {
	case cfg.EvictionHard == nil:
		cfg.EvictionHard = eviction
	case merge:
		maps.Copy(eviction, cfg.EvictionHard)
		cfg.EvictionHard = eviction
	}
}

// applyFlags lets the flags beat the config file.
func (k *kubelet) applyFlags(cfg *kubeletconfig.KubeletConfiguration) error {
	for flag, target := range map[string]*map[string]string{
		"system-reserved": &cfg.SystemReserved, "kube-reserved": &cfg.KubeReserved, "eviction-hard": &cfg.EvictionHard,
	} {
		text, ok := k.flags[flag]
		if !ok {
			continue
		}
		separator := "="
		if flag == "eviction-hard" {
			separator = "<"
		}
		pairs, err := parsePairs(flag, text, separator)
		if err != nil {
			return err
		}
		*target = pairs
	}
	for flag, target := range map[string]*int32{"max-pods": &cfg.MaxPods, "pods-per-core": &cfg.PodsPerCore} {
		if text, ok := k.flags[flag]; ok {
			number, err := strconv.ParseInt(text, 0, 32)
			if err != nil {
				return fmt.Errorf("failed to parse kubelet flag: invalid argument %q for \"--%s\" flag: %w", text, flag, err)
			}
			*target = int32(number)
		}
	}
	if id, ok := k.flags["provider-id"]; ok {
		cfg.ProviderID = id
	}
	if text, ok := k.flags["register-node"]; ok {
		register, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("failed to parse kubelet flag: invalid argument %q for \"--register-node\" flag: %w", text, err)
		}
		cfg.RegisterNode = &register
	}
	if text, ok := k.flags["register-with-taints"]; ok {
		taints, err := parseTaints(text)
		if err != nil {
			return fmt.Errorf("failed to parse kubelet flag: invalid argument %q for \"--register-with-taints\" flag: %w", text, err)
		}
		cfg.RegisterWithTaints = taints
	}
	return nil
}

// parseTaints reads "key=value:effect,key:effect".
func parseTaints(text string) ([]corev1.Taint, error) {
	var taints []corev1.Taint
	for spec := range strings.SplitSeq(text, ",") {
		if spec == "" {
			continue
		}
		pair, effect, ok := strings.Cut(spec, ":")
		if !ok {
			return nil, fmt.Errorf("invalid taint spec: %v", spec)
		}
		key, value, _ := strings.Cut(pair, "=")
		taints = append(taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}
	return taints, checkTaints(taints)
}

func checkTaints(taints []corev1.Taint) error {
	for _, taint := range taints {
		if problems := validation.IsQualifiedName(taint.Key); len(problems) > 0 {
			return fmt.Errorf("invalid taint key: %s", strings.Join(problems, "; "))
		}
		if problems := validation.IsValidLabelValue(taint.Value); len(problems) > 0 {
			return fmt.Errorf("invalid taint value: %s", strings.Join(problems, "; "))
		}
		switch taint.Effect {
		case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		default:
			return fmt.Errorf("invalid taint effect: %v, unsupported taint effect", taint.Effect)
		}
	}
	return nil
}
