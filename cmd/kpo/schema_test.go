package main

import (
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/console"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/doctor"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/nodes"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/orphans"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/timeline"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/types"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/versions"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
)

// TestDocumentsNameEachFieldForMachines compares docs/kpo.md with what the commands encode: the page is the contract.
func TestDocumentsNameEachFieldForMachines(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "kpo.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, page2, found := strings.Cut(string(page), "\n## Output for machines\n")
	if !found {
		t.Fatal("docs/kpo.md has no such section")
	}
	section, _, _ := strings.Cut(page2, "\n## ")
	documented := map[string][]string{}
	kind := ""
	for line := range strings.Lines(section) {
		if match := regexp.MustCompile("^### .*`([A-Za-z]+)`$").FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			kind = match[1]
		}
		if match := regexp.MustCompile("^\\| `([^`]+)` \\| ([a-z ]+) \\| .+ \\|$").FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			documented[kind] = append(documented[kind], match[1]+" "+match[2])
		}
	}
	encoded := map[string][]string{}
	for kind, value := range map[string]any{
		"Report": doctor.JSON{}, "Machine": nodes.Row{}, "Leftover": orphans.Leftover{}, "TagDifference": tags.Diff{}, "Timeline": timeline.Stages{},
		"InstanceType": types.Row{}, "Console": console.JSON{}, "Version": versions.Versions{},
	} {
		encoded[kind] = fieldsOf(reflect.TypeOf(value), "")
		slices.Sort(encoded[kind])
		slices.Sort(documented[kind])
	}
	if diff := cmp.Diff(encoded, documented); diff != "" {
		t.Errorf("docs/kpo.md (-encoded +documented):\n%s", diff)
	}
}

// fieldsOf lists the paths and types that encoding/json makes of a type. What a bundle holds is not described here.
func fieldsOf(of reflect.Type, prefix string) []string {
	var out []string
	seen := map[string]bool{}
	var embedded []reflect.Type
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			embedded = append(embedded, field.Type)
		case field.IsExported() && name != "-":
			seen[name] = true
			out = append(out, describe(field.Type, prefix+name)...)
		}
	}
	for _, inner := range embedded {
		for _, path := range fieldsOf(inner, prefix) {
			name := strings.TrimPrefix(path, prefix)
			if !seen[name[:strings.IndexAny(name, " .[")]] { // a field of the outer type hides it
				out = append(out, path)
			}
		}
	}
	return out
}

func describe(of reflect.Type, path string) []string {
	switch {
	case of == reflect.TypeFor[*struct{}]():
		return nil // only hides a field
	case of == reflect.TypeFor[time.Time]():
		return []string{path + " time"}
	case of.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return []string{path + " string"}
	case path == "cluster":
		return []string{path + " object"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return describe(of.Elem(), path)
	case reflect.Struct:
		return fieldsOf(of, path+".")
	case reflect.Slice:
		if of.Elem().Kind() == reflect.String {
			return []string{path + " list of strings"}
		}
		return describe(of.Elem(), path+"[]")
	case reflect.Map:
		return describe(of.Elem(), path+".*")
	case reflect.String:
		return []string{path + " string"}
	case reflect.Bool:
		return []string{path + " boolean"}
	case reflect.Float64:
		return []string{path + " number"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if of == reflect.TypeFor[time.Duration]() {
			return []string{path + " nanoseconds, which a reader takes for seconds"}
		}
		return []string{path + " integer"}
	default:
		return []string{fmt.Sprintf("%s %s", path, of)}
	}
}
