package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
)

// hostile clears the screen, paints it green, renames the window and turns the text around.
const hostile = "\x1b[2J\x1b[32m\x1b]0;pwned\a\u009b31m\u202e\r"

// poisoned adds the hostile text to every text of a bundle for which want is true, and to the keys of maps of others'.
func poisoned(value any, path string, want func(path string) bool) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range value {
			if last := path[strings.LastIndexByte(path, '/')+1:]; slices.Contains([]string{"tags", "labels", "annotations"}, last) {
				out[key+hostile] = inner
			}
			out[key] = poisoned(inner, path+"/"+key, want)
		}
		return out
	case []any:
		for i := range value {
			value[i] = poisoned(value[i], path, want)
		}
		return value
	case string:
		_, noQuantity := resource.ParseQuantity(value)
		_, noTime := time.Parse(time.RFC3339, value)
		if noQuantity != nil && noTime != nil && path != "/apiVersion" && path != "/kind" && want(path) {
			return value + hostile
		}
		return value
	default:
		return value
	}
}

// controls returns the first character that can take over a terminal.
func controls(text string) string {
	for i, r := range text {
		bidi := r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
		if unicode.IsControl(r) && r != '\n' && r != '\t' || bidi {
			return fmt.Sprintf("%q in %q", r, text[max(0, i-60):min(len(text), i+20)])
		}
	}
	return ""
}

func TestHostileTextNeverReachesTheTerminal(t *testing.T) {
	text := func(path string) bool {
		for _, end := range []string{"/message", "/reason", "/stateReason", "/why", "/tags/Name", "/osImage", "/region", "/context", "/from", "/image"} {
			if strings.HasSuffix(path, end) {
				return true
			}
		}
		return strings.HasPrefix(path, "/consoles/")
	}
	names := func(path string) bool {
		return text(path) || strings.HasSuffix(path, "/name") || strings.HasSuffix(path, "/namespace") || strings.HasSuffix(path, "/nodeName")
	}
	everything := func(string) bool { return true }
	for fixture, want := range map[string]func(string) bool{"text": text, "names": names, "everything": everything} {
		for _, file := range []string{"sleepless.json", "healthy.json"} {
			content, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			var raw any
			if err := json.Unmarshal(content, &raw); err != nil {
				t.Fatal(err)
			}
			if content, err = json.Marshal(poisoned(raw, "", want)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, line := range everyForm() {
				got := kpo(t, session.Environment{UTF8: true, Columns: 100}, append(line, "--from", path)...)
				if found := controls(got.stdout + got.stderr); found != "" {
					t.Errorf("%s of %s: kpo %q prints %s", fixture, file, line, found)
				}
			}
		}
	}
}

// everyForm are all commands that read, in all forms.
func everyForm() [][]string {
	var out [][]string
	for _, command := range []string{"doctor", "nodes", "tags", "timeline", "orphans", "types", "version", "console default-0xk2p"} {
		for _, format := range []string{"", "-o wide", "-o short", "-o json", "-o yaml", "-o name", "-o jsonpath={}"} {
			out = append(out, strings.Fields(command+" "+format))
		}
	}
	for _, line := range []string{
		"doctor default-0xk2p", "doctor default", "console default-0xk2p --tail 5", "console default-0xk2p --grep .", "console 10.0.0.2", "bundle --file -",
		"types --all", "orphans --delete", "orphans i-00000005", "nodes default", "doctor nosuch",
	} {
		out = append(out, strings.Fields(line))
	}
	return append(out, []string{"doctor", "nosuch" + hostile}, []string{"nosuch" + hostile}, []string{"nodes", "-o", hostile}, []string{"explain", hostile})
}

func TestHostileErrorsAreCleanedToo(t *testing.T) {
	c := session.Clients{
		Kube: func(genericclioptions.RESTClientGetter) (client.Client, error) {
			return nil, cli.Hint(errors.New("no cluster "+hostile), "try "+hostile)
		},
		Cloud: func(session.CloudFlags) (*session.Account, error) { return nil, errors.New("no account " + hostile) },
		Now:   time.Now,
	}
	for _, line := range everyForm() {
		got := runWith(t, session.Environment{}, c, "", line...)
		if found := controls(got.stdout + got.stderr); found != "" {
			t.Errorf("kpo %q prints %s", line, found)
		}
	}
	l := newLive(t)
	l.clients.Cloud = c.Cloud
	l.clients.Server = func(genericclioptions.RESTClientGetter) (string, error) {
		return "v1" + hostile, errors.New("no version " + hostile)
	}
	for _, line := range everyForm() {
		got := l.kpo(t, "", line...)
		if found := controls(got.stdout + got.stderr); found != "" {
			t.Errorf("without an account, kpo %q prints %s", line, found)
		}
	}
}
