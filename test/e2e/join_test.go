//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// The signatures of the lines that Talos prints, as an operator would look for them.
const (
	saysToken = `No valid client certificate is found and the server is responsive`
	saysCA    = `x509: certificate signed by unknown authority`
	saysFlag  = `Error running Containerd\(kubelet\), going to restart forever: .*unknown flag: --max-podz`
)

// TestSpoiltWorkerConfigsKeepMachinesOut edits the worker config after the NodeClass was found ready.
func TestSpoiltWorkerConfigsKeepMachinesOut(t *testing.T) {
	// A kubelet says nothing of its token until it gives up, after five minutes.
	w := start(t, sandbox.Options{CertificateTimeout: 10 * time.Second})
	other, err := workerconfig.NewBundle("v1.13.0")
	w.must(err)
	for name, spoilt := range map[string]struct {
		edit func(string) string
		says string
	}{
		"bootstrap token": {withToken("abcdef.0123456789abcdef"), saysToken},
		"CA":              {withCA(other.Certs.K8s.Crt), saysCA},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			good := ""
			w.editWorkerConfig(func(config string) string {
				good = config
				return spoilt.edit(config)
			})
			w.scale(1)
			w.await("the reason on the console", w.consoleSays(spoilt.says))
			w.neverJoined()
			// The repaired config is for the next machine: Talos reads its user data once.
			w.editWorkerConfig(func(string) string { return good })
			w.deleteClaims()
			w.await("the pod on a good machine", w.PodsRun(1))
			w.clear()
		})
	}
	t.Run("flag of the kubelet that only the kubelet knows to be wrong", func(t *testing.T) {
		w := w.in(t)
		w.editNodeClass(func(c *v1alpha1.OutscaleNodeClass) {
			c.Spec.Talos.Patches = []string{"machine:\n  kubelet:\n    extraArgs:\n      max-podz: \"12\"\n"}
		})
		w.scale(1)
		w.await("the reason on the console", w.consoleSays(saysFlag))
		w.neverJoined()
		w.clear()
	})
}

// consoleSays checks that the console of one of the VMs has a line that matches.
func (w *world) consoleSays(pattern string) func(context.Context) error {
	expression := regexp.MustCompile(pattern)
	return func(ctx context.Context) error {
		state, err := w.State(ctx)
		if err != nil || len(state.VMs) == 0 {
			return fmt.Errorf("no VM: %w", err)
		}
		console, err := w.Console(ctx, state.VMs[0].ID)
		if err != nil {
			return err
		}
		if !expression.MatchString(console) {
			return fmt.Errorf("nothing like %q in the last lines\n%s", pattern, console[max(0, len(console)-2000):])
		}
		return nil
	}
}

// neverJoined fails if any Node exists.
func (w *world) neverJoined() {
	w.t.Helper()
	if state := w.state(); len(state.Nodes) > 0 || state.Running() > 0 {
		w.t.Errorf("%d Nodes and %d running pods, want none", len(state.Nodes), state.Running())
	}
}
