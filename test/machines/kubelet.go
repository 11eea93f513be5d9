package machines

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/constants"
	protected "github.com/siderolabs/talos/pkg/machinery/kubelet"
	"k8s.io/apimachinery/pkg/runtime"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

// kubelet is what Talos starts: the flags and the config file.
type kubelet struct {
	flags   map[string]string
	file    *kubeletconfig.KubeletConfiguration
	version string
}

// renderKubelet makes flags and config file of the machine config, as Talos' KubeletSpecController does.
func (m *machine) renderKubelet() error {
	spec := m.config.Machine().Kubelet()
	name := m.hostname.name
	if spec.RegisterWithFQDN() {
		name = m.hostname.fqdn()
	}
	nodeName, err := nodeNameOf(name)
	if err != nil {
		return err
	}
	flags := map[string]string{"hostname-override": nodeName, "node-ip": m.nodeIP.String()}
	if m.config.Cluster().ExternalCloudProvider().Enabled() {
		flags["cloud-provider"] = "external"
	}
	denied := []string{"bootstrap-kubeconfig", "kubeconfig", "container-runtime", "container-runtime-endpoint", "config", "cert-dir"}
	for name, values := range spec.ExtraArgs() {
		if slices.Contains(denied, name) {
			return fmt.Errorf("error merging arguments: extra arg %q is not allowed", name)
		}
		flags[name] = strings.Join(values, ",")
	}
	file, err := renderKubeletConfig(spec.ExtraConfig())
	if err != nil {
		return fmt.Errorf("error creating kubelet configuration: %w", err)
	}
	m.kubelet = &kubelet{flags: flags, file: file, version: imageTag(spec.Image())}
	m.nodeName = flags["hostname-override"]
	return nil
}

// renderKubeletConfig reads extraConfig strictly and fills in Talos' own defaults.
func renderKubeletConfig(extra map[string]any) (*kubeletconfig.KubeletConfiguration, error) {
	var refused []error
	for _, key := range protected.ProtectedConfigurationFields {
		if _, ok := extra[key]; ok {
			refused = append(refused, fmt.Errorf("field %q can't be overridden", key))
		}
	}
	if err := errors.Join(refused...); err != nil {
		return nil, err
	}
	var cfg kubeletconfig.KubeletConfiguration
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(extra, &cfg, true); err != nil {
		return nil, fmt.Errorf("error unmarshalling extra kubelet configuration: %w", err)
	}
	// Talos tests the length: one key in the config drops all of Talos' defaults.
	if len(cfg.SystemReserved) == 0 {
		cfg.SystemReserved = map[string]string{
			"cpu":               constants.KubeletSystemReservedCPU,
			"memory":            constants.KubeletSystemReservedMemoryWorker,
			"pid":               constants.KubeletSystemReservedPid,
			"ephemeral-storage": constants.KubeletSystemReservedEphemeralStorage,
		}
	}
	if _, given := extra["shutdownGracePeriod"]; !given {
		cfg.ShutdownGracePeriod.Duration = constants.KubeletShutdownGracePeriod
	}
	if _, given := extra["shutdownGracePeriodCriticalPods"]; !given {
		cfg.ShutdownGracePeriodCriticalPods.Duration = constants.KubeletShutdownGracePeriodCriticalPods
	}
	return &cfg, nil
}

func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	return image[strings.LastIndex(image, ":")+1:]
}
