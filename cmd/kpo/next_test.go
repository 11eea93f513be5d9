package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// kubectlVerb is a verb of kubectl that kpo suggests, with the flags that it has.
type kubectlVerb struct {
	flags  []string
	writes bool
}

func kubectlVerbs() map[string]kubectlVerb {
	return map[string]kubectlVerb{
		"get":      {[]string{"-n", "-o", "-A", "-l", "--field-selector"}, false},
		"describe": {[]string{"-n"}, false},
		"logs":     {[]string{"-n", "--previous"}, false},
		"delete":   {[]string{"-n"}, true},
		"annotate": {[]string{"-n"}, true},
		"drain":    {[]string{"--ignore-daemonsets", "--dry-run"}, true},
	}
}

// suggested are the problems of all checks, as the golden files of pkg/diagnose have them.
func suggested(t *testing.T) []diagnose.Problem {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "pkg", "diagnose", "testdata", "KPO*.json"))
	if err != nil || len(files) < len(diagnose.Rules()) {
		t.Fatalf("%d files for %d checks: %v", len(files), len(diagnose.Rules()), err)
	}
	var out []diagnose.Problem
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var problems []diagnose.Problem
		if err := json.Unmarshal(content, &problems); err != nil {
			t.Fatal(err)
		}
		out = append(out, problems...)
	}
	return out
}

func TestEverySuggestedCommandExists(t *testing.T) {
	for _, p := range suggested(t) {
		words := strings.Fields(p.Next)
		if len(words) < 2 || words[0] != "kubectl" {
			t.Errorf("%s: next %q is no command of kubectl", p.Check, p.Next)
			continue
		}
		if words[1] == "kpo" {
			if why := unknownToKpo(words[2:]); why != "" {
				t.Errorf("%s: next %q: %s", p.Check, p.Next, why)
			}
			if want := slices.Contains(words, "--delete") && !strings.Contains(p.Next, "--dry-run"); p.Writes != want {
				t.Errorf("%s: next %q: marked as a change %v", p.Check, p.Next, p.Writes)
			}
			continue
		}
		verb, ok := kubectlVerbs()[words[1]]
		if !ok {
			t.Errorf("%s: next %q: unknown verb", p.Check, p.Next)
		}
		for _, word := range words[2:] {
			if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(word, "-") && !slices.Contains(verb.flags, name) {
				t.Errorf("%s: next %q: unknown flag %s", p.Check, p.Next, word)
			}
		}
		if want := verb.writes && !strings.Contains(p.Next, "--dry-run"); p.Writes != want {
			t.Errorf("%s: next %q: marked as a change %v", p.Check, p.Next, p.Writes)
		}
	}
}

func TestEveryCommandOfKpoThatATextNamesExists(t *testing.T) {
	texts := map[string]string{}
	for _, p := range suggested(t) {
		texts["the fix of "+string(p.Check)] += p.Fix + "\n"
	}
	for _, check := range diagnose.Rules() {
		texts["the page of "+string(check.ID)] = check.Doc.String()
	}
	command := regexp.MustCompile(`kubectl kpo ([a-z]+(?: (?:--grep [a-z]+|--?[a-z][-a-z=]*|[A-Z]+))*)`)
	found := 0
	for name, text := range texts {
		for _, match := range command.FindAllStringSubmatch(text, -1) {
			found++
			if _, why := commandOf(strings.Fields(match[1])); why != "" {
				t.Errorf("%s: %q: %s", name, match[0], why)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d commands found", found)
	}
}

// unknownToKpo says what kpo's own tree of commands does not know of a command line, "" where it takes it.
func unknownToKpo(words []string) string {
	cmd, why := commandOf(words)
	if why != "" {
		return why
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err.Error()
	}
	return ""
}

// commandOf returns the command of a command line, and why there is none.
func commandOf(words []string) (*cobra.Command, string) {
	root := newRoot(session.New(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}, session.Environment{}, session.Clients{}), "kubectl-kpo")
	cmd, rest, err := root.Find(words)
	switch {
	case err != nil:
		return nil, err.Error()
	case cmd == root:
		return nil, "no command"
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return nil, err.Error()
	}
	return cmd, ""
}

func TestSuggestedChangesAreMarkedOnTheScreen(t *testing.T) {
	path := changed(t, func(s *snapshot.Snapshot) {
		stopFirst(s) // and nothing replaces it
		s.Machines()[0].Claim.Annotations = map[string]string{karpv1.DoNotRepairAnnotationKey: "true"}
	})
	for _, line := range []string{"doctor", "doctor -o short"} {
		got := kpo(t, session.Environment{}, append(strings.Fields(line), "--from", path)...)
		if !strings.Contains(got.stdout, "kubectl delete nodeclaim default-7xk2p  # changes the cluster") {
			t.Errorf("%s: %s", line, got.stdout)
		}
	}
	if got := kpo(t, session.Environment{}, "doctor", "--from", sleepless()); strings.Contains(got.stdout, "# changes the cluster") {
		t.Errorf("commands that only read are marked: %s", got.stdout)
	}
}
