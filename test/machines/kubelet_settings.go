package machines

import (
	"errors"
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
	labels := parseLabels(k.flags["node-labels"])
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
	if err := k.checkShutdown(); err != nil {
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
	if id, ok := k.flags["provider-id"]; ok {
		cfg.ProviderID = id
	}
	return errors.Join(
		override(k.flags, "system-reserved", &cfg.SystemReserved, parseAssignments),
		override(k.flags, "kube-reserved", &cfg.KubeReserved, parseAssignments),
		override(k.flags, "eviction-hard", &cfg.EvictionHard, parseThresholds),
		override(k.flags, "max-pods", &cfg.MaxPods, parseInt32),
		override(k.flags, "pods-per-core", &cfg.PodsPerCore, parseInt32),
		override(k.flags, "register-node", &cfg.RegisterNode, parseBool),
		override(k.flags, "register-with-taints", &cfg.RegisterWithTaints, parseTaints),
	)
}

// override sets the target to what a flag says, if it is given.
func override[T any](flags map[string]string, name string, target *T, parse func(string) (T, error)) error {
	text, ok := flags[name]
	if !ok {
		return nil
	}
	value, err := parse(text)
	if err != nil {
		return fmt.Errorf("failed to parse kubelet flag: invalid argument %q for \"--%s\" flag: %w", text, name, err)
	}
	*target = value
	return nil
}

func parseInt32(text string) (int32, error) {
	number, err := strconv.ParseInt(text, 0, 32)
	return int32(number), err
}

func parseBool(text string) (*bool, error) {
	value, err := strconv.ParseBool(text)
	return &value, err
}

// parseAssignments reads "a=b,c=d", and parseThresholds "a<b,c<d".
func parseAssignments(text string) (map[string]string, error) { return parsePairs(text, "=") }
func parseThresholds(text string) (map[string]string, error)  { return parsePairs(text, "<") }

func parsePairs(text, separator string) (map[string]string, error) {
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, separator)
		if !ok {
			return nil, fmt.Errorf("malformed pair, expect string%sstring", separator)
		}
		out[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return out, nil
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
