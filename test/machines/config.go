package machines

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/compatibility"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

const acquireController = "config.AcquireController"

// errNoConfig makes Talos wait in maintenance mode instead of trying again.
var errNoConfig = errors.New("no complete machine config")

// cloudMode is the mode in which Talos' aws platform validates: no installation, no container.
type cloudMode struct{}

func (cloudMode) String() string        { return "cloud" }
func (cloudMode) RequiresInstall() bool { return false }
func (cloudMode) InContainer() bool     { return false }

// acquireConfig reads the machine config from the disk, or from the user data at the first boot only.
func (m *machine) acquireConfig(ctx context.Context) error {
	var source string
	err := m.retry(ctx, acquireController, func() error {
		var err error
		m.config, source, err = m.readConfig()
		if errors.Is(err, errNoConfig) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if m.config == nil {
		m.console.controller(acquireController, "entering maintenance service")
		return m.hang(ctx, "maintenance mode")
	}
	m.console.controller(acquireController, "machine config loaded successfully", field{"sources", []string{source}})
	return nil
}

func (m *machine) readConfig() (cfg config.Provider, source string, err error) {
	if m.disk.config != nil {
		cfg, err = configloader.NewFromBytes(m.disk.config)
		return cfg, "state", err
	}
	m.console.controller(acquireController, "downloading config", field{"platform", "aws"})
	m.console.talos("fetching machine config from AWS")
	data, ok := m.fleet.Region.GuestUserData(m.vm.ID)
	if !ok || strings.TrimSpace(string(data)) == "" {
		return nil, "", errNoConfig
	}
	data, err = unzip(data)
	if err != nil {
		return nil, "", err
	}
	cfg, err = m.parseConfig(data)
	if err != nil {
		return nil, "", err
	}
	m.disk.config = data
	return cfg, "aws", nil
}

// unzip undoes gzip where the data starts with its magic, as Talos does.
func unzip(data []byte) ([]byte, error) {
	if http.DetectContentType(data) != "application/x-gzip" {
		return data, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("error creating gzip reader: %w", err)
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("error unzipping machine config: %w", err)
	}
	return plain, reader.Close()
}

func (m *machine) parseConfig(data []byte) (config.Provider, error) {
	cfg, err := configloader.NewFromBytes(data)
	if err != nil {
		return nil, fmt.Errorf("failed to load config via platform aws: %w", err)
	}
	if err := m.checkKinds(cfg); err != nil {
		return nil, fmt.Errorf("failed to load config via platform aws: %w", err)
	}
	warnings, err := cfg.Validate(cloudMode{})
	if err != nil {
		return nil, fmt.Errorf("failed to validate config acquired via platform aws: %w", err)
	}
	if !cfg.CompleteForBoot() {
		return nil, errNoConfig
	}
	if err := m.checkKubeletVersion(cfg.Machine().Kubelet().Image()); err != nil {
		return nil, fmt.Errorf("failed to runtime validate config acquired via platform aws: 1 error occurred:\n\t* kubelet image is not valid: %w\n\n", err) //nolint:revive,staticcheck // Talos prints it so
	}
	for _, warning := range warnings {
		m.console.controller(acquireController, "config validation warning", field{"platform", "aws"}, field{"warning", warning})
	}
	return cfg, nil
}

// checkKinds refuses documents that the Talos of this image does not know yet, as its own machinery would.
func (m *machine) checkKinds(cfg config.Provider) error {
	for _, document := range cfg.Documents() {
		if since, ok := documentSince(document.Kind()); ok && olderThan(m.version, since) {
			return fmt.Errorf("error decoding document %s/%s/ (line 1): %q %q: not registered",
				document.APIVersion(), document.Kind(), document.Kind(), document.APIVersion())
		}
	}
	return nil
}

// documentSince is the Talos minor that introduced the kinds a provider is likely to render.
func documentSince(kind string) (minor string, ok bool) {
	switch kind {
	case "HostnameConfig", "TimeSyncConfig", "ResolverConfig", "StaticHostConfig", "LinkConfig",
		"RegistryMirrorConfig", "RegistryAuthConfig", "RegistryTLSConfig":
		return "v1.12.0", true
	case "KubeSpanConfig", "EnvironmentConfig", "ImageVerificationConfig", "ExternalVolumeConfig",
		"TCPProbeConfig", "RoutingRuleConfig", "VRFConfig":
		return "v1.13.0", true
	}
	return "", false
}

// checkKubeletVersion is the matrix of kubelet versions that a Talos runs; unlike RuntimeValidate it asks for the image's version.
func (m *machine) checkKubeletVersion(image string) error {
	talos, err := compatibility.ParseTalosVersion(&machineapi.VersionInfo{Tag: m.version})
	if err != nil {
		return err
	}
	kubelet, err := v1alpha1.KubernetesVersionFromImageRef(image)
	if err != nil {
		return err
	}
	return kubelet.SupportedWith(talos)
}

// checkImages refuses Talos versions that the machinery in this binary cannot judge.
func (f *Fleet) checkImages() error {
	for image, version := range f.Images {
		if _, err := compatibility.ParseTalosVersion(&machineapi.VersionInfo{Tag: version}); err != nil {
			return fmt.Errorf("talos version %q of image %q: %w", version, image, err)
		}
		if !olderThan(version, "v1.14.0-alpha.0") {
			return fmt.Errorf("talos version %q of image %q: newer than the machinery that judges it", version, image)
		}
	}
	return nil
}
