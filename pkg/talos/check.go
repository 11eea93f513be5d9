package talos

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"k8s.io/apimachinery/pkg/runtime"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"
)

// cloud is Talos' runtime mode on a cloud platform: nothing is installed, the image is the installation.
type cloud struct{}

func (cloud) String() string        { return "cloud" }
func (cloud) RequiresInstall() bool { return false }
func (cloud) InContainer() bool     { return false }

// check refuses a worker config that Talos would take and that could never become a node of this cluster.
func check(cfg config.Provider) error {
	raw := cfg.RawV1Alpha1()
	switch {
	case raw == nil || raw.MachineConfig == nil || raw.ClusterConfig == nil:
		return errors.New("worker config: the document with machine and cluster is missing")
	case cfg.Machine().Type() != machine.TypeWorker:
		return fmt.Errorf("worker config: machine.type is %s, want worker (a control plane's config holds CA keys)", cfg.Machine().Type())
	case raw.MachineConfig.MachineToken == "":
		return errors.New("worker config: machine.token is missing, apid would never start")
	case raw.ClusterConfig.ClusterCA == nil && len(raw.ClusterConfig.ClusterAcceptedCAs) == 0:
		return errors.New("worker config: cluster.ca is missing, the kubelet would never start")
	case raw.ClusterConfig.ControlPlane == nil || raw.ClusterConfig.ControlPlane.Endpoint == nil:
		return errors.New("worker config: cluster.controlPlane.endpoint is missing")
	case !regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`).MatchString(raw.ClusterConfig.BootstrapToken):
		return errors.New("worker config: cluster.token is not a bootstrap token (6 characters, a dot, 16 characters)")
	case !cfg.Cluster().ExternalCloudProvider().Enabled():
		return errors.New("worker config: cluster.externalCloudProvider.enabled must be true, or the CCM never sets the provider ID and Karpenter never sees the node")
	case len(raw.MachineConfig.MachineNodeTaints) > 0:
		return errors.New("worker config: machine.nodeTaints is refused on workers by NodeRestriction, use taints of the NodePool")
	}
	for key := range raw.MachineConfig.MachineNodeLabels {
		if !mayLabel(key) {
			return fmt.Errorf("worker config: machine.nodeLabels: a kubelet may not set %q, use labels of the NodePool", key)
		}
	}
	return checkKubelet(cfg)
}

// checkKubelet finds what Talos' own validation lets through and then never starts the kubelet with.
func checkKubelet(cfg config.Provider) error {
	kubelet := cfg.RawV1Alpha1().MachineConfig.MachineKubelet
	if kubelet == nil {
		return nil
	}
	for _, flag := range []string{"bootstrap-kubeconfig", "kubeconfig", "container-runtime", "container-runtime-endpoint", "config", "cert-dir"} {
		if _, ok := kubelet.KubeletExtraArgs[flag]; ok {
			return fmt.Errorf("worker config: machine.kubelet.extraArgs: %q is not allowed by Talos", flag)
		}
	}
	for _, list := range kubelet.KubeletExtraArgs.ToMap()["node-labels"] {
		for pair := range strings.SplitSeq(list, ",") {
			if key, _, _ := strings.Cut(strings.TrimSpace(pair), "="); !mayLabel(key) {
				return fmt.Errorf("worker config: machine.kubelet.extraArgs.node-labels: a kubelet may not set %q and exits, use labels of the NodePool", key)
			}
		}
	}
	var decoded kubeletconfig.KubeletConfiguration
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(kubelet.KubeletExtraConfig.Object, &decoded, true)
	if err != nil {
		return fmt.Errorf("worker config: machine.kubelet.extraConfig: %w", withoutValues(err))
	}
	return nil
}

// validate runs Talos' own validation, as the node will.
func validate(cfg config.Provider) error {
	if _, err := cfg.Validate(cloud{}); err != nil {
		return fmt.Errorf("machine config is not valid: %w", withoutValues(err))
	}
	return nil
}

// withoutValues keeps of an error of Talos what names the place, and drops what may quote the file: decoders print
// the values next to a wrong key.
func withoutValues(err error) error {
	text := err.Error()
	if _, keys, found := strings.Cut(text, "unknown keys found during decoding:"); found {
		var tree any
		if yaml.Unmarshal([]byte(keys), &tree) != nil {
			tree = nil
		}
		return fmt.Errorf("unknown keys: %s (is the file for a newer Talos than v1.13, or misspelt?)", strings.Join(keyNames(tree), " > "))
	}
	if match := regexp.MustCompile(`\\?"(\w+)\\?" \\?"\w+\\?": not registered`).FindStringSubmatch(text); match != nil {
		return fmt.Errorf("unknown document kind %q: generate the config with talosctl gen config --talos-version v1.13", match[1])
	}
	if match := regexp.MustCompile(`unknown field "([^"]+)"`).FindAllStringSubmatch(text, -1); match != nil {
		var names []string
		for _, m := range match {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return fmt.Errorf("unknown field %s", strings.Join(names, ", "))
	}
	if line := regexp.MustCompile(`line \d+`).FindString(text); line != "" {
		return fmt.Errorf("not a machine config, see %s", line)
	}
	// Cut after the values are out: half a quotation would not be recognised as one.
	return errors.New(firstLines(regexp.MustCompile(`("[^"]*"|'[^']*'|`+"`[^`]*`"+`)`).ReplaceAllString(text, `"…"`)))
}

// keyNames lists the keys of a YAML tree. A value can look like a key, so that the text itself is no guide.
func keyNames(tree any) []string {
	var out []string
	switch node := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			out = append(append(out, key), keyNames(node[key])...)
		}
	case []any:
		for _, item := range node {
			out = append(out, keyNames(item)...)
		}
	}
	return out
}

// firstLines keeps an error short enough for a condition.
func firstLines(text string) string {
	fields := strings.Fields(text)
	return strings.Join(fields[:min(len(fields), 60)], " ")
}
