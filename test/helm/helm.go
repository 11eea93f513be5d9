// Package helm renders the project's charts with the helm that tools/helm pins.
package helm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
)

// Run runs helm on a folder of charts/, for the Kubernetes version of the tests, and returns what it prints. It builds
// helm first where that was not done yet, and says so on progress.
func Run(ctx context.Context, progress io.Writer, command, chart string, args ...string) (string, error) {
	root, err := gobuild.Root(ctx)
	if err != nil {
		return "", err
	}
	binary := gobuild.Program{Title: "helm", Dir: "tools/helm", Package: "helm.sh/helm/v3/cmd/helm", Output: filepath.Join(root, "bin", "helm")}
	if err := binary.Once(ctx, progress); err != nil {
		return "", err
	}
	args = append([]string{command}, append(args, "--kube-version", controlplane.KubernetesVersion, filepath.Join(root, "charts", chart))...)
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary.Output, args...) //nolint:gosec // a program that we built
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("helm %s %s: %w\n%s", command, chart, err, stderr.String())
	}
	return stdout.String(), nil
}

// Template returns the objects of a chart.
func Template(ctx context.Context, progress io.Writer, chart string, args ...string) ([]*unstructured.Unstructured, error) {
	text, err := Run(ctx, progress, "template", chart, args...)
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading what helm renders of %s: %w", chart, err)
		}
		if len(object.Object) > 0 {
			out = append(out, &object)
		}
	}
}
