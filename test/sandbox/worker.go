package sandbox

import (
	"context"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// worker is what the machine config of the workers is generated from. A scenario may spoil it.
type worker struct {
	bundle *secrets.Bundle
	patch  func(*v1alpha1.Config)
}

// createWorkerConfig stores what `talosctl gen config` would have written for this cluster.
func (s *Sandbox) createWorkerConfig(ctx context.Context) error {
	bundle, err := workerconfig.NewBundle(machines.DefaultTalosVersion)
	if err != nil {
		return err
	}
	s.trustd = trustd{ca: bundle.Certs.OS.Crt, token: bundle.TrustdInfo.Token}
	// A token that outlives the sandbox: Talos' own never expires.
	token, err := s.ControlPlane.BootstrapToken(ctx, 10*365*24*time.Hour)
	if err != nil {
		return err
	}
	bundle.Secrets.BootstrapToken = token
	bundle.Certs.K8s = &x509.PEMEncodedCertificateAndKey{Crt: s.ControlPlane.CA}
	spoilt := worker{bundle: bundle, patch: func(*v1alpha1.Config) {}}
	if s.scenario.worker != nil {
		if err := s.scenario.worker(&spoilt); err != nil {
			return err
		}
	}
	text, err := workerconfig.Generate(workerconfig.Cluster{
		Name: ClusterName, Endpoint: s.ControlPlane.URL, Bundle: spoilt.bundle,
		KubernetesVersion: controlplane.KubernetesVersion, TalosVersion: machines.DefaultTalosVersion,
	}, spoilt.patch)
	if err != nil {
		return err
	}
	return s.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "talos-worker"},
		Data:       map[string][]byte{"worker.yaml": text},
	})
}
