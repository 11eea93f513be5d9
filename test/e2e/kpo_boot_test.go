//go:build e2e

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// patches replaces the patches of the default NodeClass.
func (w *world) patches(patches ...string) {
	w.t.Helper()
	var class v1alpha1.OutscaleNodeClass
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &class))
	stored := class.DeepCopy()
	class.Spec.Talos.Patches = patches
	w.must(w.Client.Patch(w.t.Context(), &class, client.MergeFrom(stored)))
}

// TestKpoNamesWhyMachinesDoNotJoin spoils what machines are made from, one machine after the other, so that their
// troubles ripen side by side.
func TestKpoNamesWhyMachinesDoNotJoin(t *testing.T) {
	// A kubelet says nothing of its token until it gives up, after five minutes.
	w := start(t, sandbox.Options{CertificateTimeout: 10 * time.Second, WithoutCCM: true})
	kubeletTypo(w)

	withoutCCM := w.newest(nil)
	w.await("its Node", func(ctx context.Context) error {
		state, err := w.State(ctx)
		if len(state.Nodes) == 0 {
			err = errors.Join(err, errNotYet)
		}
		return err
	})

	other, err := workerconfig.NewBundle("v1.13.0")
	w.must(err)
	good := ""
	w.editWorkerConfig(func(config string) string {
		good = config
		return withToken("abcdef.0123456789abcdef")(config)
	})
	w.scale(2)
	badToken := w.newest([]string{withoutCCM})

	w.editWorkerConfig(func(string) string { return withCA(other.Certs.K8s.Crt)(good) })
	w.scale(3)
	badCA := w.newest([]string{withoutCCM, badToken})

	w.editWorkerConfig(func(string) string { return good })
	w.editNodeClass(func(c *v1alpha1.OutscaleNodeClass) {
		c.Spec.Talos.Patches = []string{"machine:\n  kubelet:\n    extraArgs:\n      max-podz: \"12\"\n"}
	})
	w.scale(4)
	badFlag := w.newest([]string{withoutCCM, badToken, badCA})

	t.Run("wrong bootstrap token", func(t *testing.T) {
		w.in(t).broken("bootstrap-token", func(s *situation) {
			s.diagnosed([]string{"KPO207"}, []string{badToken}, "the bootstrap token is refused or expired", "kubectl kpo console "+badToken)
			s.kpo(1, []string{"console", badToken}, "node ready stopped here: join.token", "No valid client certificate is found")
			s.nothingLeaks()
		})
	})
	t.Run("flag that the kubelet does not know", func(t *testing.T) {
		w.in(t).broken("kubelet-flag", func(s *situation) {
			s.diagnosed([]string{"KPO208"}, []string{badFlag}, "max-podz", "kubectl kpo console "+badFlag)
			s.kpo(1, []string{"console", badFlag}, "stopped here: kubelet.", "unknown flag: --max-podz")
			s.nothingLeaks()
		})
	})
	t.Run("wrong CA", func(t *testing.T) {
		w.in(t).broken("ca", func(s *situation) {
			s.diagnosed([]string{"KPO207"}, []string{badCA}, "cluster.ca", "x509: certificate signed by unknown authority")
			s.kpo(1, []string{"console", badCA}, "stopped here: join.x509", "x509: certificate signed by unknown authority")
			s.nothingLeaks()
		})
	})
	t.Run("CCM off", func(t *testing.T) {
		w.in(t).broken("ccm-off", func(s *situation) {
			s.diagnosed([]string{"KPO303"}, []string{withoutCCM}, "the Outscale CCM has not initialised the node", "node.cloudprovider.kubernetes.io/uninitialized")
			s.kpo(0, []string{"console", withoutCCM}, "no known error on the console")
			s.nothingLeaks()
		})
	})
	t.Run("all at once", func(t *testing.T) {
		w.in(t).broken("bad-night", func(s *situation) {
			s.diagnosed([]string{"KPO207", "KPO207", "KPO208", "KPO303"}, nil)
			s.kpo(0, []string{"nodes"}, withoutCCM, badToken, badCA, badFlag)
			s.kpo(0, []string{"timeline"}, withoutCCM)
		})
	})
}

// kubeletTypo leaves a deployment that waits for one machine, and a repaired NodeClass.
func kubeletTypo(w *world) {
	w.patches("machine:\n  kubelet:\n    extraConfig:\n      maxPodz: 12\n")
	w.scale(1)
	w.broken("kubelet-typo", func(s *situation) {
		s.diagnosed([]string{"KPO101"}, nil, "NodeClass not ready: OutscaleNodeClass default", "machine.kubelet.extraConfig: unknown field maxPodz")
		s.nothingLeaks()
	})
	w.patches()
	w.await("NodeClass ready", w.nodeClassReady("default"))
}
