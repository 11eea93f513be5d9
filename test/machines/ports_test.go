package machines_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
)

func TestClosedTrustdPortKeepsApidDownAndNotTheKubelet(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	w := newWorld(t, func(f *machines.Fleet) { f.BootTimeout = 2 * time.Second })
	w.region.LetIn(50001)
	vm := w.launch(c.worker(t))
	w.expectConsole(vm, "apid.certs", "trustd.net", "kubelet.ok", "boot.failed", "boot.reboot")
	w.refuseConsole(vm, "boot.done")
}

// closedAPIServerPort: the kubelet is healthy and says nothing, since it gives up only while the server answers.
func closedAPIServerPort(t *testing.T, k *kube) {
	const name = "cut-off"
	c := k.cluster(t, time.Hour)
	w := newWorld(t, func(f *machines.Fleet) { f.CertificateTimeout = 50 * time.Millisecond })
	w.region.LetIn(6443)
	vm := w.launch(c.worker(t, named(name)))
	w.expectConsole(vm, "kubelet.ok")
	// One that started later, in a region with the port open, has joined by now.
	newWorld(t, nil).launch(c.worker(t, named("let-in")))
	k.awaitNode(t, "let-in", readiness(corev1.ConditionTrue))
	k.refuseNode(t, name)
	w.refuseConsole(vm, "join.token", "kubelet.crash")
}
