package machines

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// knownFlags are the flags of the kubelet 1.35 on Linux.
const knownFlags = `
address allowed-unsafe-sysctls anonymous-auth authentication-token-webhook authentication-token-webhook-cache-
ttl authorization-mode authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl
bootstrap-kubeconfig cert-dir cgroup-driver cgroup-root cgroups-per-qos client-ca-file cloud-provider cluster-
dns cluster-domain config config-dir container-log-max-files container-log-max-size container-runtime-endpoint
contention-profiling cpu-cfs-quota cpu-cfs-quota-period cpu-manager-policy cpu-manager-policy-options cpu-
manager-reconcile-period enable-controller-attach-detach enable-debugging-handlers enable-server enforce-node-
allocatable event-burst event-qps eviction-hard eviction-max-pod-grace-period eviction-minimum-reclaim
eviction-pressure-transition-period eviction-soft eviction-soft-grace-period exit-on-lock-contention
experimental-allocatable-ignore-eviction experimental-mounter-path fail-cgroupv1 fail-swap-on feature-gates
file-check-frequency hairpin-mode healthz-bind-address healthz-port help hostname-override http-check-
frequency image-credential-provider-bin-dir image-credential-provider-config image-gc-high-threshold image-gc-
low-threshold image-service-endpoint kernel-memcg-notification kube-api-burst kube-api-content-type kube-api-
qps kube-reserved kube-reserved-cgroup kubeconfig kubelet-cgroups local-storage-capacity-isolation lock-file
log-flush-frequency log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-
stream logging-format make-iptables-util-chains manifest-url manifest-url-header max-open-files max-pods
maximum-dead-containers maximum-dead-containers-per-container memory-manager-policy minimum-container-ttl-
duration minimum-image-ttl-duration node-ip node-labels node-status-max-images node-status-update-frequency
oom-score-adj pod-cidr pod-manifest-path pod-max-pids pods-per-core port protect-kernel-defaults provider-id
qos-reserved read-only-port register-node register-with-taints registry-burst registry-qps reserved-cpus
reserved-memory resolv-conf root-dir rotate-certificates rotate-server-certificates runonce runtime-cgroups
runtime-request-timeout seccomp-default serialize-image-pulls streaming-connection-idle-timeout sync-frequency
system-cgroups system-reserved system-reserved-cgroup tls-cert-file tls-cipher-suites tls-min-version tls-
private-key-file topology-manager-policy topology-manager-policy-options topology-manager-scope v version
vmodule volume-plugin-dir volume-stats-agg-period
`

// checkFlags refuses what makes a kubelet exit before it reads its config.
func checkFlags(flags map[string]string) error {
	known := strings.Fields(knownFlags)
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("failed to parse kubelet flag: unknown flag: --%s", name)
		}
	}
	return nil
}

// parseLabels reads "a=b,c"; unlike other maps, labels need no value.
func parseLabels(text string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		out[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return out
}

// checkLabels is the kubelet's rule for --node-labels.
func checkLabels(labels map[string]string) error {
	var unknown, invalid []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if isKubernetesLabel(key) && !kubeletapis.IsKubeletLabel(key) {
			unknown = append(unknown, key)
		}
		for name, problems := range map[string][]string{key: validation.IsQualifiedName(key), labels[key]: validation.IsValidLabelValue(labels[key])} {
			if len(problems) > 0 {
				invalid = append(invalid, fmt.Sprintf("'%s' - %s", name, strings.Join(problems, ", ")))
			}
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: %v\n--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (%s) or be in the specifically allowed set (%s)",
			unknown, strings.Join(kubeletapis.KubeletLabelNamespaces(), ", "), strings.Join(kubeletapis.KubeletLabels(), ", "))
	}
	if len(invalid) > 0 {
		return fmt.Errorf("failed to validate kubelet flags: invalid node labels: %s", strings.Join(invalid, "; "))
	}
	return nil
}

func isKubernetesLabel(key string) bool {
	namespace, _, ok := strings.Cut(key, "/")
	if !ok {
		return false
	}
	for _, domain := range []string{"kubernetes.io", "k8s.io"} {
		if namespace == domain || strings.HasSuffix(namespace, "."+domain) {
			return true
		}
	}
	return false
}
