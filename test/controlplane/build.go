package controlplane

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
)

// The versions that Build makes. The modules next to this package pin the same ones.
const (
	KubernetesVersion = "v1.36.1"
	KwokVersion       = "v0.7.0"
)

// Binaries are the paths of what Build has made.
type Binaries struct {
	// ControlPlane is etcd, kube-apiserver, kube-controller-manager and kube-scheduler, told apart by the first argument.
	ControlPlane string
	Kwok         string
}

// Build compiles what the cache directory does not hold yet and says on progress what and how far.
func Build(ctx context.Context, cacheDir string, progress io.Writer) (Binaries, error) {
	if cacheDir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return Binaries{}, fmt.Errorf("finding the cache directory: %w", err)
		}
		cacheDir = filepath.Join(user, "karpenter-provider-outscale", "controlplane")
	}
	binaries := Binaries{
		ControlPlane: filepath.Join(cacheDir, KubernetesVersion, "controlplane"),
		Kwok:         filepath.Join(cacheDir, KubernetesVersion, "kwok-"+KwokVersion),
	}
	for _, program := range []gobuild.Program{
		{
			Title: "etcd and Kubernetes " + KubernetesVersion, Dir: "test/controlplane/binaries", Package: ".",
			Flags: []string{"-ldflags", stamps()}, Output: binaries.ControlPlane,
		},
		{
			Title: "kwok " + KwokVersion, Dir: "test/controlplane/kwok", Package: "sigs.k8s.io/kwok/cmd/kwok",
			Flags: []string{"-ldflags", "-s -w"}, Output: binaries.Kwok,
		},
	} {
		if err := program.Once(ctx, progress); err != nil {
			return Binaries{}, err
		}
	}
	return binaries, nil
}

// stamps tells the components their version: without it they call themselves v0.0.0 and version checks fail.
func stamps() string {
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X", pkg+".gitVersion="+KubernetesVersion, "-X", pkg+".gitMajor=1", "-X", pkg+".gitMinor=36")
	}
	return strings.Join(flags, " ")
}
