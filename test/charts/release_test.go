package charts_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/karpenter-outscale/karpenter-provider-outscale"

// policy returns the actions that a policy allows.
func policy(t testing.TB, name string) []string {
	t.Helper()
	content, err := os.ReadFile(root(t, "policies", name))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Version   string
		Statement []struct {
			Effect           string
			Action, Resource []string
		}
	}
	if err := json.Unmarshal(content, &out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(out.Statement) != 1 || out.Statement[0].Effect != "Allow" || out.Version == "" {
		t.Fatalf("%s: %+v", name, out)
	}
	return out.Statement[0].Action
}

// selectors are the names that are selected (x.Name) in the sources of our packages that a program links.
func selectors(t testing.TB, program string, skip ...string) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}} {{.Dir}}", module+"/cmd/"+program).Output()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(path, module) || slices.Contains(skip, strings.TrimPrefix(path, module+"/")) {
			continue
		}
		for _, file := range sources(t, dir) {
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					names[s.Sel.Name] = true
				}
				return true
			})
		}
	}
	return names
}

func sources(t testing.TB, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file)
	}
	return out
}

// signedCalls are the methods of oapi.Client that call the API with a signature.
func signedCalls(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, file := range sources(t, root(t, "pkg", "oapi")) {
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			// ReadPublicCatalog needs no rights.
			if ok && f.Recv != nil && regexp.MustCompile(`^(Read|Create|Update|Delete|Stop|Start|Reboot|Link|Unlink)[A-Z]`).MatchString(f.Name.Name) && f.Name.Name != "ReadPublicCatalog" {
				out = append(out, f.Name.Name)
			}
		}
	}
	return out
}

func actions(calls []string, used map[string]bool, keep func(string) bool) []string {
	var out []string
	for _, call := range calls {
		if used[call] && keep(call) {
			out = append(out, "api:"+call)
		}
	}
	slices.Sort(out)
	return out
}

func TestControllerPolicyIsWhatTheControllerCalls(t *testing.T) {
	t.Parallel()
	used := selectors(t, "controller", "pkg/oapi")
	// pkg/vm has the console for those who ask for it.
	want := actions(signedCalls(t), used, func(call string) bool { return call != "ReadConsoleOutput" || used["Console"] })
	if len(want) < 5 {
		t.Fatalf("only %v are called", want)
	}
	if diff := cmp.Diff(want, policy(t, "controller.json")); diff != "" {
		t.Errorf("policies/controller.json (-calls +policy):\n%s", diff)
	}
}

func TestReadonlyPolicyIsWhatKpoReads(t *testing.T) {
	t.Parallel()
	want := actions(signedCalls(t), selectors(t, "kpo", "pkg/oapi"), func(call string) bool { return strings.HasPrefix(call, "Read") })
	if diff := cmp.Diff(want, policy(t, "kpo-readonly.json")); diff != "" {
		t.Errorf("policies/kpo-readonly.json (-calls +policy):\n%s", diff)
	}
}

// goreleaser is what the tests look at.
type goreleaser struct {
	Before struct{ Hooks []string }
	Builds []struct {
		ID, Main, Binary string
		Goos, Goarch     []string
		Env, Ldflags     []string
	}
	Kos      []struct{ Build string }
	Archives []struct {
		ID         string
		IDs, Files []string
	}
	Krews         []struct{ IDs []string }
	HomebrewCasks []struct {
		IDs, Binaries []string
		Completions   map[string]string
	} `json:"homebrew_casks"`
	Checksum    map[string]string
	Sboms       []map[string]any
	Signs       []map[string]any
	DockerSigns []map[string]any `json:"docker_signs"`
}

func TestReleaseBuildsWhatIsHere(t *testing.T) {
	t.Parallel()
	var release goreleaser
	read(t, root(t, "goreleaser.yaml"), &release)
	ids, binaries := map[string]bool{}, map[string]bool{}
	for _, build := range release.Builds {
		ids[build.ID], binaries[build.Binary] = true, true
		if name, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Name}}", module+strings.TrimPrefix(build.Main, ".")).Output(); err != nil || string(name) != "main\n" {
			t.Errorf("%s is no program: %s, %v", build.Main, name, err)
		}
		if !slices.Contains(build.Env, "CGO_ENABLED=0") {
			t.Errorf("%s needs the C library of the machine that it runs on", build.ID)
		}
		linkerTargets(t, strings.Join(build.Ldflags, " "))
	}
	platforms := map[string]int{}
	for _, build := range release.Builds {
		platforms[build.ID] = len(build.Goos) * len(build.Goarch)
	}
	if diff := cmp.Diff(map[string]int{"controller": 2, "kubectl-kpo": 6}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	var used []string
	for _, ko := range release.Kos {
		used = append(used, ko.Build)
	}
	for _, krew := range release.Krews {
		used = append(used, krew.IDs...)
	}
	for _, cask := range release.HomebrewCasks {
		used = append(used, cask.IDs...)
		for _, binary := range cask.Binaries {
			if !binaries[binary] {
				t.Errorf("the cask has %s, which is never built", binary)
			}
		}
	}
	for _, archive := range release.Archives {
		used = append(used, archive.IDs...)
	}
	for _, id := range used {
		if !ids[id] {
			t.Errorf("build %q does not exist", id)
		}
	}
	if len(release.Sboms) == 0 || len(release.Signs) == 0 || len(release.DockerSigns) == 0 || release.Checksum["name_template"] == "" {
		t.Error("a release needs checksums, SBOMs and signatures")
	}
}

func TestReleaseShipsFilesThatExist(t *testing.T) {
	t.Parallel()
	var release goreleaser
	read(t, root(t, "goreleaser.yaml"), &release)
	made := map[string]bool{}
	shells := literals(t, module+"/cmd/kpo")
	for _, hook := range release.Before.Hooks {
		groups := regexp.MustCompile(`go run \./cmd/kpo completion (\w+) > (\S+?)["\s]`).FindStringSubmatch(hook + " ")
		if groups == nil {
			continue
		}
		if !shells[groups[1]] {
			t.Errorf("kpo completes no %s", groups[1])
		}
		made[groups[2]] = true
	}
	if len(made) != 5 {
		t.Errorf("completions %v", made)
	}
	for _, cask := range release.HomebrewCasks {
		for _, path := range cask.Completions {
			if !made[path] {
				t.Errorf("%s is not made before the release", path)
			}
		}
	}
	for _, archive := range release.Archives {
		for _, path := range archive.Files {
			if _, err := os.Stat(root(t, path)); err != nil && path != "completions/*" {
				t.Errorf("archive %s: %v", archive.ID, err)
			}
		}
	}
}

// linkerTargets checks that the linker sets variables that are there: it is silent about others.
func linkerTargets(t testing.TB, text string) {
	t.Helper()
	targets := regexp.MustCompile(`-X (\S+)\.(\w+)=`).FindAllStringSubmatch(text, -1)
	if len(targets) == 0 {
		t.Errorf("the version is not set in %q", text)
	}
	for _, target := range targets {
		found := false
		for _, file := range sources(t, root(t, strings.TrimPrefix(target[1], module+"/"))) {
			if object := file.Scope.Lookup(target[2]); object != nil && object.Kind == ast.Var {
				found = true
			}
		}
		if !found {
			t.Errorf("there is no variable %s.%s", target[1], target[2])
		}
	}
}

func TestDockerfileBuildsWhatIsHere(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root(t, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	linkerTargets(t, text)
	for _, groups := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(text, -1) {
		for path := range strings.FieldsSeq(groups[1]) {
			if _, err := os.Stat(root(t, path)); err != nil {
				t.Errorf("COPY: %v", err)
			}
		}
	}
	var copied []string
	deps, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"/cmd/controller").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.Lines(string(deps)) {
		if below, ours := strings.CutPrefix(strings.TrimSpace(path), module+"/"); ours {
			copied = append(copied, below)
		}
	}
	for _, path := range copied {
		top, _, _ := strings.Cut(path, "/")
		if !strings.Contains(text, "COPY "+top+" "+top+"\n") {
			t.Errorf("the controller needs %s, which is not copied", path)
		}
	}
	for _, want := range []string{"ARG BASE_IMAGE=", "--platform=$BUILDPLATFORM", "USER 65532:65532", `ENTRYPOINT ["/controller"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestTheVersionOfGoIsTheSameEverywhere finds what a move to another Go forgot. The Makefile reads it from go.mod.
func TestTheVersionOfGoIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.GoVersion}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(string(out))
	toolchain := regexp.MustCompile(`GOTOOLCHAIN=go([\d.]*\d)`)
	directive := regexp.MustCompile(`(?m)^go (\S+)$`)
	for path, pattern := range map[string]*regexp.Regexp{
		"Dockerfile":      regexp.MustCompile(`(?m)^ARG GO_IMAGE=golang:(\S+)$`),
		"goreleaser.yaml": toolchain, "README.md": toolchain, "README.fr.md": toolchain, "CONTRIBUTING.md": toolchain, "AGENTS.md": toolchain,
		"tools/go.mod": directive, "tools/helm/go.mod": directive,
	} {
		content, err := os.ReadFile(root(t, path))
		if err != nil {
			t.Fatal(err)
		}
		found := pattern.FindAllStringSubmatch(string(content), -1)
		if len(found) == 0 {
			t.Errorf("%s names no version of Go", path)
		}
		for _, groups := range found {
			if groups[1] != version {
				t.Errorf("%s names Go %s, go.mod %s", path, groups[1], version)
			}
		}
	}
}

func TestDeployBuildsPushesSetsAndWaits(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), root(t, "hack", "deploy.sh"))
	cmd.Env = append(cmd.Environ(), "DRY_RUN=1", "IMAGE=registry.example.com/karpenter", "TAG=v1")
	out, err := cmd.CombinedOutput()
	const want = `+ docker buildx build --platform linux/amd64 --build-arg VERSION=v1 --tag registry.example.com/karpenter:v1 --push .
+ kubectl --namespace karpenter set image deployment/karpenter-provider-outscale controller=registry.example.com/karpenter:v1
+ kubectl --namespace karpenter rollout status deployment/karpenter-provider-outscale --timeout 5m
`
	if diff := cmp.Diff(want, string(out)); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, o := range minimal().render(t) {
		if o.GetKind() == "Deployment" && (o.GetName() != "karpenter-provider-outscale" || o.GetNamespace() != "karpenter") {
			t.Errorf("the chart's Deployment is %s/%s", o.GetNamespace(), o.GetName())
		}
	}
	cmd = exec.CommandContext(t.Context(), root(t, "hack", "deploy.sh"))
	cmd.Env = append(cmd.Environ(), "DRY_RUN=1", "IMAGE=")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "IMAGE") {
		t.Errorf("without IMAGE: %v\n%s", err, out)
	}
}
