package charts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestChartsLint(t *testing.T) {
	t.Parallel()
	for _, values := range []string{"minimal-values.yaml", "full-values.yaml"} {
		if out, err := run(t, "lint", chart, "--strict", "--values", root(t, "charts", chart, "ci", values)); err != nil {
			t.Errorf("%s: %v\n%s", values, err, out)
		}
	}
	if out, err := run(t, "lint", crdChart, "--strict"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBadValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for set, field := range map[string]string{
		"settings.clusterName=":                   "/settings/clusterName",
		"settings.clusterName=a b":                "/settings/clusterName",
		"settings.clusterID=":                     "/settings/clusterID",
		"settings.region=":                        "/settings/region",
		"settings.region=eu-west-2a":              "/settings/region",
		"settings.endpoint=api.example.com":       "/settings/endpoint",
		"settings.oapi.rateLimit=0":               "/settings/oapi/rateLimit",
		"settings.oapi.retryWaitMin=1":            "/settings/oapi/retryWaitMin",
		"settings.batchIdleDuration=soon":         "/settings/batchIdleDuration",
		"settings.preferencePolicy=Maybe":         "/settings/preferencePolicy",
		"settings.featureGates.spot=true":         "'spot'",
		"settings.legacyNodeRepair=maybe":         "/settings/legacyNodeRepair",
		"settings.schedulerConfig.profiles=none":  "'profiles'",
		"settings.schedulerConfig=a: [":           "settings.schedulerConfig is no YAML",
		"settings.clustername=test":               "'clustername'",
		"credentials.secretName=":                 "/credentials/secretName",
		"workerConfigSecrets[0].name=Talos":       "/workerConfigSecrets/0/name",
		"workerConfigSecrets=none":                "/workerConfigSecrets",
		"image.digest=latest":                     "/image/digest",
		"replicas=two":                            "/replicas",
		"logLevel=trace":                          "/logLevel",
		"resources.limits.memory=null":            "/resources/limits",
		"metrics.port=99999":                      "/metrics/port",
		"bootstrapTokens.enabled=maybe":           "/bootstrapTokens/enabled",
		"podDisruptionBudget.maxUnavailable=half": "/podDisruptionBudget/maxUnavailable",
		"credential.secretName=other":             "'credential'",
		"settings.schedulerConfig.podTopologySpread.defaultConstraints[0].labelSelector.matchLabels.a=b": "'labelSelector'",
	} {
		out, err := run(t, "template", chart, "--values", root(t, "charts", chart, "ci", "minimal-values.yaml"), "--set", set)
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("--set %s: error %v, want one that names %s\n%.200s", set, err, field, out)
		}
	}
}

func TestRequiredValuesHaveNoDefault(t *testing.T) {
	t.Parallel()
	_, err := run(t, "template", chart)
	if err == nil || !strings.Contains(err.Error(), "/settings/clusterName") || !strings.Contains(err.Error(), "/settings/clusterID") || !strings.Contains(err.Error(), "/settings/region") {
		t.Errorf("error %v, want one that names all three", err)
	}
}

// TestEveryValueIsInTheSchemaAndTheSchemaInTheValues keeps the two files from drifting apart.
func TestEveryValueIsInTheSchemaAndTheSchemaInTheValues(t *testing.T) {
	t.Parallel()
	for _, name := range []string{chart, crdChart} {
		var values map[string]any
		var schema map[string]any
		read(t, root(t, "charts", name, "values.yaml"), &values)
		read(t, root(t, "charts", name, "values.schema.json"), &schema)
		want := keys("", values, func(v any) map[string]any { m, _ := v.(map[string]any); return m })
		got := keys("", properties(schema), func(v any) map[string]any { m, _ := v.(map[string]any); return properties(m) })
		got = slices.DeleteFunc(got, func(key string) bool { return key == ".global" })
		// Maps of the user's own keys.
		want = slices.DeleteFunc(want, func(key string) bool {
			return strings.HasPrefix(key, ".nodeSelector.") || strings.HasPrefix(key, ".resources.requests.") || strings.HasPrefix(key, ".resources.limits.")
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: values and schema (-values +schema):\n%s", name, diff)
		}
	}
}

func properties(schema map[string]any) map[string]any {
	out, _ := schema["properties"].(map[string]any)
	return out
}

func keys(prefix string, in map[string]any, below func(any) map[string]any) []string {
	var out []string
	for key, value := range in {
		out = append(out, prefix+"."+key)
		out = append(out, keys(prefix+"."+key, below(value), below)...)
	}
	slices.Sort(out)
	return out
}

func read(t testing.TB, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func TestDefinitionsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	core, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/karpenter").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for _, dir := range []string{filepath.Join(strings.TrimSpace(string(core)), "pkg/apis/crds"), root(t, "pkg/apis/crds")} {
		files(t, dir, want)
	}
	files(t, root(t, "charts", crdChart, "files"), got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run make generate (-code +chart):\n%.2000s", diff)
	}
}

func files(t testing.TB, dir string, into map[string]string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no definitions in %s: %v", dir, err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		into[filepath.Base(path)] = string(content)
	}
}

func TestDefinitionsStayWhenTheChartGoes(t *testing.T) {
	t.Parallel()
	const policy = "helm.sh/resource-policy"
	kept, dropped := template(t, crdChart), template(t, crdChart, "--set", "keep=false,capacityBuffers=false")
	if len(kept) != 5 || len(dropped) != 4 {
		t.Errorf("%d definitions, and %d without capacity buffers", len(kept), len(dropped))
	}
	for _, o := range kept {
		if o.GetAnnotations()[policy] != "keep" {
			t.Errorf("%s would go, and all nodes with it", o.GetName())
		}
	}
	for _, o := range dropped {
		if o.GetAnnotations()[policy] != "" {
			t.Errorf("%s would stay", o.GetName())
		}
	}
}
