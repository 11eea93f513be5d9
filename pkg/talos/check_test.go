package talos_test

import (
	"strings"
	"testing"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

// wantRefused checks that the error names what is wrong and shows no secret of the config that it began with.
func wantRefused(t *testing.T, err error, from []byte, want string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("no error, want one with %q", want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("error %v, want one with %q", err, want)
	default:
		if leaked := leaks(t, from, err.Error()); len(leaked) > 0 {
			t.Errorf("error %v shows the secrets %q", err, leaked)
		}
	}
}

func TestConfigThatCanNeverJoinIsRefused(t *testing.T) {
	args := func(key, value string) func(*v1alpha1.Config) {
		return func(c *v1alpha1.Config) {
			c.MachineConfig.MachineKubelet.KubeletExtraArgs = v1alpha1.Args{key: v1alpha1.NewArgValue(value, nil)}
		}
	}
	for want, edit := range map[string]func(*v1alpha1.Config){
		"machine.token is missing":               func(c *v1alpha1.Config) { c.MachineConfig.MachineToken = "" },
		"cluster.ca is missing":                  func(c *v1alpha1.Config) { c.ClusterConfig.ClusterCA = nil },
		"cluster.controlPlane.endpoint":          func(c *v1alpha1.Config) { c.ClusterConfig.ControlPlane.Endpoint = nil },
		"cluster.token is not a bootstrap token": func(c *v1alpha1.Config) { c.ClusterConfig.BootstrapToken = "hunter2" },
		"cluster.externalCloudProvider.enabled":  func(c *v1alpha1.Config) { c.ClusterConfig.ExternalCloudProviderConfig = nil },
		"machine.nodeTaints":                     func(c *v1alpha1.Config) { c.MachineConfig.MachineNodeTaints = map[string]string{"a": "b:NoSchedule"} },
		`"node-role.kubernetes.io/worker"`: func(c *v1alpha1.Config) {
			c.MachineConfig.MachineNodeLabels = map[string]string{"node-role.kubernetes.io/worker": ""}
		},
		`"app.kubernetes.io/name" and exits`:       args("node-labels", "a=b,app.kubernetes.io/name=x"),
		`"bootstrap-kubeconfig"`:                   args("bootstrap-kubeconfig", "/x"),
		`"kubeconfig" is not allowed`:              args("kubeconfig", "/x"),
		`"container-runtime" is not allowed`:       args("container-runtime", "x"),
		`"container-runtime-endpoint"`:             args("container-runtime-endpoint", "x"),
		`"config" is not allowed`:                  args("config", "/x"),
		`"cert-dir"`:                               args("cert-dir", "/x"),
		"extraConfig: unknown field maxPoddds":     extra(map[string]any{"maxPoddds": 5, "eventBurst": 3}),
		"extraConfig: unknown field shutdownGrace": extra(map[string]any{"shutdownGrace": "hunter2"}),
		"extraConfig: cannot restore struct":       extra(map[string]any{"registerWithTaints": []any{"hunter2"}}),
		"machine.kubelet.extraConfig":              extra(map[string]any{"maxPods": "hunter2"}),
	} {
		_, err := talos.Render(worker(t, edit), nil, node())
		wantRefused(t, err, worker(t, nil), want)
	}
}

func extra(object map[string]any) func(*v1alpha1.Config) {
	return func(c *v1alpha1.Config) {
		c.MachineConfig.MachineKubelet.KubeletExtraConfig = v1alpha1.Unstructured{Object: object}
	}
}

func TestConfigWithoutTheTalosCAIsRefused(t *testing.T) {
	given := worker(t, func(c *v1alpha1.Config) { c.MachineConfig.MachineCA = nil })
	_, err := talos.Render(given, nil, node())
	wantRefused(t, err, worker(t, nil), "machine config is not valid")
}

func TestAcceptedCAsServeForTheCA(t *testing.T) {
	render(t, worker(t, func(c *v1alpha1.Config) {
		c.ClusterConfig.ClusterAcceptedCAs = []*x509.PEMEncodedCertificate{{Crt: c.ClusterConfig.ClusterCA.Crt}}
		c.ClusterConfig.ClusterCA = nil
	}), nil, node())
}

func TestControlPlaneConfigIsRefused(t *testing.T) {
	given := generated(t, "v1.13.0", machine.TypeControlPlane, nil)
	_, err := talos.Render(given, nil, node())
	wantRefused(t, err, given, "machine.type is controlplane, want worker")
}

func TestFileThatIsNoMachineConfigIsRefused(t *testing.T) {
	for name, given := range map[string]string{
		"empty": "", "a list": "- hunter2\n", "text": "hunter2", "no YAML": "machine: [hunter2\n", "tabs": "machine:\n\ttoken: hunter2\n",
		"hostname only": "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n", "no cluster": "version: v1alpha1\nmachine: {type: worker, token: hunter2}\n",
		"binary": "\x00\x01hunter2", "wrong type": "version: v1alpha1\nmachine: hunter2\n",
	} {
		_, err := talos.Render([]byte(given), nil, node())
		if err == nil || !strings.Contains(err.Error(), "worker config") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// replaced swaps a text of a good worker config.
func replaced(t *testing.T, given []byte, old, text string) []byte {
	t.Helper()
	if !strings.Contains(string(given), old) {
		t.Fatalf("the worker config has no %q", old)
	}
	return []byte(strings.Replace(string(given), old, text, 1))
}

func TestMisspeltKeyIsNamedAndItsValueIsNot(t *testing.T) {
	good := worker(t, nil)
	for name, c := range map[string]struct{ old, text, want string }{
		"key of a secret":  {"    token: ", "    tokenn: ", "tokenn"},
		"section":          {"cluster:\n", "clusterr:\n", "clusterr"},
		"secret in a map":  {"machine:\n", "machine:\n    registriez: {password: hunter2}\n", "registriez"},
		"secret in a list": {"machine:\n", "machine:\n    keyz:\n        - hunter2\n", "keyz"},
		"secret in a line": {"machine:\n", "machine:\n    filez: |\n        hunter2: x\n", "filez"},
		"secret in a text": {"machine:\n", "machine:\n    filez: |\n        hunter2\n", "filez"},
	} {
		given := replaced(t, good, c.old, c.text)
		_, err := talos.Render(given, nil, node())
		if err == nil || !strings.Contains(err.Error(), "unknown keys") {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		wantRefused(t, err, good, c.want)
	}
}

func TestDocumentOfANewerTalosIsNamed(t *testing.T) {
	good := worker(t, nil)
	given := append(good, []byte("---\napiVersion: v1alpha1\nkind: DiscoveryServiceConfig\nendpoint: https://hunter2\n")...) //nolint:gocritic // a copy is wanted
	_, err := talos.Render(given, nil, node())
	wantRefused(t, err, good, `"DiscoveryServiceConfig"`)
}

func TestWrongPatchIsNamedByItsNumber(t *testing.T) {
	good := worker(t, nil)
	fine := "machine:\n  sysctls: {a: b}\n"
	for name, c := range map[string]struct{ patch, want string }{
		"JSON":          {`[{"op":"replace","path":"/machine/token","value":"hunter2"}]`, "strategic merge patch"},
		"JSON in YAML":  {"- op: add\n  path: /machine/sysctls\n  value: {a: hunter2}\n", "strategic merge patch"},
		"unknown key":   {"machine:\n  sysctlz: {a: hunter2}\n", "sysctlz"},
		"unknown kind":  {"apiVersion: v1alpha1\nkind: KubeletConfig\nimage: hunter2\n", "KubeletConfig"},
		"no YAML":       {"machine: [hunter2", "patches[1]"},
		"text":          {"hunter2", "patches[1]"},
		"empty":         {"", "patches[1]"},
		"a file's name": {"@/etc/hunter2", "patches[1]"},
	} {
		_, err := talos.Render(good, []string{fine, c.patch}, node())
		if err == nil || !strings.Contains(err.Error(), "patches[1]") {
			t.Errorf("%s: error %v, want one about patches[1]", name, err)
			continue
		}
		wantRefused(t, err, good, c.want)
	}
}

func TestPatchThatBreaksTheConfigIsRefused(t *testing.T) {
	good := worker(t, nil)
	for patch, want := range map[string]string{
		"machine:\n  type: controlplane\n":                             "want worker",
		"cluster:\n  externalCloudProvider:\n    enabled: false\n":     "externalCloudProvider",
		"machine:\n  kubelet:\n    extraConfig: {maxPodz: hunter2}\n":  "maxPodz",
		"machine:\n  kubelet:\n    extraConfig: {port: 1}\n":           "not valid",
		"machine:\n  nodeTaints: {a: hunter2:NoSchedule}\n":            "machine.nodeTaints",
		"cluster:\n  token: hunter2\n":                                 "cluster.token",
		"machine:\n  network: {hostname: hunter2}\n":                   "not valid",
		"machine:\n  kubelet:\n    extraArgs: {kubeconfig: hunter2}\n": "kubeconfig",
	} {
		_, err := talos.Render(good, []string{patch}, node())
		wantRefused(t, err, good, want)
	}
}
