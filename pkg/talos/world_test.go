package talos_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

// contracts are the Talos versions whose configs are taken.
func contracts() []string { return []string{"v1.11.5", "v1.12.5", "v1.13.0"} }

// generated returns a config as "talosctl gen config" writes it, changed by edit.
func generated(t *testing.T, version string, kind machine.Type, edit func(*v1alpha1.Config)) []byte {
	t.Helper()
	contract, err := config.ParseContractFromVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	input, err := generate.NewInput("prod", "https://10.0.1.10:6443", "1.35.4", generate.WithVersionContract(contract), generate.WithSecretsBundle(bundle(t, contract, kind)))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := input.Config(kind)
	if err != nil {
		t.Fatal(err)
	}
	edited, err := cfg.PatchV1Alpha1(func(c *v1alpha1.Config) error {
		c.ClusterConfig.ExternalCloudProviderConfig = &v1alpha1.ExternalCloudProviderConfig{ExternalEnabled: new(true)}
		if edit != nil {
			edit(c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := edited.EncodeBytes(encoder.WithComments(encoder.CommentsAll))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bundle returns the secrets of a new cluster; those of a control plane take seconds, and a worker needs none of them.
func bundle(t *testing.T, contract *config.VersionContract, kind machine.Type) *secrets.Bundle {
	t.Helper()
	clock := secrets.NewClock()
	if kind == machine.TypeControlPlane {
		whole, err := secrets.NewBundle(clock, contract)
		if err != nil {
			t.Fatal(err)
		}
		return whole
	}
	kubernetes, err := secrets.NewKubernetesCA(clock.Now(), contract)
	if err != nil {
		t.Fatal(err)
	}
	system, err := secrets.NewTalosCA(clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &secrets.Bundle{
		Clock:      clock,
		Cluster:    &secrets.Cluster{ID: "c2VjcmV0LWNsdXN0ZXItaWQ=", Secret: "c2VjcmV0LWNsdXN0ZXItc2VjcmV0LTAxMjM0NTY3ODk="},
		Secrets:    &secrets.Secrets{BootstrapToken: "s3cret.0123456789secret"},
		TrustdInfo: &secrets.TrustdInfo{Token: "tr0std.0123456789secret"},
		Certs:      &secrets.Certs{K8s: x509.NewCertificateAndKeyFromCertificateAuthority(kubernetes), OS: x509.NewCertificateAndKeyFromCertificateAuthority(system)},
	}
}

func worker(t *testing.T, edit func(*v1alpha1.Config)) []byte {
	t.Helper()
	return generated(t, "v1.13.0", machine.TypeWorker, edit)
}

func node() talos.Node {
	var kubelet nodeclass.Kubelet
	return talos.Node{
		Hostname: "default-x7k2p",
		Labels: map[string]string{
			"karpenter.sh/nodepool": "default", "karpenter.outscale.com/instance-cpu": "4", "topology.kubernetes.io/zone": "eu-west-2a",
			"node.kubernetes.io/instance-type": "tinav6.c4r8p2", "team": "blue",
		},
		Taints: []corev1.Taint{
			{Key: "karpenter.sh/unregistered", Effect: corev1.TaintEffectNoExecute},
			{Key: "dedicated", Value: "gpu", Effect: corev1.TaintEffectNoSchedule},
		},
		Kubelet: kubelet.WithDefaults(),
	}
}

// cloud is the mode of Talos on a cloud: nothing is installed.
type cloud struct{}

func (cloud) String() string        { return "cloud" }
func (cloud) RequiresInstall() bool { return false }
func (cloud) InContainer() bool     { return false }

// render renders, and reads the result as a node would.
func render(t *testing.T, workerConfig []byte, patches []string, n talos.Node) ([]byte, config.Provider) {
	t.Helper()
	out, err := talos.Render(workerConfig, patches, n)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := configloader.NewFromBytes(out)
	if err != nil {
		t.Fatalf("the node cannot read it: %v", err)
	}
	if _, err := cfg.Validate(cloud{}); err != nil {
		t.Fatalf("the node refuses it: %v", err)
	}
	return out, cfg
}

func extraConfig(cfg config.Provider) map[string]any {
	return cfg.RawV1Alpha1().MachineConfig.MachineKubelet.KubeletExtraConfig.Object
}

func nodeLabels(cfg config.Provider) string {
	return strings.Join(cfg.RawV1Alpha1().MachineConfig.MachineKubelet.KubeletExtraArgs.ToMap()["node-labels"], " ")
}

// leaks returns the secrets of a config that a text shows.
func leaks(t *testing.T, workerConfig []byte, text string) []string {
	t.Helper()
	cfg, err := configloader.NewFromBytes(workerConfig)
	if err != nil {
		t.Fatal(err)
	}
	raw := cfg.RawV1Alpha1()
	values := []string{
		raw.MachineConfig.MachineToken, raw.ClusterConfig.BootstrapToken, raw.ClusterConfig.ClusterSecret, raw.ClusterConfig.ClusterID,
		string(raw.ClusterConfig.ClusterCA.Crt), string(raw.MachineConfig.MachineCA.Crt), "hunter2",
	}
	return slices.DeleteFunc(values, func(value string) bool { return value == "" || !strings.Contains(text, value) })
}
