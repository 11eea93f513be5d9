// Package helm renders the project's charts with the helm that tools/helm pins.
package helm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	binary, err := program(root)
	if err != nil {
		return "", err
	}
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

// program is the helm of tools/helm. Its file is named by the version, so that another version is built anew.
func program(root string) (gobuild.Program, error) {
	content, err := os.ReadFile(filepath.Join(root, "tools", "helm", "go.mod")) //nolint:gosec // a file of our own
	if err != nil {
		return gobuild.Program{}, fmt.Errorf("finding the version of helm: %w", err)
	}
	version := regexp.MustCompile(`helm\.sh/helm/v4 (v\S+)`).FindSubmatch(content)
	if version == nil {
		return gobuild.Program{}, errors.New("tools/helm/go.mod has no helm 4")
	}
	return gobuild.Program{
		Title: "helm", Dir: "tools/helm", Package: "helm.sh/helm/v4/cmd/helm",
		Output: filepath.Join(root, "bin", "helm-"+string(version[1])),
	}, nil
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
