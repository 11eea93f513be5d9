// Package workerconfig makes worker machine configs as talosctl gen config would, for clusters that live in a test.
package workerconfig

import (
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// NewBundle returns secrets of a new cluster of this Talos version, such as v1.13.0.
func NewBundle(talosVersion string) (*secrets.Bundle, error) {
	contract, err := config.ParseContractFromVersion(talosVersion)
	if err != nil {
		return nil, fmt.Errorf("reading Talos version %q: %w", talosVersion, err)
	}
	bundle, err := secrets.NewBundle(secrets.NewClock(), contract)
	if err != nil {
		return nil, fmt.Errorf("making the secrets of a cluster: %w", err)
	}
	return bundle, nil
}

// Cluster is what a worker config says of its cluster.
type Cluster struct {
	Name, Endpoint string
	// KubernetesVersion and TalosVersion have a leading v.
	KubernetesVersion, TalosVersion string
	Bundle                          *secrets.Bundle
}

// Generate returns a worker config with an external cloud provider, changed by edit.
func Generate(cluster Cluster, edit func(*v1alpha1.Config)) ([]byte, error) {
	contract, err := config.ParseContractFromVersion(cluster.TalosVersion)
	if err != nil {
		return nil, fmt.Errorf("reading Talos version %q: %w", cluster.TalosVersion, err)
	}
	input, err := generate.NewInput(cluster.Name, cluster.Endpoint, strings.TrimPrefix(cluster.KubernetesVersion, "v"),
		generate.WithVersionContract(contract), generate.WithSecretsBundle(cluster.Bundle),
		// An API server that is not Talos' has no certificate for KubePrism.
		generate.WithKubePrismPort(0), generate.WithClusterDiscovery(false))
	if err != nil {
		return nil, fmt.Errorf("generating a worker config: %w", err)
	}
	generated, err := input.Config(machine.TypeWorker)
	if err != nil {
		return nil, fmt.Errorf("generating a worker config: %w", err)
	}
	edited, err := generated.PatchV1Alpha1(func(c *v1alpha1.Config) error {
		c.ClusterConfig.ExternalCloudProviderConfig = &v1alpha1.ExternalCloudProviderConfig{ExternalEnabled: new(true)}
		edit(c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("editing a worker config: %w", err)
	}
	return edited.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
}
