package charts_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// pages are the documents that these tests judge.
func pages(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"install.md", "troubleshooting.md", "observability.md"} {
		content, err := os.ReadFile(root(t, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(content)
	}
	return out
}

// hasHeading reports whether a page has the heading that an anchor names, as GitHub spells it: in lower case, with dashes for
// spaces, and without punctuation.
func hasHeading(t *testing.T, path, anchor string) bool {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spell := func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}
	for line := range strings.Lines(string(page)) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if ok && strings.HasPrefix(line, "#") && strings.Map(spell, strings.TrimSpace(title)) == anchor {
			return true
		}
	}
	return false
}

func TestDocsNameFilesThatExist(t *testing.T) {
	t.Parallel()
	for name, text := range pages(t) {
		found := 0
		for _, groups := range regexp.MustCompile(`\]\(([^)]+)\)|\b((?:charts|examples|policies)/[\w./-]+)`).FindAllStringSubmatch(text, -1) {
			link, anchor, _ := strings.Cut(groups[1], "#")
			path := filepath.Join("docs", cmp.Or(link, name)) // without a file it is a heading of this page
			switch {
			case strings.Contains(groups[1], "://"):
				continue
			case groups[2] != "":
				path = groups[2]
			}
			found++
			if _, err := os.Stat(root(t, path)); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if anchor != "" && !hasHeading(t, root(t, path), anchor) {
				t.Errorf("%s: %s has no heading %q", name, path, anchor)
			}
		}
		if found == 0 {
			t.Errorf("%s names no file", name)
		}
	}
}

func TestDocsSetValuesThatExist(t *testing.T) {
	t.Parallel()
	var values map[string]any
	read(t, root(t, "charts", chart, "values.yaml"), &values)
	for name, text := range pages(t) {
		for _, groups := range regexp.MustCompile("(?:--set |`)((?:settings|credentials|bootstrapTokens|workerConfigSecrets)[\\w.]*)").FindAllStringSubmatch(text, -1) {
			var at any = values
			for key := range strings.SplitSeq(groups[1], ".") {
				below, _ := at.(map[string]any)
				value, ok := below[key]
				if !ok {
					t.Errorf("%s: the chart has no value %s", name, groups[1])
					break
				}
				at = value
			}
		}
	}
}

// TestDocsCallTheAPIAsItIs checks calls and parameters against the SDK.
func TestDocsCallTheAPIAsItIs(t *testing.T) {
	t.Parallel()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/outscale/osc-sdk-go/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for name, text := range pages(t) {
		for _, command := range strings.Split(text, "osc-cli api ")[1:] {
			command, _, _ = strings.Cut(command, "`")
			call := regexp.MustCompile(`^\w+`).FindString(command)
			calls++
			model := regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(call, "${1}_${2}")
			source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "model_"+strings.ToLower(model)+"_request.go"))
			if err != nil {
				t.Errorf("%s: no call %s: %v", name, call, err)
				continue
			}
			for _, parameter := range regexp.MustCompile(`--(\w+)`).FindAllStringSubmatch(command, -1) {
				if !regexp.MustCompile(`json:"` + parameter[1] + `[,"]`).Match(source) {
					t.Errorf("%s: %s has no %s", name, call, parameter[1])
				}
			}
		}
	}
	if calls < 8 {
		t.Errorf("only %d calls were found", calls)
	}
}

func TestDocsNameCommandsOfKpo(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	top, err := filepath.Glob(root(t, "cmd", "kpo", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob(root(t, "cmd", "kpo", "internal", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Concat(top, below) {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, groups := range regexp.MustCompile(`Use:\s+"(\w+)`).FindAllStringSubmatch(string(source), -1) {
			names[groups[1]] = true
		}
	}
	for page, text := range pages(t) {
		for _, groups := range regexp.MustCompile(`kubectl kpo (\w+)`).FindAllStringSubmatch(text, -1) {
			if !names[groups[1]] {
				t.Errorf("%s: kpo has no command %s", page, groups[1])
			}
		}
	}
}
