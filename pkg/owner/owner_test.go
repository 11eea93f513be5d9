package owner_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func claim(name string) *karpv1.NodeClaim {
	return &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: "claim-uid", Labels: map[string]string{karpv1.NodePoolLabelKey: "default"},
	}}
}

func class(mode v1alpha1.HostnameMode) *v1alpha1.OutscaleNodeClass {
	out := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "talos"}}
	out.Spec.Talos.Hostname = mode
	return out
}

func TestNodeIsNamedByItsNodeClaimWhateverItsAddress(t *testing.T) {
	want := vm.Owner{
		NodeClaim: "default-a", NodeClaimUID: "claim-uid", NodePool: "default", NodeClass: "talos", NodeName: "default-a",
		NodeClassHash: class("").VersionedHash(),
	}
	for _, ip := range []string{"", "10.0.1.88"} {
		for _, mode := range []v1alpha1.HostnameMode{"", v1alpha1.HostnameNodeClaim} {
			if diff := cmp.Diff(want, owner.Of(claim("default-a"), class(mode), ip)); diff != "" {
				t.Errorf("mode %q, address %q (-want +got):\n%s", mode, ip, diff)
			}
		}
	}
	if got := owner.Of(claim(strings.Repeat("a", 80)), class(""), "").NodeName; len(got) > 63 {
		t.Errorf("node name %q has %d characters", got, len(got))
	}
}

func TestNodeNamedByItsAddressHasNoNameBeforeThat(t *testing.T) {
	for ip, want := range map[string]string{"": "", "10.0.1.88": "ip-10-0-1-88"} {
		if got := owner.Of(claim("default-a"), class(v1alpha1.HostnamePrivateIP), ip).NodeName; got != want {
			t.Errorf("address %q: node name %q, want %q", ip, got, want)
		}
	}
}

func TestNodeClaimOfNoPoolHasNone(t *testing.T) {
	alone := claim("alone")
	alone.Labels = nil
	if got := owner.Of(alone, class(""), "").NodePool; got != "" {
		t.Errorf("NodePool %q", got)
	}
}

func TestNameIsTheNodesOrThatOfTheModeAtLaunch(t *testing.T) {
	const address = "ip-10-0-1-88"
	for name, c := range map[string]struct {
		node, recorded string
		today          v1alpha1.HostnameMode
		want           string
	}{
		"there is a Node":                {"default-x", "PrivateIP", v1alpha1.HostnamePrivateIP, "default-x"},
		"NodeClaim, then PrivateIP":      {"", "NodeClaim", v1alpha1.HostnamePrivateIP, "default-a"},
		"PrivateIP, then NodeClaim":      {"", "PrivateIP", v1alpha1.HostnameNodeClaim, address},
		"of an earlier version, address": {"", "", v1alpha1.HostnamePrivateIP, address},
	} {
		node := claim("default-a")
		node.Status.NodeName = c.node
		node.Annotations = map[string]string{v1alpha1.AnnotationHostname: c.recorded}
		if got := owner.Of(node, class(c.today), "10.0.1.88").NodeName; got != c.want {
			t.Errorf("%s: node name %q, want %q", name, got, c.want)
		}
		if got, want := owner.IsNameKnown(node), c.node != "" || c.recorded != ""; got != want {
			t.Errorf("%s: known %t, want %t", name, got, want)
		}
	}
}

func TestModeOfAnAdoptedVMFollowsFromItsTag(t *testing.T) {
	for tag, want := range map[string]v1alpha1.HostnameMode{
		"default-a": v1alpha1.HostnameNodeClaim, "ip-10-0-1-88": v1alpha1.HostnamePrivateIP,
		"": v1alpha1.HostnamePrivateIP, "else": v1alpha1.HostnamePrivateIP,
	} {
		v := vm.VM{PrivateIP: "10.0.1.88", Tags: map[string]string{vm.TagNodeName: tag}}
		if got := owner.HostnameMode(claim("default-a"), class(v1alpha1.HostnamePrivateIP), v); got != want {
			t.Errorf("tag %q: mode %q, want %q", tag, got, want)
		}
	}
	if got := owner.HostnameMode(claim("default-a"), class(""), vm.VM{}); got != v1alpha1.HostnameNodeClaim {
		t.Errorf("mode %q of a NodeClass that names none", got)
	}
}
