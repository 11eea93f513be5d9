package talos_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

func TestRenderedConfigIsTakenByEachTalos(t *testing.T) {
	for _, version := range contracts() {
		t.Run(version, func(t *testing.T) {
			given := generated(t, version, machine.TypeWorker, nil)
			out, cfg := render(t, given, nil, node())
			if hostname := cfg.NetworkHostnameConfig(); hostname == nil || hostname.Hostname() != "default-x7k2p" {
				t.Errorf("hostname %v", hostname)
			}
			if got, want := nodeLabels(cfg), "karpenter.outscale.com/instance-cpu=4,karpenter.sh/do-not-sync-taints=true,karpenter.sh/nodepool=default,node.kubernetes.io/instance-type=tinav6.c4r8p2,team=blue,topology.kubernetes.io/zone=eu-west-2a"; got != want {
				t.Errorf("node labels %q, want %q", got, want)
			}
			if cfg.Machine().Type() != machine.TypeWorker || !bytes.Contains(out, []byte("registerWithTaints")) {
				t.Error("no worker with taints")
			}
			if bytes.Contains(out, []byte("#")) {
				t.Error("comments are in the user data")
			}
		})
	}
}

func TestRenderingGivesTheSameBytes(t *testing.T) {
	for _, version := range contracts() {
		given := generated(t, version, machine.TypeWorker, nil)
		n := node()
		for key := range strings.SplitSeq("a b c d e f g h i j k l m n o p", " ") {
			n.Labels["label-"+key] = key
		}
		patches := []string{"machine:\n  sysctls: {a: b, c: d, e: f}\n"}
		first, _ := render(t, given, patches, n)
		for range 100 {
			if again, err := talos.Render(given, patches, n); err != nil || !bytes.Equal(first, again) {
				t.Fatalf("%s: another rendering, %v:\n%s", version, err, cmp.Diff(string(first), string(again)))
			}
		}
	}
}

func TestRenderingItsOwnResultChangesNothing(t *testing.T) {
	for _, version := range contracts() {
		given := generated(t, version, machine.TypeWorker, nil)
		first, _ := render(t, given, nil, node())
		second, _ := render(t, first, nil, node())
		if diff := cmp.Diff(string(first), string(second)); diff != "" {
			t.Errorf("%s: the second rendering differs:\n%s", version, diff)
		}
	}
}

func TestOtherNodesDoNotLeakIntoEachOther(t *testing.T) {
	given := worker(t, nil)
	alone, _ := render(t, given, nil, node())
	other := node()
	other.Hostname, other.Taints, other.Labels = "default-other", nil, map[string]string{"other": "1"}
	render(t, given, nil, other)
	if again, _ := render(t, given, nil, node()); !bytes.Equal(alone, again) {
		t.Errorf("the rendering of another node changed this one:\n%s", cmp.Diff(string(alone), string(again)))
	}
}

func TestTaintsAreThereExactlyOnce(t *testing.T) {
	given := worker(t, extra(map[string]any{"registerWithTaints": []any{
		map[string]any{"key": "karpenter.sh/unregistered", "effect": "NoExecute"},
		map[string]any{"key": "dedicated", "effect": "NoSchedule", "value": "old"},
	}}))
	n := node()
	n.Taints = append(n.Taints,
		corev1.Taint{Key: "karpenter.sh/unregistered", Value: "true", Effect: corev1.TaintEffectNoExecute},
		corev1.Taint{Key: "dedicated", Value: "startup", Effect: corev1.TaintEffectNoSchedule},
		corev1.Taint{Key: "dedicated", Value: "startup", Effect: corev1.TaintEffectNoExecute},
	)
	_, cfg := render(t, given, nil, n)
	want := []any{
		map[string]any{"key": "karpenter.sh/unregistered", "effect": "NoExecute"},
		map[string]any{"key": "dedicated", "effect": "NoSchedule", "value": "gpu"},
		map[string]any{"key": "dedicated", "effect": "NoExecute", "value": "startup"},
	}
	if diff := cmp.Diff(want, extraConfig(cfg)["registerWithTaints"]); diff != "" {
		t.Errorf("taints (-want +got):\n%s", diff)
	}
}

func TestWhatShadowsOurSettingsIsRemoved(t *testing.T) {
	given := worker(t, func(c *v1alpha1.Config) {
		args := v1alpha1.Args{}
		for flag, value := range map[string]string{
			"v": "2", "max-pods": "110", "system-reserved": "cpu=50m", "kube-reserved": "",
			"eviction-hard": "memory.available<102400Ki,nodefs.available<10.0%", "register-with-taints": "karpenter.sh/unregistered:NoExecute",
		} {
			args[flag] = v1alpha1.NewArgValue(value, nil)
		}
		c.MachineConfig.MachineKubelet.KubeletExtraArgs = args
		c.MachineConfig.MachineKubelet.KubeletRegisterWithFQDN = new(true)
		c.MachineConfig.MachineKubelet.KubeletExtraConfig = v1alpha1.Unstructured{Object: map[string]any{
			"maxPods": 110, "systemReserved": map[string]any{"memory": "393216Ki"}, "serializeImagePulls": false,
		}}
	})
	_, cfg := render(t, given, nil, node())
	var flags []string
	kubelet := cfg.RawV1Alpha1().MachineConfig.MachineKubelet
	for flag := range kubelet.KubeletExtraArgs {
		if flag != "node-labels" {
			flags = append(flags, flag)
		}
	}
	if diff := cmp.Diff([]string{"v"}, flags); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	if kubelet.KubeletRegisterWithFQDN != nil && *kubelet.KubeletRegisterWithFQDN {
		t.Error("the node would register by another name than its tag has")
	}
	got := extraConfig(cfg)
	want := map[string]any{"cpu": "50m", "memory": "384Mi", "ephemeral-storage": "256Mi", "pid": "100"}
	if diff := cmp.Diff(want, got["systemReserved"]); diff != "" || got["maxPods"] != 110 || got["serializeImagePulls"] != false {
		t.Errorf("kubelet config %v, systemReserved (-want +got):\n%s", got, diff)
	}
}

func TestKubeletIsToldWhatKarpenterCountsOn(t *testing.T) {
	n := node()
	given := nodeclass.Kubelet{
		MaxPods: 64, KubeReserved: map[string]nodeclass.Amount{"memory": "1Gi"}, SystemReserved: map[string]nodeclass.Amount{"cpu": "200m"},
		EvictionHard: map[string]nodeclass.Amount{"memory.available": "5%"},
	}
	n.Kubelet = given.WithDefaults()
	_, cfg := render(t, worker(t, nil), nil, n)
	extra := extraConfig(cfg)
	delete(extra, "registerWithTaints")
	want := map[string]any{
		"maxPods":        64,
		"kubeReserved":   map[string]any{"memory": "1Gi"},
		"systemReserved": map[string]any{"cpu": "200m", "memory": "384Mi", "ephemeral-storage": "256Mi", "pid": "100"},
		"evictionHard": map[string]any{
			"memory.available": "5%", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%",
		},
	}
	if diff := cmp.Diff(want, extra); diff != "" {
		t.Errorf("kubelet config (-want +got):\n%s", diff)
	}
}

func TestLabelsThatAKubeletMayNotSetAreLeftToKarpenter(t *testing.T) {
	n := node()
	n.Labels = map[string]string{
		"node-role.kubernetes.io/worker": "", "node-restriction.kubernetes.io/a": "1", "app.kubernetes.io/name": "x", "foo.k8s.io/a": "1", "k8s.io/a": "1", "kubernetes.io/a": "1",
		"kubernetes.io/arch": "amd64", "node.kubernetes.io/a": "1", "kubelet.kubernetes.io/a": "1", "topology.kubernetes.io/region": "eu-west-2",
		"topology.bsu.csi.outscale.com/zone": "eu-west-2a", "notkubernetes.io/a": "1", "z": "",
	}
	given := worker(t, func(c *v1alpha1.Config) {
		c.MachineConfig.MachineKubelet.KubeletExtraArgs = v1alpha1.Args{"node-labels": v1alpha1.NewArgValue("rack=7, z=old,a=b=c", nil)}
	})
	_, cfg := render(t, given, nil, n)
	want := "a=b=c,karpenter.sh/do-not-sync-taints=true,kubelet.kubernetes.io/a=1,kubernetes.io/arch=amd64,node.kubernetes.io/a=1,notkubernetes.io/a=1,rack=7,topology.bsu.csi.outscale.com/zone=eu-west-2a,topology.kubernetes.io/region=eu-west-2,z="
	if got := nodeLabels(cfg); got != want {
		t.Errorf("node labels\n%q, want\n%q", got, want)
	}
}

func TestBootstrapTokenIsReplacedOrKept(t *testing.T) {
	given := worker(t, nil)
	_, before := render(t, given, nil, node())
	shared := before.RawV1Alpha1().ClusterConfig.BootstrapToken
	n := node()
	n.BootstrapToken = "abc123.0123456789abcdef"
	out, after := render(t, given, nil, n)
	if got := after.RawV1Alpha1().ClusterConfig.BootstrapToken; got != n.BootstrapToken || strings.Contains(string(out), shared) {
		t.Errorf("token %q, shared one still there: %t", got, strings.Contains(string(out), shared))
	}
	if shared == "" {
		t.Error("the shared token was lost")
	}
}

func TestHostnameCanBeLeftToThePlatform(t *testing.T) {
	n := node()
	n.Hostname = ""
	for _, version := range contracts() {
		given := generated(t, version, machine.TypeWorker, nil)
		_, cfg := render(t, given, nil, n)
		if hostname := cfg.NetworkHostnameConfig(); hostname != nil && hostname.Hostname() != "" {
			t.Errorf("%s: hostname %q", version, hostname.Hostname())
		}
	}
}

func TestStaticHostnameOfTheWorkerConfigIsReplaced(t *testing.T) {
	for _, c := range staticHostnames(t) {
		_, cfg := render(t, c.config, c.patches, node())
		if got := cfg.NetworkHostnameConfig().Hostname(); got != "default-x7k2p" {
			t.Errorf("%s: hostname %q", c.name, got)
		}
	}
}

func TestStaticHostnameIsRefusedWhereThePlatformNamesTheNodes(t *testing.T) {
	n := node()
	n.Hostname = ""
	for _, c := range staticHostnames(t) {
		if _, err := talos.Render(c.config, c.patches, n); err == nil || !strings.Contains(err.Error(), "static hostname") {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

type staticHostname struct {
	name    string
	config  []byte
	patches []string
}

func staticHostnames(t *testing.T) []staticHostname {
	t.Helper()
	return []staticHostname{
		{"document", worker(t, nil), []string{"apiVersion: v1alpha1\nkind: HostnameConfig\nauto: \"off\"\nhostname: worker-1\n"}},
		{"field", generated(t, "v1.11.5", machine.TypeWorker, func(c *v1alpha1.Config) {
			c.MachineConfig.MachineNetwork = &v1alpha1.NetworkConfig{NetworkHostname: "worker-1"} //nolint:staticcheck // deprecated, and all that Talos 1.11 knows
		}), nil},
	}
}

func TestStrategicPatchesAreAppliedInOrder(t *testing.T) {
	patches := []string{
		"machine:\n  sysctls:\n    vm.max_map_count: \"1\"\n    a: b\n",
		"machine:\n  sysctls:\n    vm.max_map_count: \"262144\"\n",
		"apiVersion: v1alpha1\nkind: TimeSyncConfig\nntp:\n  servers: [ntp.example.com]\n",
	}
	out, cfg := render(t, worker(t, nil), patches, node())
	if diff := cmp.Diff(map[string]string{"vm.max_map_count": "262144", "a": "b"}, cfg.Machine().Sysctls()); diff != "" {
		t.Errorf("sysctls (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(out), "ntp.example.com") {
		t.Error("the document of a patch is missing")
	}
}

func TestNodeWithoutTaintsOrLabelsIsRendered(t *testing.T) {
	n := node()
	n.Taints, n.Labels = []corev1.Taint{}, nil
	_, cfg := render(t, worker(t, nil), nil, n)
	if taints, ok := extraConfig(cfg)["registerWithTaints"].([]any); !ok || len(taints) != 0 {
		t.Errorf("taints %v", extraConfig(cfg)["registerWithTaints"])
	}
}
