package machines

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// knownFlags are the flags of the kubelet on Linux, one a line, as the kubelet itself builds them. Kubernetes is in a
// module of its own, and takes a minute to compile: hence no part of "make generate".
//
//go:generate sh -c "(cd ../controlplane/binaries && go run ./kubeletflags) >kubelet_flags.txt"
//go:embed kubelet_flags.txt
var knownFlags string

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
