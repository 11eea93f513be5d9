package talos

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/kubelet"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

const (
	inConfig = "worker config: machine.kubelet.extraConfig."
	inArgs   = "worker config: machine.kubelet.extraArgs."
)

// harmless are the fields of extraConfig that change neither what pods can use of a node nor whether it registers
// (k8s.io/kubelet v1.36 config/v1beta1; Kubernetes v1.36 pkg/kubelet/nodestatus/setters.go, MachineInfo, has what
// Allocatable is made of). A static CPU manager keeps back as many CPUs as are reserved, which Allocatable lacks anyway.
func harmless() []string {
	return strings.Fields(`
		address allowedUnsafeSysctls clusterDNS clusterDomain configMapAndSecretChangeDetectionStrategy
		containerLogMaxFiles containerLogMaxSize containerLogMaxWorkers containerLogMonitorInterval contentType
		cpuCFSQuota cpuCFSQuotaPeriod cpuManagerPolicy cpuManagerPolicyOptions cpuManagerReconcilePeriod crashLoopBackOff
		enableContentionProfiling enableDebugFlagsHandler enableDebuggingHandlers enableProfilingHandler enableServer
		enableSystemLogHandler enableSystemLogQuery eventBurst eventRecordQPS evictionMaxPodGracePeriod
		evictionMinimumReclaim evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod failCgroupV1 failSwapOn
		featureGates fileCheckFrequency hairpinMode healthzBindAddress httpCheckFrequency imageGCHighThresholdPercent
		imageGCLowThresholdPercent imageMaximumGCAge imageMinimumGCAge imagePullCredentialsVerificationPolicy
		iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS logging
		makeIPTablesUtilChains maxOpenFiles maxParallelImagePulls memoryReservationPolicy memorySwap
		memoryThrottlingFactor mergeDefaultEvictionSettings nodeLeaseDurationSeconds nodeStatusMaxImages
		nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj podLogsDir podPidsLimit
		preloadedImagesVerificationAllowlist readOnlyPort registryBurst registryPullQPS runtimeRequestTimeout
		serializeImagePulls serverTLSBootstrap showHiddenMetricsForVersion shutdownGracePeriod
		shutdownGracePeriodByPodPriority shutdownGracePeriodCriticalPods singleProcessOOMKill
		streamingConnectionIdleTimeout syncFrequency tlsCertFile tlsCipherSuites tlsCurvePreferences tlsMinVersion
		tlsPrivateKeyFile topologyManagerPolicy topologyManagerPolicyOptions topologyManagerScope tracing userNamespaces
		volumePluginDir volumeStatsAggPeriod`)
}

// harmful are the flags of the kubelet 1.36 (cmd/kubelet/app/options/options.go) that are not. A flag that it does not
// know is left to it: it exits and says so, while these would pass unnoticed.
func harmful() []string {
	return strings.Fields(`
		cgroup-driver cgroup-root cgroups-per-qos config-dir enable-controller-attach-detach enforce-node-allocatable
		exit-on-lock-contention experimental-allocatable-ignore-eviction healthz-port hostname-override
		kube-reserved-cgroup kubelet-cgroups local-storage-capacity-isolation lock-file manifest-url manifest-url-header
		memory-manager-policy pod-cidr pod-manifest-path pods-per-core port protect-kernel-defaults provider-id qos-reserved
		register-node reserved-cpus reserved-memory resolv-conf root-dir runonce system-cgroups system-reserved-cgroup`)
}

// instead is what to use for a setting that is refused.
func instead(setting string) string {
	switch setting {
	case "podsPerCore", "pods-per-core", "maxPods", "max-pods":
		return "use spec.kubelet.maxPods of the OutscaleNodeClass"
	case "reservedSystemCPUs", "reserved-cpus", "systemReserved", "system-reserved":
		return "use spec.kubelet.systemReserved of the OutscaleNodeClass"
	case "kubeReserved", "kube-reserved":
		return "use spec.kubelet.kubeReserved of the OutscaleNodeClass"
	case "evictionHard", "eviction-hard":
		return "use spec.kubelet.evictionHard of the OutscaleNodeClass"
	case "registerNode", "register-node", "skipNodeRegistration":
		return "a kubelet that does not register is no node of Karpenter's"
	case "providerID", "provider-id":
		return "the CCM sets it, and here it would be the same for all nodes"
	case "hostname-override":
		return "use spec.talos.hostname of the OutscaleNodeClass"
	default:
		return "remove it: it may change what pods can use of the node, or keep it from joining"
	}
}

// checkKubelet finds what Talos' own validation lets through and then never starts the kubelet with, and what would make
// the node another one than Karpenter counts on: a smaller one makes it launch the next for the same pod, without end.
func checkKubelet(given *v1alpha1.KubeletConfig, node Node) error {
	if given == nil {
		return nil
	}
	if given.KubeletSkipNodeRegistration != nil && *given.KubeletSkipNodeRegistration {
		return fmt.Errorf("worker config: machine.kubelet.skipNodeRegistration is refused: %s", instead("skipNodeRegistration"))
	}
	var decoded kubeletconfig.KubeletConfiguration
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(given.KubeletExtraConfig.Object, &decoded, true)
	if err != nil {
		return fmt.Errorf("worker config: machine.kubelet.extraConfig: %w", withoutValues(err))
	}
	if err := checkExtraConfig(given.KubeletExtraConfig.Object, &decoded, node); err != nil {
		return err
	}
	args := given.KubeletExtraArgs.ToMap()
	isStatic := decoded.CPUManagerPolicy == "static" || slices.Contains(args["cpu-manager-policy"], "static")
	if isStatic && !reservesCPU(node.Kubelet) {
		return errors.New("worker config: machine.kubelet: a static CPU manager needs reserved CPU, set spec.kubelet.systemReserved of the OutscaleNodeClass")
	}
	return checkExtraArgs(args, node)
}

func checkExtraConfig(extra map[string]any, decoded *kubeletconfig.KubeletConfiguration, node Node) error {
	// What NodeClass and NodePool decide may be repeated, and not contradicted: Karpenter's value replaces it.
	same := map[string]bool{
		"maxPods":        decoded.MaxPods == node.Kubelet.MaxPods,
		"systemReserved": agrees(decoded.SystemReserved, node.Kubelet.SystemReserved),
		"kubeReserved":   agrees(decoded.KubeReserved, node.Kubelet.KubeReserved),
		"evictionHard":   agrees(decoded.EvictionHard, node.Kubelet.EvictionHard),
		// These say what is so without them.
		"registerNode":                  decoded.RegisterNode != nil && *decoded.RegisterNode,
		"localStorageCapacityIsolation": decoded.LocalStorageCapacityIsolation != nil && *decoded.LocalStorageCapacityIsolation,
		"enableControllerAttachDetach":  decoded.EnableControllerAttachDetach != nil && *decoded.EnableControllerAttachDetach,
		"podsPerCore":                   decoded.PodsPerCore == 0,
	}
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		switch {
		case key == "registerWithTaints":
			if err := checkTaints(inConfig+key, decoded.RegisterWithTaints, node.Taints); err != nil {
				return err
			}
		case same[key], slices.Contains(harmless(), key):
		case slices.Contains(kubelet.ProtectedConfigurationFields, key): // Talos' own validation refuses it
		default:
			return fmt.Errorf("%s%s is refused: %s", inConfig, key, instead(key))
		}
	}
	return nil
}

func checkExtraArgs(args map[string][]string, node Node) error {
	for _, flag := range slices.Sorted(maps.Keys(args)) {
		if slices.Contains(forbiddenFlags(), flag) {
			return fmt.Errorf("worker config: machine.kubelet.extraArgs: %q is not allowed by Talos", flag)
		}
		if err := checkFlag(flag, strings.Join(args[flag], ","), node); err != nil {
			return err
		}
	}
	return nil
}

func checkFlag(flag, value string, node Node) error {
	same := true
	switch flag {
	case "node-labels":
		return checkNodeLabels(value)
	case "register-with-taints":
		return checkTaints(inArgs+flag, parseTaints(value), node.Taints)
	case "max-pods":
		same = value == strconv.Itoa(int(node.Kubelet.MaxPods))
	case "system-reserved":
		same = agrees(parseMap(value, "="), node.Kubelet.SystemReserved)
	case "kube-reserved":
		same = agrees(parseMap(value, "="), node.Kubelet.KubeReserved)
	case "eviction-hard":
		same = agrees(parseMap(value, "<"), node.Kubelet.EvictionHard)
	case "register-node", "local-storage-capacity-isolation", "enable-controller-attach-detach":
		same = value == "true"
	case "pods-per-core":
		same = value == "0"
	case "cloud-provider":
		if value != "external" {
			return fmt.Errorf("%scloud-provider must be external, or the CCM never sets the provider ID", inArgs)
		}
	default:
		same = !slices.Contains(harmful(), flag)
	}
	if !same {
		return fmt.Errorf("%s%s is refused: %s", inArgs, flag, instead(flag))
	}
	return nil
}

// forbiddenFlags are those with which Talos never starts the kubelet (kubelet_spec.go).
func forbiddenFlags() []string {
	return []string{"bootstrap-kubeconfig", "kubeconfig", "container-runtime", "container-runtime-endpoint", "config", "cert-dir"}
}

func checkNodeLabels(list string) error {
	for pair := range strings.SplitSeq(list, ",") {
		if key, _, _ := strings.Cut(strings.TrimSpace(pair), "="); !mayLabel(key) {
			return fmt.Errorf("%snode-labels: a kubelet may not set %q and exits, use labels of the NodePool", inArgs, key)
		}
	}
	return nil
}

// checkTaints refuses taints that Karpenter does not know: it would launch nodes for pods that these do not take.
func checkTaints(field string, given, known []corev1.Taint) error {
	for _, taint := range given {
		matches := func(t corev1.Taint) bool { return t.MatchTaint(&taint) }
		if !taint.MatchTaint(&karpv1.UnregisteredNoExecuteTaint) && !slices.ContainsFunc(known, matches) {
			return fmt.Errorf(
				"%s: the taint %q belongs in the NodePool: remove it here, and put it into template.spec.taints or template.spec.startupTaints there",
				field, taint.Key)
		}
	}
	return nil
}

// parseTaints reads key=value:effect and key:effect, separated by commas.
func parseTaints(list string) []corev1.Taint {
	var out []corev1.Taint
	for text := range strings.SplitSeq(list, ",") {
		rest, effect, _ := strings.Cut(strings.TrimSpace(text), ":")
		key, value, _ := strings.Cut(rest, "=")
		if key != "" {
			out = append(out, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
		}
	}
	return out
}

// parseMap reads pairs that are separated by commas.
func parseMap(list, sign string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		if key, value, found := strings.Cut(strings.TrimSpace(pair), sign); found {
			out[key] = value
		}
	}
	return out
}

// agrees reports whether all that is given is what the node gets anyway.
func agrees(given map[string]string, node map[string]nodeclass.Amount) bool {
	for key, value := range given {
		if !node[key].Equal(nodeclass.Amount(value)) {
			return false
		}
	}
	return true
}

// reservesCPU reports whether any CPU is reserved: without, a static CPU manager stops the kubelet (Kubernetes v1.36
// pkg/kubelet/cm/cpumanager/cpu_manager.go).
func reservesCPU(k nodeclass.Kubelet) bool {
	for _, reserved := range []nodeclass.Amount{k.SystemReserved["cpu"], k.KubeReserved["cpu"]} {
		if reserved != "" && !reserved.Equal("0") {
			return true
		}
	}
	return false
}
