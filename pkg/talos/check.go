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
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"sigs.k8s.io/yaml"
)

// cloud is Talos' runtime mode on a cloud platform: nothing is installed, the image is the installation.
type cloud struct{}

func (cloud) String() string        { return "cloud" }
func (cloud) RequiresInstall() bool { return false }
func (cloud) InContainer() bool     { return false }

// bootstrapToken is the form of a Kubernetes bootstrap token.
var bootstrapToken = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)

// What is read of Talos' own errors.
var (
	notRegistered = regexp.MustCompile(`\\?"(\w+)\\?" \\?"\w+\\?": not registered`)
	unknownField  = regexp.MustCompile(`unknown field "([^"]+)"`)
	lineNumber    = regexp.MustCompile(`line \d+`)
	quotedValue   = regexp.MustCompile(`("[^"]*"|'[^']*'|` + "`[^`]*`" + `)`)
)

// check refuses a worker config that Talos would take and that could never become a node of this cluster.
func check(cfg config.Provider, node Node) error {
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
	case !bootstrapToken.MatchString(raw.ClusterConfig.BootstrapToken):
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
	if err := checkHugepages(raw.MachineConfig); err != nil {
		return err
	}
	return checkKubelet(raw.MachineConfig.MachineKubelet, node)
}

// checkHugepages refuses memory that is set aside for huge pages: the kubelet takes it out of Allocatable, and Karpenter
// does not know (Kubernetes v1.36 pkg/kubelet/nodestatus/setters.go, MachineInfo). A key has "." or "/", as with sysctl(8).
func checkHugepages(given *v1alpha1.MachineConfig) error {
	const why = "%s is refused: it takes memory from pods that Karpenter counts on"
	for field, settings := range map[string]map[string]string{"sysctls": given.MachineSysctls, "sysfs": given.MachineSysfs} {
		for _, key := range slices.Sorted(maps.Keys(settings)) {
			name := strings.ReplaceAll(key, "/", ".")
			if strings.HasSuffix(name, ".nr_hugepages") && strings.TrimSpace(settings[key]) != "0" {
				return fmt.Errorf("worker config: machine."+field+"."+why, key)
			}
		}
	}
	if given.MachineInstall == nil {
		return nil
	}
	for _, arg := range given.MachineInstall.InstallExtraKernelArgs { //nolint:staticcheck // deprecated, and still obeyed by an upgrade
		// Parameters of the kernel that make the machine smaller (Documentation/admin-guide/kernel-parameters.txt).
		name, _, _ := strings.Cut(arg, "=")
		if slices.Contains([]string{"hugepages", "mem", "maxcpus", "nr_cpus"}, name) {
			return fmt.Errorf("worker config: machine.install.extraKernelArgs: "+why, name)
		}
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
	if match := notRegistered.FindStringSubmatch(text); match != nil {
		return fmt.Errorf("unknown document kind %q: generate the config with talosctl gen config --talos-version v1.13", match[1])
	}
	if match := unknownField.FindAllStringSubmatch(text, -1); match != nil {
		var names []string
		for _, m := range match {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return fmt.Errorf("unknown field %s", strings.Join(names, ", "))
	}
	if line := lineNumber.FindString(text); line != "" {
		return fmt.Errorf("not a machine config, see %s", line)
	}
	// Cut after the values are out: half a quotation would not be recognised as one.
	return errors.New(firstLines(quotedValue.ReplaceAllString(text, `"…"`)))
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
