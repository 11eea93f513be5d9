package charts_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/gobuild"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/helm"
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

// run runs helm on a chart.
func run(t testing.TB, command, name string, args ...string) (string, error) {
	t.Helper()
	touch(t, root(t, "charts", name))
	return helm.Run(t.Context(), t.Output(), command, name, args...)
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

// release is what one would install.
type release struct {
	name, namespace, values string
}

func minimal() release { return release{"karpenter", "karpenter", "minimal-values.yaml"} }
func full() release    { return release{"full", "full", "full-values.yaml"} }

// render returns the objects of a release.
func (r release) render(t testing.TB, args ...string) []*unstructured.Unstructured {
	t.Helper()
	return template(t, chart, append([]string{
		"--namespace", r.namespace, "--name-template", r.name, "--values", root(t, "charts", chart, "ci", r.values),
	}, args...)...)
}

func template(t testing.TB, name string, args ...string) []*unstructured.Unstructured {
	t.Helper()
	touch(t, root(t, "charts", name))
	out, err := helm.Template(t.Context(), t.Output(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
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
