package v1alpha1_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

var update = flag.Bool("update", false, "write the table of docs/nodeclass.md anew")

// field is what testdata/fields.yaml says of one field.
type field struct {
	Change  string `json:"change"`
	Note    string `json:"note"`
	Default string `json:"default"`
	Example any    `json:"example"`
}

func readFields(t *testing.T) map[string]field {
	t.Helper()
	text, err := os.ReadFile("testdata/fields.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]field{}
	if err := yaml.UnmarshalStrict(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// leaves are the fields of the spec that hold a value, with their schema, and the lists of objects.
func leaves() map[string]apiextensionsv1.JSONSchemaProps {
	out := map[string]apiextensionsv1.JSONSchemaProps{}
	var walk func(string, apiextensionsv1.JSONSchemaProps)
	walk = func(path string, schema apiextensionsv1.JSONSchemaProps) {
		if path != "" && len(schema.Properties) == 0 {
			out[path] = schema
		}
		if schema.Items != nil && len(schema.Items.Schema.Properties) > 0 {
			walk(path+"[]", *schema.Items.Schema)
		}
		for name, property := range schema.Properties {
			walk(strings.TrimPrefix(path+"."+name, "."), property)
		}
	}
	walk("", apis.CRDs[0].Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"])
	return out
}

// withExample is a NodeClass in which one field is the example. A field of a volume is that of a second one, and what
// the rules of the CRD want with it comes along.
func withExample(t *testing.T, path string, example any) *v1alpha1.OutscaleNodeClass {
	t.Helper()
	patch := map[string]any{}
	if inVolume, ok := strings.CutPrefix(path, "blockDeviceMappings[]."); ok {
		volume := map[string]any{"deviceName": "/dev/sdc", "bsu": map[string]any{"volumeSize": 10}}
		if inVolume == "bsu.iops" {
			set(volume, "bsu.volumeType", "io1")
		}
		set(volume, inVolume, example)
		root := map[string]any{"deviceName": "/dev/sda1", "bsu": map[string]any{"volumeSize": 50}}
		patch["blockDeviceMappings"] = []any{root, volume}
	} else {
		set(patch, path, example)
	}
	if path == "placement.strict" {
		set(patch, "placement.repulseServer", "web")
	}
	text, err := json.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	return nodeClass(func(s *spec) {
		if err := json.Unmarshal(text, s); err != nil {
			t.Errorf("the example of %s: %v", path, err)
		}
	})
}

func set(in map[string]any, path string, value any) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		in[name] = value
		return
	}
	below, ok := in[name].(map[string]any)
	if !ok {
		below = map[string]any{}
		in[name] = below
	}
	set(below, rest, value)
}

func TestEveryFieldIsDescribed(t *testing.T) {
	fields, schema := readFields(t), leaves()
	for path := range schema {
		if _, ok := fields[path]; !ok {
			t.Errorf("testdata/fields.yaml does not say what a change of %s does", path)
		}
		if schema[path].Description == "" {
			t.Errorf("%s has no description", path)
		}
	}
	for path := range fields {
		if _, ok := schema[path]; !ok {
			t.Errorf("testdata/fields.yaml has %s, which the CRD does not know", path)
		}
	}
}

// A field of a volume is compared with a class that has the same volume without it.
func TestEachFieldChangesTheHashOrNot(t *testing.T) {
	for path, f := range readFields(t) {
		before := nodeClass(func(*spec) {})
		switch {
		case path == "blockDeviceMappings[].bsu.iops":
			before = withExample(t, path, 100)
		case strings.HasPrefix(path, "blockDeviceMappings[]."):
			before = withExample(t, "blockDeviceMappings[].deviceName", "/dev/sdc")
		case path == "placement.strict":
			before = withExample(t, "placement.repulseServer", "web")
		}
		changed := withExample(t, path, f.Example).Hash() != before.Hash()
		if want := f.Change == "drifts"; changed != want {
			t.Errorf("%s: the hash changes: %v, and testdata/fields.yaml says %q", path, changed, f.Change)
		}
		if !slices.Contains([]string{"drifts", "image", "in place", "nothing"}, f.Change) {
			t.Errorf("%s: unknown change %q", path, f.Change)
		}
	}
}

func testExamples(t *testing.T, kube client.Client) {
	for path, f := range readFields(t) {
		if err := kube.Create(t.Context(), withExample(t, path, f.Example), client.DryRunAll); err != nil {
			t.Errorf("the example of %s: %v", path, err)
		}
	}
}

// TestDocsShowEveryField compares the table of docs/nodeclass.md. Write it anew with -update.
func TestDocsShowEveryField(t *testing.T) {
	const path, begin, end = "../../../docs/nodeclass.md", "<!-- fields -->\n", "<!-- /fields -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s lacks the marks %q and %q", path, begin, end)
	}
	want := before + begin + fieldTable(t) + end + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the fields as they are: run go test ./pkg/apis/v1alpha1 -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fieldTable has a row for each field: what its comment says, and what testdata/fields.yaml adds.
func fieldTable(t *testing.T) string {
	fields, schema := readFields(t), leaves()
	var out strings.Builder
	fmt.Fprint(&out, "\n| field of `spec` | what it is | default | example | a change |\n|---|---|---|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(schema)) {
		f, s := fields[path], schema[path]
		example, err := json.Marshal(f.Example)
		if err != nil {
			t.Fatal(err)
		}
		change := map[string]string{"image": "drifts"}[f.Change]
		change = cmp.Or(change, f.Change)
		if f.Note != "" {
			change += "; " + f.Note
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | `%s` | %s |\n", path, prose(s.Description), defaultOf(path, f, s), strings.Trim(string(example), `"`), change)
	}
	return out.String() + "\n"
}

// prose is a Go comment in one row of a table.
func prose(description string) string {
	return strings.ReplaceAll(strings.ReplaceAll(description, "\n", " "), "|", "\\|")
}

func defaultOf(path string, f field, s apiextensionsv1.JSONSchemaProps) string {
	switch {
	case f.Default != "":
		return f.Default
	case s.Default != nil:
		return "`" + strings.Trim(string(s.Default.Raw), `"`) + "`"
	case slices.Contains(required(), path):
		return "required"
	default:
		return ""
	}
}

// required are the fields that a NodeClass, or a volume of it, cannot be without.
func required() []string {
	var out []string
	var walk func(string, apiextensionsv1.JSONSchemaProps)
	walk = func(path string, schema apiextensionsv1.JSONSchemaProps) {
		for _, name := range schema.Required {
			out = append(out, strings.TrimPrefix(path+"."+name, "."))
		}
		if schema.Items != nil {
			walk(path+"[]", *schema.Items.Schema)
		}
		for name, property := range schema.Properties {
			walk(strings.TrimPrefix(path+"."+name, "."), property)
		}
	}
	walk("", apis.CRDs[0].Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"])
	return out
}
