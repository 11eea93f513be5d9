package machines_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"testing"

	"github.com/siderolabs/crypto/x509"
	talosconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	certutil "k8s.io/client-go/util/cert"
)

// cluster is what a worker config is made of.
type cluster struct {
	endpoint, token, machineToken string
	kubernetesCA, talosCA         []byte
	kubernetes, contract          string
}

func newCluster(t *testing.T) cluster {
	return cluster{
		endpoint: "https://127.0.0.1:1", token: unknownToken, machineToken: machineToken,
		kubernetesCA: newCA(t), talosCA: newCA(t), kubernetes: "1.35.4", contract: "v1.13.0",
	}
}

func newCA(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: "test"}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

// worker generates a worker config with Talos' own generator and merges patches into it.
func (c cluster) worker(t *testing.T, patches ...string) string {
	t.Helper()
	contract, err := talosconfig.ParseContractFromVersion(c.contract)
	if err != nil {
		t.Fatal(err)
	}
	bundle := &secrets.Bundle{
		Clock:      secrets.NewClock(),
		Cluster:    &secrets.Cluster{ID: "cluster-id", Secret: "cluster-secret"},
		Secrets:    &secrets.Secrets{BootstrapToken: c.token},
		TrustdInfo: &secrets.TrustdInfo{Token: c.machineToken},
		Certs: &secrets.Certs{
			K8s: &x509.PEMEncodedCertificateAndKey{Crt: c.kubernetesCA}, OS: &x509.PEMEncodedCertificateAndKey{Crt: c.talosCA},
		},
	}
	input, err := generate.NewInput("test", c.endpoint, c.kubernetes, generate.WithVersionContract(contract), generate.WithSecretsBundle(bundle))
	if err != nil {
		t.Fatal(err)
	}
	config, err := input.Config(machine.TypeWorker)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range patches {
		patch, err := configpatcher.LoadPatch([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		out, err := configpatcher.Apply(configpatcher.WithConfig(config), []configpatcher.Patch{patch})
		if err != nil {
			t.Fatal(err)
		}
		if config, err = out.Config(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := config.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
