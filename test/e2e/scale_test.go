//go:build e2e

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

func TestPodsBecomeNodesAndLeaveNothingBehind(t *testing.T) {
	w := start(t, sandbox.Options{})
	w.run(3)
	state := w.state()
	if len(state.Nodes) != 3 || len(state.NodeClaims) != 3 {
		t.Errorf("%d Nodes and %d NodeClaims for 3 pods, want 3 each: the example asks for one node per pod", len(state.Nodes), len(state.NodeClaims))
	}
	for i := range state.Nodes {
		checkNode(t, &state.Nodes[i], state)
	}
	if codes := w.codes("CreateVms"); codes["200"] != 3 || len(codes) != 1 {
		t.Errorf("answers to CreateVms %v, want 3 that succeed and no other", codes)
	}
	if codes := w.codes("CreateTags"); len(codes) != 0 {
		t.Errorf("CreateTags %v: the tags ride in the user data and cost no call", codes)
	}
	t.Run("columns", func(t *testing.T) { columns(w.in(t)) })
	w.empty()
	w.oneVMEach()
	for code := range w.codes("DeleteVms") {
		if code != "200" {
			t.Errorf("DeleteVms was answered with %s", code)
		}
	}
}

// checkNode holds a Node against the VM behind it.
func checkNode(t *testing.T, node *corev1.Node, state sandbox.State) {
	t.Helper()
	if len(node.Spec.Taints) > 0 {
		t.Errorf("node %s has taints %v", node.Name, node.Spec.Taints)
	}
	for _, vm := range state.VMs {
		if vm.Tags[tagNodeName] != node.Name {
			continue
		}
		if want := "aws:///" + vm.Subregion + "/" + vm.ID; node.Spec.ProviderID != want {
			t.Errorf("node %s: provider ID %q, want %q", node.Name, node.Spec.ProviderID, want)
		}
		for label, want := range map[string]string{
			corev1.LabelInstanceTypeStable: vm.Type, corev1.LabelTopologyZone: vm.Subregion, "karpenter.sh/nodepool": "default",
			"karpenter.sh/initialized": "true",
		} {
			if node.Labels[label] != want {
				t.Errorf("node %s: label %s is %q, want %q", node.Name, label, node.Labels[label], want)
			}
		}
		if vm.Tags["team"] != "platform" || vm.Tags[tagManagedBy] != sandbox.ClusterName {
			t.Errorf("VM %s has tags %v", vm.ID, vm.Tags)
		}
		return
	}
	t.Errorf("no VM says that it is node %s", node.Name)
}

func TestOtherWaysToNameANodeAndToLetItJoin(t *testing.T) {
	w := start(t, sandbox.Options{})
	t.Run("node named by its private IP", func(t *testing.T) {
		w := w.in(t)
		w.editNodeClass(func(c *v1alpha1.OutscaleNodeClass) { c.Spec.Talos.Hostname = v1alpha1.HostnamePrivateIP })
		w.run(2)
		state := w.state()
		for _, vm := range state.VMs {
			if want := "ip-" + strings.ReplaceAll(vm.PrivateIP, ".", "-"); vm.Tags[tagNodeName] != want {
				t.Errorf("VM %s is tagged as node %q, want %q", vm.ID, vm.Tags[tagNodeName], want)
			}
		}
		for i := range state.Nodes {
			checkNode(t, &state.Nodes[i], state)
		}
		w.clear()
	})
	t.Run("bootstrap token for each NodeClaim", func(t *testing.T) {
		w := w.in(t)
		w.editNodeClass(func(c *v1alpha1.OutscaleNodeClass) {
			c.Spec.Talos.Hostname = v1alpha1.HostnameNodeClaim
			c.Spec.Talos.BootstrapToken = v1alpha1.BootstrapTokenPerNodeClaim
		})
		// The token of the worker config would not let anyone in: a node that comes has used its own.
		w.editWorkerConfig(withToken("abcdef.0123456789abcdef"))
		w.run(2)
		w.oneVMEach()
		w.clear()
	})
}
