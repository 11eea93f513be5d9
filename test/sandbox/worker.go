package sandbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
)

// worker is what the machine config of the workers is generated from. A scenario may spoil it.
type worker struct {
	bundle *secrets.Bundle
	patch  func(*v1alpha1.Config)
}

// createWorkerConfig stores what `talosctl gen config` would have written for this cluster.
func (s *Sandbox) createWorkerConfig(ctx context.Context) error {
	contract, err := config.ParseContractFromVersion(machines.DefaultTalosVersion)
	if err != nil {
		return err
	}
	bundle, err := secrets.NewBundle(secrets.NewClock(), contract)
	if err != nil {
		return fmt.Errorf("generating the secrets of Talos: %w", err)
	}
	s.trustd = trustd{ca: bundle.Certs.OS.Crt, token: bundle.TrustdInfo.Token}
	// A token that outlives the sandbox: Talos' own never expires.
	token, err := s.ControlPlane.BootstrapToken(ctx, 10*365*24*time.Hour)
	if err != nil {
		return err
	}
	bundle.Secrets.BootstrapToken = token
	spoilt := worker{bundle: bundle, patch: func(*v1alpha1.Config) {}}
	bundle.Certs.K8s = &x509.PEMEncodedCertificateAndKey{Crt: s.ControlPlane.CA}
	if s.scenario.worker != nil {
		if err := s.scenario.worker(&spoilt); err != nil {
			return err
		}
	}
	text, err := spoilt.render(s.ControlPlane.URL, contract)
	if err != nil {
		return fmt.Errorf("generating the worker config: %w", err)
	}
	return s.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "talos-worker"},
		Data:       map[string][]byte{"worker.yaml": text},
	})
}

func (w worker) render(endpoint string, contract *config.VersionContract) ([]byte, error) {
	input, err := generate.NewInput(ClusterName, endpoint, strings.TrimPrefix(controlplane.KubernetesVersion, "v"),
		generate.WithVersionContract(contract), generate.WithSecretsBundle(w.bundle),
		// The certificate of this API server is not one of Talos: KubePrism would not be trusted.
		generate.WithKubePrismPort(0), generate.WithClusterDiscovery(false))
	if err != nil {
		return nil, err
	}
	generated, err := input.Config(machine.TypeWorker)
	if err != nil {
		return nil, err
	}
	patched, err := generated.PatchV1Alpha1(func(c *v1alpha1.Config) error {
		enabled := true
		c.ClusterConfig.ExternalCloudProviderConfig = &v1alpha1.ExternalCloudProviderConfig{ExternalEnabled: &enabled}
		w.patch(c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return patched.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
}
