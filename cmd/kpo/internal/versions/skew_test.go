package versions

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestVersionsThatDoNotGoTogetherAreNamed(t *testing.T) {
	node := func(kubelet string) corev1.Node {
		var n corev1.Node
		n.Status.NodeInfo.KubeletVersion = kubelet
		return n
	}
	for name, c := range map[string]struct {
		v       Versions
		kubelet string
		want    string
	}{
		"fine":               {Versions{CLI: "v0.4.0", Controller: "v0.3.2", Kubernetes: "v1.35.1"}, "v1.32.9", ""},
		"development":        {Versions{CLI: "v0.0.0-dev", Controller: "v0.9.2"}, "", ""},
		"digest":             {Versions{CLI: "v0.4.0", Controller: "sha256:abc"}, "", ""},
		"old controller":     {Versions{CLI: "v0.4.0", Controller: "v0.2.2"}, "", "kpo v0.4.0 and the controller v0.2.2"},
		"newer controller":   {Versions{CLI: "v0.4.0", Controller: "v1.0.0"}, "", "kpo v0.4.0 and the controller v1.0.0"},
		"kubelet is newer":   {Versions{Kubernetes: "v1.34.1"}, "v1.35.0", "kubelet v1.35.0 is newer"},
		"kubelet is too old": {Versions{Kubernetes: "v1.35.1"}, "v1.31.0", "kubelet v1.31.0 is more than 3"},
	} {
		got := strings.Join(skew(c.v, []corev1.Node{node(c.kubelet), node(c.kubelet)}), "\n")
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
