package bootlog_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/siderolabs/crypto/x509"
	talosconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	certutil "k8s.io/client-go/util/cert"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const machineToken = "abcdef.0123456789abcdef"

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

// workerConfig is what talosctl gen config makes, with patches.
func workerConfig(t *testing.T, kubernetes string, talosCA []byte, patches ...string) string {
	t.Helper()
	contract, err := talosconfig.ParseContractFromVersion("v1.13.0")
	if err != nil {
		t.Fatal(err)
	}
	bundle := &secrets.Bundle{
		Clock: secrets.NewClock(), Cluster: &secrets.Cluster{ID: "cluster-id", Secret: "cluster-secret"},
		Secrets: &secrets.Secrets{BootstrapToken: "aaaaaa.0123456789abcdef"}, TrustdInfo: &secrets.TrustdInfo{Token: machineToken},
		Certs: &secrets.Certs{K8s: &x509.PEMEncodedCertificateAndKey{Crt: newCA(t)}, OS: &x509.PEMEncodedCertificateAndKey{Crt: talosCA}},
	}
	input, err := generate.NewInput("test", "https://127.0.0.1:1", kubernetes, generate.WithVersionContract(contract), generate.WithSecretsBundle(bundle))
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
	data, err := config.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// boots runs a simulated machine with the user data until its console has the cause, and returns what it then says.
func boots(t *testing.T, userData, want string, change func(*machines.Fleet)) bootlog.Report {
	t.Helper()
	region := &oapitest.Region{Timings: oapitest.Timings{Boot: time.Millisecond, Stop: time.Second, ForceStop: time.Millisecond, Terminate: time.Second}}
	endpoint, fixture := oapitest.NewTestServer(t, region), region.Fixture()
	fleet := &machines.Fleet{Region: region, BootDelay: time.Millisecond, ReadyDelay: time.Millisecond, RetryInterval: 5 * time.Millisecond}
	if change != nil {
		change(fleet)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- fleet.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})

	sdk := osc.NewConfiguration()
	sdk.Servers = osc.ServerConfigurations{{URL: endpoint}}
	api, auth := osc.NewAPIClient(sdk), context.WithValue(t.Context(), osc.ContextAWSv4, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey})
	answer, raw, err := api.VmApi.CreateVms(auth).CreateVmsRequest(osc.CreateVmsRequest{
		ImageId: fixture.ImageID, VmType: new("tinav7.c4r8p2"), SubnetId: &fixture.Subnets[0].ID,
		UserData: new(base64.StdEncoding.EncodeToString([]byte(userData))),
	}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Body.Close() }()
	parser, ticker := bootlog.New(), time.NewTicker(50*time.Millisecond)
	defer ticker.Stop()
	patience := time.After(time.Minute)
	for {
		answer, raw, err := api.VmApi.ReadConsoleOutput(auth).ReadConsoleOutputRequest(osc.ReadConsoleOutputRequest{VmId: (*answer.Vms)[0].GetVmId()}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Body.Close()
		text, err := base64.StdEncoding.DecodeString(answer.GetConsoleOutput())
		if err != nil {
			t.Fatal(err)
		}
		report := parser.Parse(string(text))
		if cause, _ := report.Cause(); cause.ID == want {
			return report
		}
		select {
		case <-patience:
			t.Fatalf("cause %+v, want %s, on the console:\n%s", report.Findings, want, text)
		case <-ticker.C:
		}
	}
}

func TestMachinesThatFailAreDiagnosed(t *testing.T) {
	t.Parallel()
	talosCA := newCA(t)
	good := workerConfig(t, "1.35.4", talosCA)
	patched := func(patch string) string { return workerConfig(t, "1.35.4", talosCA, patch) }
	trustd := func(ca []byte, token string) func(*machines.Fleet) {
		return func(f *machines.Fleet) {
			f.Trustd, f.BootTimeout = &machines.Trustd{CA: ca, Token: token}, 2*time.Second
		}
	}
	for name, tc := range map[string]struct {
		userData, cause, failed string
		change                  func(*machines.Fleet)
	}{
		"no v1alpha1 document": {"apiVersion: v1alpha1\nkind: HostnameConfig\nauto: off\nhostname: lost\n", "cfg.missing", "config", nil},
		"unknown key":          {strings.Replace(good, "    token: ", "    tokenn: ", 1), "cfg.unknownkey", "config", nil},
		"unknown document":     {good + "---\napiVersion: v1alpha1\nkind: DiscoveryServiceConfig\n", "cfg.unknowndoc", "config", nil},
		"cloud-config":         {"#cloud-config\nruncmd:\n  - reboot\n", "cfg.notmc", "config", nil},
		"kubelet too new":      {workerConfig(t, "1.37.0", talosCA), "cfg.k8sver", "config", nil},
		"no endpoint":          {strings.Replace(good, "endpoint: https://127.0.0.1:1", "endpoint: \"\"", 1), "cfg.invalid", "config", nil},
		"no time server":       {good, "time.query", "time", func(f *machines.Fleet) { f.NTPServers = []string{"192.0.2.123"} }},
		"nodeIP":               {patched("machine: {kubelet: {nodeIP: {validSubnets: [192.0.2.0/24]}}}"), "kubelet.nodeip", "kubelet", nil},
		"extraConfig":          {patched("machine: {kubelet: {extraConfig: {maxPodz: 5}}}"), "kubelet.config", "kubelet", nil},
		"extraArgs":            {patched("machine: {kubelet: {extraArgs: {config: /tmp/x}}}"), "kubelet.arg", "kubelet", nil},
		"forbidden label":      {patched("machine: {kubelet: {extraArgs: {node-labels: \"app.kubernetes.io/name=x\"}}}"), "kubelet.labels", "healthy", nil},
		"unknown flag":         {patched("machine: {kubelet: {extraArgs: {max-podz: \"5\"}}}"), "kubelet.flag", "healthy", nil},
		"wrong machine token":  {good, "trustd.token", "services", trustd(talosCA, "zzzzzz.0123456789abcdef")},
		"wrong Talos CA":       {good, "trustd.ca", "services", trustd(newCA(t), machineToken)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := boots(t, tc.userData, tc.cause, tc.change)
			for _, s := range report.Stages {
				if s.Name == tc.failed && s.State != bootlog.Failed {
					t.Errorf("stages %s, want %s failed", states(report), tc.failed)
				}
			}
			for _, f := range report.Findings {
				if strings.Contains(f.Text, "0123456789abcdef") {
					t.Errorf("a token in %q", f.Text)
				}
			}
		})
	}
}
