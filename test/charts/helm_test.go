package charts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
)

const (
	chart    = "karpenter-provider-outscale"
	crdChart = "karpenter-provider-outscale-crd"
)

// root is a path in the repository.
func root(t testing.TB, path ...string) string {
	t.Helper()
	dir, err := gobuild.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{dir}, path...)...)
}

// helm runs the helm that tools/helm pins, for the version of Kubernetes that the other tests run.
func helm(t testing.TB, command, name string, args ...string) (string, error) {
	t.Helper()
	binary := gobuild.Program{Title: "helm", Dir: "tools/helm", Package: "helm.sh/helm/v3/cmd/helm", Output: root(t, "bin", "helm")}
	if err := binary.Once(t.Context(), t.Output()); err != nil {
		t.Fatal(err)
	}
	touch(t, name)
	return run(t.Context(), binary.Output, append([]string{command}, append(args, "--kube-version", controlplane.KubernetesVersion, name)...)...)
}

// touch reads the chart, so that the go tool knows that a change of it makes the result of the test void.
func touch(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func run(ctx context.Context, binary string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return stdout.String(), nil
}

// release is what one would install.
type release struct {
	name, namespace, values string
}

func minimal() release { return release{"karpenter", "karpenter", "minimal-values.yaml"} }
func full() release    { return release{"full", "full", "full-values.yaml"} }

// render returns the objects of a release.
func (r release) render(t testing.TB, args ...string) []*unstructured.Unstructured {
	t.Helper()
	out, err := helm(t, "template", root(t, "charts", chart),
		append([]string{"--namespace", r.namespace, "--name-template", r.name, "--values", root(t, "charts", chart, "ci", r.values)}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func renderCRDs(t testing.TB, args ...string) []*unstructured.Unstructured {
	t.Helper()
	out, err := helm(t, "template", root(t, "charts", crdChart), args...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func decode(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("reading what helm renders: %v", err)
		}
		if len(object.Object) > 0 {
			out = append(out, &object)
		}
	}
}

// find reads the object of a kind whose name ends so.
func find[T any](t testing.TB, objects []*unstructured.Unstructured, kind, suffix string) T {
	t.Helper()
	var out T
	for _, o := range objects {
		if o.GetKind() == kind && strings.HasSuffix(o.GetName(), suffix) {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &out, true); err != nil {
				t.Fatalf("%s %s: %v", kind, o.GetName(), err)
			}
			return out
		}
	}
	t.Fatalf("no %s ...%s is rendered", kind, suffix)
	return out
}
