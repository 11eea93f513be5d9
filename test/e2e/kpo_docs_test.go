package e2e

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the screens, or docs/kpo.md, anew")

// TestDocsQuoteScreens checks that docs/kpo.md shows each screen that a run on the sandbox has left, and no other.
func TestDocsQuoteScreens(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "kpo.md")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "kpo", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	screens := map[string]string{}
	for _, file := range files {
		screen, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		screens[strings.TrimSuffix(filepath.Base(file), ".txt")] = string(screen)
	}
	quoted := map[string]int{}
	quote := regexp.MustCompile("(?s)<!-- screen: ([a-z0-9-]+) -->\n```\n.*?```\n")
	want := quote.ReplaceAllStringFunc(string(content), func(block string) string {
		name := quote.FindStringSubmatch(block)[1]
		quoted[name]++
		return "<!-- screen: " + name + " -->\n```\n" + screens[name] + "```\n"
	})
	for name := range screens {
		if quoted[name] != 1 {
			t.Errorf("docs/kpo.md shows the screen %s %d times, want once", name, quoted[name])
		}
		delete(quoted, name)
	}
	for name := range quoted {
		t.Errorf("docs/kpo.md shows a screen %s that no run has left", name)
	}
	if n := strings.Count(want, "$ kubectl kpo "); n != strings.Count(strings.Join(slices.Collect(maps.Values(screens)), ""), "$ kubectl kpo ") {
		t.Errorf("docs/kpo.md shows %d command lines with a prompt: some of them were never run", n)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Errorf("docs/kpo.md does not show what the runs have left, -update writes it (-want +got):\n%s", diff)
	}
}
