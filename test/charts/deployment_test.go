package charts_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	coreoptions "sigs.k8s.io/karpenter/pkg/operator/options"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

// literals are the strings in the source of a package: the controller's variables are spelled there.
func literals(t testing.TB, pattern string) map[string]bool {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", pattern).Output()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no source of %s: %v", pattern, err)
	}
	out := map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					out[text] = true
				}
			}
			return true
		})
	}
	return out
}

func environment(t testing.TB, r release, args ...string) map[string]corev1.EnvVar {
	t.Helper()
	deployment := find[appsv1.Deployment](t, r.render(t, args...), "Deployment", "")
	out := map[string]corev1.EnvVar{}
	for _, env := range deployment.Spec.Template.Spec.Containers[0].Env {
		if _, twice := out[env.Name]; twice {
			t.Errorf("%s is set twice", env.Name)
		}
		out[env.Name] = env
	}
	return out
}

func TestControllerReadsEveryVariableOfTheDeployment(t *testing.T) {
	t.Parallel()
	read := map[string]bool{"HTTPS_PROXY": true} // extraEnv of the full values
	for _, pattern := range []string{
		"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/controller",
		"sigs.k8s.io/karpenter/pkg/operator/options", "github.com/outscale/osc-sdk-go/v2",
	} {
		for text := range literals(t, pattern) {
			read[text] = true
		}
	}
	for name := range environment(t, full()) {
		if !read[name] {
			t.Errorf("%s is set and never read", name)
		}
	}
}

func TestDefaultsAreThoseOfTheController(t *testing.T) {
	t.Parallel()
	env := environment(t, minimal())
	defaults := oapi.DefaultOptions("")
	want := map[string]string{
		"CLUSTER_NAME": "test", "OSC_CLUSTER_ID": "test-1", "OSC_REGION": "eu-west-2", "TAGS_IN_USER_DATA": "true",
		"OAPI_RATE_LIMIT":     strconv.FormatFloat(defaults.RateLimit, 'f', -1, 64),
		"OAPI_RETRY_COUNT":    strconv.Itoa(defaults.Retries),
		"OAPI_RETRY_WAIT_MIN": defaults.RetryWait.String(), "OAPI_RETRY_WAIT_MAX": defaults.MaxRetryWait.String(),
		"BATCH_MAX_DURATION": "10s", "BATCH_IDLE_DURATION": "1s", "PREFERENCE_POLICY": "Respect", "MIN_VALUES_POLICY": "Strict",
		"KUBE_CLIENT_QPS": "200", "KUBE_CLIENT_BURST": "300", "LOG_LEVEL": "info", "METRICS_PORT": "8080", "HEALTH_PROBE_PORT": "8081",
		"LEADER_ELECTION_NAME": "karpenter-leader-election",
	}
	got := map[string]string{}
	for name := range want {
		got[name] = env[name].Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	gates, err := coreoptions.ParseFeatureGates(env["FEATURE_GATES"].Value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(coreoptions.DefaultFeatureGates(), gates, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "inputStr" }, cmp.Ignore())); diff != "" {
		t.Errorf("feature gates (-want +got):\n%s", diff)
	}
	for _, name := range []string{"OSC_ENDPOINT_API", "INSTANCE_TYPES_FILE", "LEGACY_NODE_REPAIR", "SCHEDULER_CONFIG", "DRY_RUN"} {
		if _, set := env[name]; set {
			t.Errorf("%s is set without a value for it", name)
		}
	}
}

// TestEveryFeatureGateOfCoreIsAValue sees a gate that the next version of core brings or drops.
func TestEveryFeatureGateOfCoreIsAValue(t *testing.T) {
	t.Parallel()
	// All offerings are on demand.
	useless := []string{coreoptions.ReservedCapacityFeatureGate.Name, coreoptions.SpotToSpotConsolidationFeatureGate.Name}
	want, got := map[string]string{}, map[string]string{}
	for _, gate := range coreoptions.KarpenterFeatureGates {
		if !slices.Contains(useless, gate.Name) {
			want[gate.Name] = "true"
		}
	}
	for pair := range strings.SplitSeq(environment(t, full())["FEATURE_GATES"].Value, ",") {
		name, value, _ := strings.Cut(pair, "=")
		got[name] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("gates (-core +chart):\n%s", diff)
	}
}

func TestTerminateFirstRepairNeedsTheRepairThatKnowsIt(t *testing.T) {
	t.Parallel()
	const on = "settings.featureGates.terminateFirstRepair=true"
	for set, want := range map[string]string{
		on: "terminateFirstRepair needs settings.featureGates.nodeRepair",
		on + ",settings.featureGates.nodeRepair=true,settings.legacyNodeRepair=true": "terminateFirstRepair has no effect with settings.legacyNodeRepair",
	} {
		_, err := run(t, "template", chart, "--values", root(t, "charts", chart, "ci", "minimal-values.yaml"), "--set", set)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--set %s: error %v, want %q", set, err, want)
		}
	}
}

func TestLegacyNodeRepairIsPassedOn(t *testing.T) {
	t.Parallel()
	env := environment(t, minimal(), "--set", "settings.featureGates.nodeRepair=true,settings.legacyNodeRepair=true")
	if env["LEGACY_NODE_REPAIR"].Value != "true" || !strings.Contains(env["FEATURE_GATES"].Value, "NodeRepair=true") {
		t.Errorf("LEGACY_NODE_REPAIR=%s FEATURE_GATES=%s", env["LEGACY_NODE_REPAIR"].Value, env["FEATURE_GATES"].Value)
	}
}

// TestSchedulerConfigIsReadByCore renders the constraints of the full values as an object and as a string.
func TestSchedulerConfigIsReadByCore(t *testing.T) {
	t.Parallel()
	want := []corev1.TopologySpreadConstraint{
		{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway},
		{MaxSkew: 2, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule},
	}
	object := environment(t, full())["SCHEDULER_CONFIG"].Value
	file := filepath.Join(t.TempDir(), "scheduler.yaml")
	if err := os.WriteFile(file, []byte("# Of the cluster's kube-scheduler.\n"+object+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := environment(t, minimal(), "--set-file", "settings.schedulerConfig="+file)["SCHEDULER_CONFIG"].Value
	for form, value := range map[string]string{"object": object, "string": text} {
		config, err := coreoptions.ParseSchedulerConfiguration(value)
		if err != nil || config == nil || config.PodTopologySpread == nil {
			t.Errorf("%s: %+v, error %v, of\n%s", form, config, err, value)
			continue
		}
		if diff := cmp.Diff(want, config.PodTopologySpread.DefaultConstraints); diff != "" {
			t.Errorf("%s (-want +got):\n%s", form, diff)
		}
	}
}

func TestKeysComeFromTheExistingSecret(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		release                 release
		secret, access, private string
	}{{minimal(), "osc-secret", "access_key", "secret_key"}, {full(), "osc-karpenter", "ak", "sk"}} {
		env := environment(t, tc.release)
		for name, key := range map[string]string{"OSC_ACCESS_KEY": tc.access, "OSC_SECRET_KEY": tc.private} {
			ref := env[name].ValueFrom.SecretKeyRef
			if ref == nil || ref.Name != tc.secret || ref.Key != key {
				t.Errorf("%s from %v, want %s of Secret %s", name, ref, key, tc.secret)
			}
		}
		for _, o := range tc.release.render(t) {
			if o.GetKind() == "Secret" {
				t.Errorf("the chart makes Secret %s", o.GetName())
			}
		}
	}
}

func TestControllerReadsTheInstanceTypesOfTheChart(t *testing.T) {
	t.Parallel()
	objects := full().render(t)
	data := find[corev1.ConfigMap](t, objects, "ConfigMap", "-instance-types").Data
	path := environment(t, full())["INSTANCE_TYPES_FILE"].Value
	deployment := find[appsv1.Deployment](t, objects, "Deployment", "")
	mount := deployment.Spec.Template.Spec.Containers[0].VolumeMounts[0]
	types, err := vmtype.ParseStatic([]byte(data[strings.TrimPrefix(path, mount.MountPath+"/")]))
	if err != nil || len(types) != 2 || types[1].Price != 2.5 {
		t.Errorf("types %+v, error %v", types, err)
	}
}

func TestImageIsADigestBeforeATagBeforeTheVersion(t *testing.T) {
	t.Parallel()
	image := func(args ...string) string {
		return find[appsv1.Deployment](t, minimal().render(t, args...), "Deployment", "").Spec.Template.Spec.Containers[0].Image
	}
	const repository = "ghcr.io/karpenter-outscale/karpenter-provider-outscale/controller"
	digest := "sha256:" + strings.Repeat("0", 64)
	want := []string{repository + ":v0.1.0", repository + ":main", repository + "@" + digest}
	got := []string{image(), image("--set", "image.tag=main"), image("--set", "image.tag=main,image.digest="+digest)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

func TestNotesNameWhatIsStillMissing(t *testing.T) {
	t.Parallel()
	notes, err := os.ReadFile(root(t, "charts", chart, "templates", "NOTES.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".Values.credentials.secretName", ".Values.workerConfigSecrets", "outscalenodeclasses"} {
		if !strings.Contains(string(notes), want) {
			t.Errorf("no word of %s", want)
		}
	}
}
