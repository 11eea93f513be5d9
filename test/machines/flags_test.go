package machines_test

import (
	"fmt"
	"strings"
	"testing"
)

// Each of these is a real flag whose name is in two parts of which neither is one: a list that was wrapped at the end
// of its lines had the halves in place of the flags.
func TestTheKubeletKnowsItsFlagsAndNotTheirHalves(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	halves := [][2]string{
		{"authentication-token-webhook-cache-", "ttl"},
		{"cluster-", "dns"},
		{"cpu-", "manager-reconcile-period"},
		{"enforce-node-", "allocatable"},
		{"http-check-", "frequency"},
		{"image-gc-", "low-threshold"},
		{"kube-api-", "qps"},
		{"log-text-split-", "stream"},
		{"minimum-container-ttl-", "duration"},
		{"tls-", "private-key-file"},
	}
	whole := make([]string, 0, len(halves))
	w := newWorld(t, nil)
	for _, half := range halves {
		whole = append(whole, fmt.Sprintf("%s%s: \"1\"", half[0], half[1]))
		for _, name := range half {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := &world{t: t, region: w.region, endpoint: w.endpoint, client: w.client, auth: w.auth}
				vm := w.launch(c.worker(t, fmt.Sprintf("machine: {kubelet: {extraArgs: {%s: \"1\"}}}", name)))
				w.expectConsole(vm, "kubelet.crash")
				w.refuseConsole(vm, "kubelet.ok")
			})
		}
	}
	// The flags of cadvisor are the kubelet's too (k8s.io/kubernetes cmd/kubelet/app/options/globalflags_linux.go).
	whole = append(whole, "housekeeping-interval: 10s", "containerd: /run/containerd/containerd.sock")
	vm := w.launch(c.worker(t, "machine: {kubelet: {extraArgs: {"+strings.Join(whole, ", ")+"}}}"))
	w.expectConsole(vm, "kubelet.ok")
	w.refuseConsole(vm, "kubelet.crash")
}
