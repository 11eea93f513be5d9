package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
)

var update = flag.Bool("update", false, "write the golden files anew")

// result is what one command line did.
type result struct {
	stdout, stderr string
	code           int
}

// kpo runs a command line without any cluster.
func kpo(t testing.TB, env session.Environment, args ...string) result {
	t.Helper()
	return runWith(t, env, session.Clients{
		Kube: func(genericclioptions.RESTClientGetter) (client.Client, error) {
			return nil, errors.New("no cluster here")
		},
		Server: func(genericclioptions.RESTClientGetter) (string, error) { return "", errors.New("no cluster here") },
		Cloud:  func(session.CloudFlags) (*session.Account, error) { return nil, errors.New("no Outscale credentials") },
		Now:    func() time.Time { return time.Date(2026, 11, 22, 3, 12, 7, 0, time.UTC) },
		Poll:   time.Millisecond,
	}, "", args...)
}

func runWith(t testing.TB, env session.Environment, c session.Clients, stdin string, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	a := session.New(genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut}, env, c)
	code := run(t.Context(), a, append([]string{"kubectl-kpo"}, args...))
	return result{out.String(), errOut.String(), code}
}

func sleepless() string { return filepath.Join("testdata", "sleepless.json") }

// screens are the command lines whose output people look at.
func screens() map[string][]string {
	return map[string][]string{
		"doctor":         {"doctor"},
		"doctor-short":   {"doctor", "-o", "short"},
		"doctor-target":  {"doctor", "default-0xk2p"},
		"nodes":          {"nodes"},
		"nodes-wide":     {"nodes", "-o", "wide"},
		"tags":           {"tags"},
		"timeline":       {"timeline"},
		"types":          {"types"},
		"orphans":        {"orphans"},
		"console":        {"console", "default-0xk2p"},
		"console-grep":   {"console", "10.0.0.2", "--grep", "unauthorized"},
		"explain":        {"explain", "KPO207"},
		"unknown-target": {"doctor", "nobody"},
	}
}

// look is a terminal on which a screen is shown.
type look struct {
	width int
	utf8  bool
}

func (l look) String() string {
	return fmt.Sprintf("width %d, %s", l.width, map[bool]string{true: "unicode", false: "ascii"}[l.utf8])
}

func looks() []look {
	var out []look
	for _, width := range []int{0, 60, 80, 110, 120} {
		out = append(out, look{width, true}, look{width, false})
	}
	return out
}

func TestScreens(t *testing.T) {
	for name, args := range screens() {
		var contents []string
		shownAt := map[string][]string{}
		for _, l := range looks() {
			got := kpo(t, session.Environment{UTF8: l.utf8, Columns: l.width}, append(args, "--from", sleepless())...)
			content := fmt.Sprintf("%s--- stderr\n%s--- exit %d\n", got.stdout, got.stderr, got.code)
			if shownAt[content] == nil {
				contents = append(contents, content)
			}
			shownAt[content] = append(shownAt[content], l.String())
			if strings.Contains(got.stdout, "\x1b") {
				t.Errorf("%s: colours where there is no terminal", name)
			}
			// Lines of a console are shown as they are, and -o wide shows all, whatever the width.
			if name != "console-grep" && name != "nodes-wide" {
				fits(t, name, got.stdout, l)
			}
		}
		for i, content := range contents {
			contents[i] = "=== " + strings.Join(shownAt[content], "; ") + "\n" + content
		}
		golden(t, name, strings.Join(contents, ""))
	}
}

// fits checks the width of each line. A line of one word behind its indent or label stays whole: it is to be copied.
func fits(t *testing.T, name, screen string, l look) {
	t.Helper()
	for line := range strings.Lines(screen) {
		line = strings.TrimRight(line, "\n")
		command := strings.Contains(line, "kubectl ")
		if width := lipgloss.Width(line); l.width > 0 && width > l.width && !command && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("%s, %s: %d columns: %s", name, l, width, line)
		}
		for _, r := range line {
			if !l.utf8 && r > 127 {
				t.Errorf("%s, %s: %q in %s", name, l, r, line)
			}
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "screens", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), -update accepts it:\n%s", name, diff)
	}
}

func TestExitCodes(t *testing.T) {
	healthy := filepath.Join("testdata", "healthy.json")
	for line, want := range map[string]int{
		"doctor --from " + healthy:                       exitHealthy,
		"doctor --from " + sleepless():                   exitFindings,
		"doctor default-web11 --from " + sleepless():     exitTrouble, // nothing wrong with it, and the quotas were not read
		"doctor --fail-on warning --from " + sleepless(): exitFindings,
		"doctor --fail-on fatal --from " + healthy:       exitUsage,
		"doctor":                                          exitTrouble,
		"doctor --color sometimes":                        exitUsage,
		"tags --from " + healthy:                          exitHealthy,
		"tags --from " + sleepless():                      exitFindings,
		"orphans --from " + healthy:                       exitHealthy,
		"orphans --from " + sleepless():                   exitFindings,
		"orphans --delete --yes --from " + sleepless():    exitUsage,
		"console default-0xk2p --from " + sleepless():     exitFindings,
		"console default-web11 --from " + sleepless():     exitTrouble,
		"nodes --from " + healthy:                         exitHealthy,
		"timeline --from " + healthy:                      exitHealthy,
		"version --client":                                exitHealthy,
		"explain kpo207":                                  exitHealthy,
		"explain KPO999":                                  exitUsage,
		"nosuch":                                          exitUsage,
		"doctor --nosuch":                                 exitUsage,
		"nodes -o nosuch --from " + healthy:               exitUsage,
		"bundle --file " + healthy + " --from " + healthy: exitTrouble, // never overwrites
	} {
		got := kpo(t, session.Environment{}, strings.Fields(line)...)
		if got.code != want {
			t.Errorf("%q: exit %d, want %d\n%s%s", line, got.code, want, got.stdout, got.stderr)
		}
		if got.code >= exitTrouble && !strings.HasPrefix(line, "doctor default-web11") && !strings.HasPrefix(got.stderr, "error: ") {
			t.Errorf("%q: stderr %q", line, got.stderr)
		}
	}
}

func TestOutputForMachines(t *testing.T) {
	for line, want := range map[string]string{
		"nodes -o name":                           "nodeclaim.karpenter.sh/default-0xk2p\n",
		"nodes -o jsonpath={.items[*].vm}":        "i-00000002 ",
		"nodes -o json":                           `"apiVersion": "kpo/v1"`,
		"nodes -o yaml":                           "phase: Registering\n",
		"tags -o name":                            "vm/i-00000006\n",
		"orphans -o jsonpath={.items[0].verdict}": "ORPHAN",
		"timeline -o yaml":                        "launched: ",
		"doctor -o jsonpath={.problems[0].check}": "KPO",
		"doctor -o yaml":                          "notChecked:\n",
		"console default-0xk2p -o jsonpath={.vm}": "i-00000002",
		"console default-0xk2p -o json":           `"atSeconds": 38.4,`,
		"orphans -o jsonpath={.items[0]}":         `"ageSeconds":777600`,
		"doctor -o name":                          "nodeclaim.karpenter.sh/default-0xk2p\nnodeclaim.karpenter.sh/default-1xk2p\n",
		"version --client -o json":                `"cli": `,
	} {
		got := kpo(t, session.Environment{}, append(strings.Fields(line), "--from", sleepless())...)
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q: no %q in\n%s%s", line, want, got.stdout, got.stderr)
		}
	}
}

func TestColourIsDecidedOnce(t *testing.T) {
	colored := func(env session.Environment, flags ...string) bool {
		return strings.Contains(kpo(t, env, append([]string{"doctor", "--from", sleepless()}, flags...)...).stdout, "\x1b[")
	}
	for name, c := range map[string]struct {
		env   session.Environment
		flags []string
		want  bool
	}{
		"pipe":                      {want: false},
		"flag":                      {flags: []string{"--color=always"}, want: true},
		"flag beats NO_COLOR":       {env: session.Environment{NoColor: true}, flags: []string{"--color=always"}, want: true},
		"CLICOLOR_FORCE":            {env: session.Environment{ForceColor: true}, want: true},
		"NO_COLOR beats it":         {env: session.Environment{ForceColor: true, NoColor: true}, want: false},
		"flag beats CLICOLOR_FORCE": {env: session.Environment{ForceColor: true}, flags: []string{"--color=never"}, want: false},
	} {
		if got := colored(c.env, c.flags...); got != c.want {
			t.Errorf("%s: coloured %v", name, got)
		}
	}
}

func TestEverySuggestedCommandParses(t *testing.T) {
	s, err := gather.Load(sleepless())
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, p := range diagnose.Run(s, diagnose.Rules()).Problems {
		lines = append(lines, p.Next, p.Fix)
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "pkg", "diagnose", "testdata", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatal(len(files), err)
	}
	for _, row := range diagnose.Rules() {
		lines = append(lines, strings.Split(row.Doc.String(), "\n")...)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(string(content), "\n")...)
	}
	for _, args := range screens() {
		lines = append(lines, strings.Split(kpo(t, session.Environment{}, append(args, "--from", sleepless())...).stdout, "\n")...)
	}
	parsed := 0
	for _, line := range lines {
		for _, part := range strings.Split(line, "kubectl kpo ")[1:] {
			parsed++
			parses(t, words(part))
		}
	}
	if parsed < 40 {
		t.Errorf("only %d commands found", parsed)
	}
}

// words are the arguments at the beginning of a text, up to what ends a sentence.
func words(text string) []string {
	if i := strings.IndexAny(text, "\"),;`'"); i >= 0 {
		text = text[:i]
	}
	if before, _, cut := strings.Cut(text, "   "); cut {
		text = before
	}
	var out []string
	for word := range strings.FieldsSeq(text) {
		if slices.Contains([]string{"lists", "writes", "judges", "without"}, word) {
			break
		}
		done := strings.HasSuffix(word, ".") || strings.HasSuffix(word, ":")
		out = append(out, strings.TrimRight(word, ".:"))
		if done || word == "exits" {
			break
		}
	}
	if n := len(out); n > 0 && out[n-1] == "exits" {
		out = out[:n-1]
	}
	return out
}

func parses(t *testing.T, args []string) {
	t.Helper()
	root := newRoot(session.New(genericiooptions.NewTestIOStreamsDiscard(), session.Environment{}, session.Clients{}), "kubectl-kpo")
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root {
		t.Errorf("%q: no such command: %v", args, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", args, err)
		return
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		t.Errorf("%q: %v", args, err)
	}
}

func TestCommandsHaveHelp(t *testing.T) {
	root := newRoot(session.New(genericiooptions.NewTestIOStreamsDiscard(), session.Environment{}, session.Clients{}), "kpo")
	for _, cmd := range root.Commands() {
		if cmd.Short == "" || cmd.GroupID == "" || cmd.RunE == nil && cmd.Name() != "help" {
			t.Errorf("%s: short %q, group %q", cmd.Name(), cmd.Short, cmd.GroupID)
		}
		for example := range strings.Lines(cmd.Example) {
			if _, after, ok := strings.Cut(example, "kubectl kpo "); ok {
				parses(t, strings.Fields(strings.Split(strings.Split(after, " >")[0], " '")[0]))
			}
		}
	}
}

func TestRootHelpSaysWhereToStart(t *testing.T) {
	if got := kpo(t, session.Environment{}); got.code != exitHealthy || !strings.Contains(got.stdout, "Start here: kubectl kpo doctor") {
		t.Errorf("%+v", got)
	}
}
