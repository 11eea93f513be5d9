package machines_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
)

// TestCluster judges the machines against one real control plane; each subtest has a region of its own.
func TestCluster(t *testing.T) {
	t.Parallel()
	k := startKubernetes(t, withKwok()...)
	// The group waits for its parallel subtests before the control plane stops.
	t.Run("machines", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *kube){
			"a machine joins as its config says":                  joins,
			"flags beat the config file":                          flagsBeatConfig,
			"a wrong token never joins":                           wrongToken,
			"an expired token never joins":                        expiredToken,
			"a token of another group never joins":                foreignToken,
			"a wrong CA never joins":                              wrongCA,
			"a forbidden label never joins":                       forbiddenLabel,
			"without a way to port 6443 none joins":               closedAPIServerPort,
			"a kubelet four minors behind the server never joins": tooOldForTheServer,
			"nodeTaints lose the nodeLabels as well":              nodeTaints,
			"nodeLabels arrive by an update":                      nodeLabels,
			"a restricted nodeLabel is refused":                   restrictedNodeLabel,
			"wrong trustd secrets do not keep the kubelet down":   joinsWithoutTrustd,
			"a Node that is there is taken over":                  adoptsNode,
			"a machine without power goes silent":                 goesSilent,
			"a stopped machine comes back as the same Node":       comesBack,
			"a frozen kubelet is silent until the reboot":         thaws,
			"a shutdown ends pods within the kubelet's config":    shutsDown,
			"a shutdown waits for a kubelet that hangs":           waitsForTheLock,
			"a grace period that does not fit never joins":        refusesAGraceThatDoesNotFit,
			"without a name in the config the platform names it":  platformName,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, k)
			})
		}
	})
}

func joins(t *testing.T, k *kube) {
	const name = "joiner"
	c := k.cluster(t, time.Hour)
	w := newWorld(t, nil)
	seen := k.firstSight(t, name)
	vm := w.launch(c.worker(t, named(name), `
cluster: {externalCloudProvider: {enabled: true}}
machine:
  kubelet:
    extraArgs: {node-labels: "karpenter.sh/nodepool=default,topology.kubernetes.io/zone=eu-west-2a"}
    extraConfig:
      maxPods: 42
      providerID: aws:///eu-west-2a/i-test
      registerWithTaints: [{key: karpenter.sh/unregistered, effect: NoExecute}]
      systemReserved: {cpu: 100m, memory: 400Mi, ephemeral-storage: 1Gi}
      kubeReserved: {cpu: 60m, memory: 200Mi}
      evictionHard: {memory.available: 5%, nodefs.available: 1Gi}
`))
	node := receive(t, seen)
	wantLabels := map[string]string{
		"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
		"karpenter.sh/nodepool": "default", "topology.kubernetes.io/zone": "eu-west-2a",
	}
	if diff := cmp.Diff(wantLabels, node.Labels); diff != "" {
		t.Errorf("labels at creation (-want +got):\n%s", diff)
	}
	wantTaints := []corev1.Taint{
		{Key: "karpenter.sh/unregistered", Effect: corev1.TaintEffectNoExecute},
		{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.kubernetes.io/not-ready", Effect: corev1.TaintEffectNoSchedule}, // by admission
	}
	if diff := cmp.Diff(wantTaints, node.Spec.Taints); diff != "" {
		t.Errorf("taints at creation (-want +got):\n%s", diff)
	}
	if node.Spec.ProviderID != "aws:///eu-west-2a/i-test" || !readiness(corev1.ConditionFalse)(node) {
		t.Errorf("providerID %q, conditions %v", node.Spec.ProviderID, node.Status.Conditions)
	}
	// 96 % of 8 GiB in whole MiB; the share of the eviction is in single precision, as the kubelet keeps it.
	memory := int64(7864 << 20)
	eviction := int64(float64(memory) * float64(float32(5)/100))
	wantSizes := []int64{4000, memory, 42, 4000 - 160, memory - 600<<20 - eviction}
	gotSizes := []int64{
		node.Status.Capacity.Cpu().MilliValue(), node.Status.Capacity.Memory().Value(), node.Status.Capacity.Pods().Value(),
		node.Status.Allocatable.Cpu().MilliValue(), node.Status.Allocatable.Memory().Value(),
	}
	if diff := cmp.Diff(wantSizes, gotSizes); diff != "" {
		t.Errorf("capacity cpu, memory, pods and allocatable cpu, memory (-want +got):\n%s", diff)
	}
	storage := node.Status.Capacity.StorageEphemeral().Value() - node.Status.Allocatable.StorageEphemeral().Value()
	if storage != 2<<30 {
		t.Errorf("reserved storage %d, want 1 GiB for the system and 1 GiB for eviction", storage)
	}
	if got := node.Status.NodeInfo; got.OSImage != "Talos (v1.13.0)" || got.KubeletVersion != "v1.35.4" {
		t.Errorf("node info %+v", got)
	}
	k.awaitNode(t, name, readiness(corev1.ConditionTrue))
	w.expectConsole(vm, "kubelet.ok", "boot.done", "boot.ready")
}

func flagsBeatConfig(t *testing.T, k *kube) {
	const name = "flagged"
	w := newWorld(t, nil)
	w.launch(k.cluster(t, time.Hour).worker(t, named(name), `
machine:
  kubelet:
    extraArgs: {register-with-taints: "example.com/flag=a:NoSchedule", max-pods: "7", provider-id: "flag", system-reserved: "cpu=1"}
    extraConfig: {maxPods: 42, providerID: config, registerWithTaints: [{key: karpenter.sh/unregistered, effect: NoExecute}]}
`))
	node := k.awaitNode(t, name, func(*corev1.Node) bool { return true })
	if node.Spec.ProviderID != "flag" || node.Status.Capacity.Pods().Value() != 7 || node.Status.Allocatable.Cpu().MilliValue() != 3000 {
		t.Errorf("providerID %q, capacity %v, allocatable %v", node.Spec.ProviderID, node.Status.Capacity, node.Status.Allocatable)
	}
	has := func(key string) bool {
		return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
	}
	if !has("example.com/flag") || has("karpenter.sh/unregistered") {
		t.Errorf("taints %v: want the flag's only", node.Spec.Taints)
	}
}

// refusal is a machine that must not join, in a fleet whose kubelets give up quickly.
func refusal(t *testing.T, k *kube, c cluster, name, patch string, signatures ...string) {
	t.Helper()
	w := newWorld(t, func(f *machines.Fleet) { f.CertificateTimeout = 300 * time.Millisecond })
	patches := []string{named(name)}
	if patch != "" {
		patches = append(patches, patch)
	}
	vm := w.launch(c.worker(t, patches...))
	w.expectConsole(vm, signatures...)
	w.refuseConsole(vm, "boot.ready")
	k.refuseNode(t, name)
	if strings.Contains(w.console(vm), c.token) {
		t.Error("the bootstrap token is on the console")
	}
}

func wrongToken(t *testing.T, k *kube) {
	c := k.cluster(t, time.Hour)
	c.token = c.token[:7] + "0123456789abcdef"
	refusal(t, k, c, "wrong-token", "", "kubelet.ok", "join.token", "kubelet.crash")
}

func expiredToken(t *testing.T, k *kube) {
	refusal(t, k, k.cluster(t, time.Nanosecond), "expired-token", "", "kubelet.ok", "join.token", "kubelet.crash")
}

func foreignToken(t *testing.T, k *kube) {
	refusal(t, k, k.cluster(t, time.Hour, "system:bootstrappers:strangers"), "foreign-token", "", "kubelet.ok", "join.token")
}

func wrongCA(t *testing.T, k *kube) {
	c := k.cluster(t, time.Hour)
	c.kubernetesCA = newCA(t)
	refusal(t, k, c, "wrong-ca", "", "kubelet.ok", "join.x509")
}

func forbiddenLabel(t *testing.T, k *kube) {
	refusal(t, k, k.cluster(t, time.Hour), "forbidden-label",
		"machine: {kubelet: {extraArgs: {node-labels: \"node-restriction.kubernetes.io/a=b\"}}}", "kubelet.labels", "kubelet.crash")
}

// A newer one cannot be tried: this Talos takes no Kubernetes above 1.36, which is the server's.
func tooOldForTheServer(t *testing.T, k *kube) {
	c := k.cluster(t, time.Hour)
	c.kubernetes = "1.32.0"
	refusal(t, k, c, "too-old", "", "kubelet.ok", "kubelet.crash")
}

func joinsWithoutTrustd(t *testing.T, k *kube) {
	c := k.cluster(t, time.Hour)
	w := newWorld(t, func(f *machines.Fleet) { f.Trustd = &machines.Trustd{CA: c.talosCA, Token: "other"} })
	vm := w.launch(c.worker(t, named("no-apid")))
	k.awaitNode(t, "no-apid", readiness(corev1.ConditionTrue))
	w.expectConsole(vm, "trustd.token", "apid.certs")
	w.refuseConsole(vm, "boot.done", "boot.ready")
}

func nodeLabels(t *testing.T, k *kube) {
	w := newWorld(t, nil)
	w.launch(k.cluster(t, time.Hour).worker(t, named("labelled"), "machine: {nodeLabels: {example.com/a: b}, nodeAnnotations: {example.com/c: d}}"))
	node := k.awaitNode(t, "labelled", func(n *corev1.Node) bool { return n.Labels["example.com/a"] == "b" })
	if node.Annotations["example.com/c"] != "d" || node.Annotations["talos.dev/owned-labels"] != `["example.com/a"]` {
		t.Errorf("annotations %v", node.Annotations)
	}
}

func nodeTaints(t *testing.T, k *kube) {
	w := newWorld(t, nil)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("tainted"), "machine: {nodeLabels: {example.com/a: b}, nodeTaints: {example.com/t: \"v:NoSchedule\"}}"))
	w.expectConsole(vm, "node.taints", "boot.ready")
	if node := k.awaitNode(t, "tainted", readiness(corev1.ConditionTrue)); node.Labels["example.com/a"] != "" {
		t.Error("the labels arrived although the taints were refused")
	}
}

func restrictedNodeLabel(t *testing.T, k *kube) {
	w := newWorld(t, nil)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("restricted"), "machine: {nodeLabels: {node-role.kubernetes.io/worker: \"\"}}"))
	w.expectConsole(vm, "node.labels")
}

func adoptsNode(t *testing.T, k *kube) {
	const name = "adopted"
	old := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"example.com/old": "yes"}}}
	if _, err := k.client.CoreV1().Nodes().Create(t.Context(), old, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	w.launch(k.cluster(t, time.Hour).worker(t, named(name),
		"machine: {kubelet: {extraArgs: {node-labels: \"example.com/new=yes\"}, extraConfig: {registerWithTaints: [{key: late, effect: NoExecute}]}}}"))
	node := k.awaitNode(t, name, readiness(corev1.ConditionTrue))
	if node.Labels["example.com/old"] != "yes" || node.Labels["example.com/new"] != "" || node.Labels["kubernetes.io/hostname"] != name {
		t.Errorf("labels %v: want the old ones and the kubelet's defaults", node.Labels)
	}
	if slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == "late" }) {
		t.Error("a kubelet taints only the Node that it creates")
	}
}

func platformName(t *testing.T, k *kube) {
	w := newWorld(t, nil)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, "apiVersion: v1alpha1\nkind: HostnameConfig\n$patch: delete\n"))
	name, _, _ := strings.Cut(w.vm(vm).PrivateDNSName, ".")
	k.awaitNode(t, name, readiness(corev1.ConditionTrue))
}
