package versions

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
)

const (
	// kubeletMinors is how much older than the API server a kubelet may be
	// (https://kubernetes.io/releases/version-skew-policy, kubelet).
	kubeletMinors = 3
	// ownMinors is how far kpo and the controller may be apart: kpo reads what the controller writes.
	ownMinors = 1
)

// skew says which versions do not go together. What is no version, as a digest, says nothing.
func skew(v Versions, nodes []corev1.Node) []string {
	var out []string
	own, controller := parsed(v.CLI), parsed(v.Controller)
	if own != nil && controller != nil && own.Major()+own.Minor() > 0 {
		if distance := minors(own, controller); distance > ownMinors || distance < -ownMinors {
			out = append(out, fmt.Sprintf("kpo %s and the controller %s are more than %s apart: install the kpo of the controller's release",
				v.CLI, v.Controller, render.Count(ownMinors, "minor version")))
		}
	}
	server := parsed(v.Kubernetes)
	if server == nil {
		return out
	}
	for _, node := range nodes {
		kubelet := parsed(node.Status.NodeInfo.KubeletVersion)
		if kubelet == nil {
			continue
		}
		switch distance := minors(server, kubelet); {
		case distance < 0:
			out = append(out, fmt.Sprintf("kubelet %s is newer than the API server %s, which Kubernetes does not support: upgrade the control plane first",
				node.Status.NodeInfo.KubeletVersion, v.Kubernetes))
		case distance > kubeletMinors:
			out = append(out, fmt.Sprintf("kubelet %s is more than %d minor versions older than the API server %s: upgrade the nodes",
				node.Status.NodeInfo.KubeletVersion, kubeletMinors, v.Kubernetes))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func parsed(text string) *version.Version {
	v, err := version.ParseGeneric(text)
	if err != nil {
		return nil
	}
	return v
}

// minors is how many minor versions a is newer than b; another major version is further than any.
func minors(a, b *version.Version) int {
	const far = 1000
	return (int(a.Major())-int(b.Major()))*far + int(a.Minor()) - int(b.Minor())
}
