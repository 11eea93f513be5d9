package talos_test

import (
	"testing"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

// Each of these makes the node another one than Karpenter counts on.
func TestSettingsThatChangeTheNodeAreRefusedByName(t *testing.T) {
	good := worker(t, nil)
	for patch, want := range map[string]string{
		"extraConfig: {podsPerCore: 10}":                                           "extraConfig.podsPerCore is refused: use spec.kubelet.maxPods",
		"extraConfig: {maxPods: 250}":                                              "extraConfig.maxPods is refused: use spec.kubelet.maxPods",
		"extraConfig: {reservedSystemCPUs: \"0-1\"}":                               "extraConfig.reservedSystemCPUs is refused: use spec.kubelet.systemReserved",
		"extraConfig: {systemReserved: {cpu: 60m}}":                                "extraConfig.systemReserved is refused",
		"extraConfig: {kubeReserved: {memory: 1Gi}}":                               "extraConfig.kubeReserved is refused",
		"extraConfig: {evictionHard: {memory.available: 1Gi}}":                     "extraConfig.evictionHard is refused",
		"extraConfig: {registerNode: false}":                                       "extraConfig.registerNode is refused: a kubelet that does not register",
		"extraConfig: {localStorageCapacityIsolation: false}":                      "extraConfig.localStorageCapacityIsolation is refused",
		"extraConfig: {enforceNodeAllocatable: [none]}":                            "extraConfig.enforceNodeAllocatable is refused",
		"extraConfig: {systemReservedCgroup: /system}":                             "extraConfig.systemReservedCgroup is refused",
		"extraConfig: {memoryManagerPolicy: Static}":                               "extraConfig.memoryManagerPolicy is refused",
		"extraConfig: {providerID: \"aws:///eu-west-2a/i-00000000\"}":              "extraConfig.providerID is refused: the CCM sets it",
		"extraConfig: {staticPodURL: \"https://pods\"}":                            "extraConfig.staticPodURL is refused",
		"extraArgs: {pods-per-core: \"10\"}":                                       "extraArgs.pods-per-core is refused: use spec.kubelet.maxPods",
		"extraArgs: {max-pods: \"250\"}":                                           "extraArgs.max-pods is refused",
		"extraArgs: {reserved-cpus: \"0-1\"}":                                      "extraArgs.reserved-cpus is refused",
		"extraArgs: {system-reserved: \"cpu=50m,memory=1Gi\"}":                     "extraArgs.system-reserved is refused",
		"extraArgs: {kube-reserved: \"memory=1Gi\"}":                               "extraArgs.kube-reserved is refused",
		"extraArgs: {eviction-hard: \"memory.available<5%\"}":                      "extraArgs.eviction-hard is refused",
		"extraArgs: {register-node: \"false\"}":                                    "extraArgs.register-node is refused",
		"extraArgs: {hostname-override: one}":                                      "extraArgs.hostname-override is refused: use spec.talos.hostname",
		"extraArgs: {provider-id: \"aws:///eu-west-2a/i-00000000\"}":               "extraArgs.provider-id is refused",
		"extraArgs: {cloud-provider: \"\"}":                                        "extraArgs.cloud-provider must be external",
		"extraArgs: {config-dir: /var/kubelet}":                                    "extraArgs.config-dir is refused",
		"extraArgs: {root-dir: /var/kubelet}":                                      "extraArgs.root-dir is refused",
		"skipNodeRegistration: true":                                               "machine.kubelet.skipNodeRegistration is refused",
		"extraArgs: {register-with-taints: \"dedicated=db:NoExecute\"}":            `extraArgs.register-with-taints: the taint "dedicated" belongs in the NodePool`,
		"extraConfig: {registerWithTaints: [{key: dedicated, effect: NoExecute}]}": `extraConfig.registerWithTaints: the taint "dedicated" belongs in the NodePool`,
		"extraConfig: {registerWithTaints: [{key: node.cilium.io/agent-not-ready, value: \"true\", effect: NoExecute}]}": "template.spec.startupTaints",
	} {
		_, err := talos.Render(good, []string{"machine:\n  kubelet:\n    " + patch + "\n"}, node())
		wantRefused(t, err, good, want)
	}
}

func TestHugePagesAreRefused(t *testing.T) {
	good := worker(t, nil)
	for patch, want := range map[string]string{
		"sysctls: {vm.nr_hugepages: \"1024\"}":                               "machine.sysctls.vm.nr_hugepages is refused",
		"sysctls: {vm/nr_hugepages: \"1024\"}":                               "machine.sysctls.vm/nr_hugepages is refused",
		"sysfs: {kernel.mm.hugepages.hugepages-2048kB.nr_hugepages: \"64\"}": "nr_hugepages is refused",
		"install: {extraKernelArgs: [hugepagesz=1G, hugepages=4]}":           "machine.install.extraKernelArgs: hugepages is refused",
		"install: {extraKernelArgs: [mem=4G]}":                               "machine.install.extraKernelArgs: mem is refused",
	} {
		_, err := talos.Render(good, []string{"machine:\n  " + patch + "\n"}, node())
		wantRefused(t, err, good, want)
	}
}

// Patches that people publish for clusters like this one.
func TestSettingsThatLeaveTheNodeAsItIsAreKept(t *testing.T) {
	good := worker(t, nil)
	for _, patch := range []string{
		"kubelet: {extraArgs: {rotate-server-certificates: true}}",
		"kubelet: {extraArgs: {rotate-server-certificates: \"true\", v: \"4\", feature-gates: \"UserNamespacesSupport=true\"}}",
		"kubelet: {extraArgs: {cloud-provider: external, node-labels: \"rack=7,example.com/pool=a\", register-node: \"true\"}}",
		"kubelet: {extraArgs: {image-gc-high-threshold: \"70\", serialize-image-pulls: \"false\", cpu-manager-policy: static}}",
		"kubelet: {extraConfig: {serverTLSBootstrap: true}}",
		"kubelet: {extraConfig: {imageGCHighThresholdPercent: 70, imageGCLowThresholdPercent: 60, imageMaximumGCAge: 24h}}",
		"kubelet: {extraConfig: {serializeImagePulls: false, maxParallelImagePulls: 10}}",
		"kubelet: {extraConfig: {cpuManagerPolicy: static, topologyManagerPolicy: best-effort}}",
		"kubelet: {extraConfig: {shutdownGracePeriod: 60s, shutdownGracePeriodCriticalPods: 20s}}",
		"kubelet: {extraConfig: {featureGates: {UserNamespacesSupport: true}, failSwapOn: false, memorySwap: {swapBehavior: LimitedSwap}}}",
		"kubelet: {extraConfig: {evictionSoft: {memory.available: 500Mi}, evictionSoftGracePeriod: {memory.available: 1m}}}",
		"kubelet: {extraConfig: {allowedUnsafeSysctls: [net.core.somaxconn], podPidsLimit: 4096, containerLogMaxSize: 50Mi}}",
		"kubelet: {extraConfig: {registerNode: true, podsPerCore: 0, maxPods: 110, registerWithTaints: []}}",
		"kubelet: {extraConfig: {healthzBindAddress: 0.0.0.0, clusterDNS: [169.254.20.10]}}",
		"kubelet: {registerWithFQDN: true, skipNodeRegistration: false, nodeIP: {validSubnets: [10.0.0.0/8]}}",
		"sysctls: {vm.nr_hugepages: \"0\", vm.max_map_count: \"262144\", vm.nr_overcommit_hugepages: \"64\"}",
		"install: {extraKernelArgs: [net.ifnames=0, transparent_hugepage=never]}",
	} {
		render(t, good, []string{"machine:\n  " + patch + "\n"}, node())
	}
}

func TestAStaticCPUManagerNeedsReservedCPU(t *testing.T) {
	good := worker(t, nil)
	n := node()
	n.Kubelet.SystemReserved = map[string]nodeclass.Amount{"cpu": "0"}
	patches := []string{"machine:\n  kubelet:\n    extraConfig: {cpuManagerPolicy: static}\n"}
	_, err := talos.Render(good, patches, n)
	wantRefused(t, err, good, "a static CPU manager needs reserved CPU")
	_, err = talos.Render(good, []string{"machine:\n  kubelet:\n    extraArgs: {cpu-manager-policy: static}\n"}, n)
	wantRefused(t, err, good, "a static CPU manager needs reserved CPU")
	n.Kubelet.KubeReserved = map[string]nodeclass.Amount{"cpu": "100m"}
	render(t, good, patches, n)
}
