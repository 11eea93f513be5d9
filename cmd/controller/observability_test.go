package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// metricNames are the metrics that this binary can show: those of its packages and of core, and those of values that run
// makes.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	made := prometheus.NewRegistry()
	if _, err := oapi.New(osc.NewConfiguration(), osc.AWSv4{AccessKey: "A", SecretKey: "S"}, oapi.DefaultOptions("test"), made); err != nil {
		t.Fatal(err)
	}
	made.MustRegister(vm.NewProvider(nil, vm.Cluster{}, vm.Options{}, time.Now), availability.New(time.Now))
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		for _, registry := range []any{made, crmetrics.Registry} {
			if collector, ok := registry.(prometheus.Collector); ok {
				collector.Describe(descs)
			}
		}
	}()
	out := map[string]bool{}
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for desc := range descs {
		out[name.FindStringSubmatch(desc.String())[1]] = true
	}
	return out
}

// eventReasons are the reasons of the events of pkg: the constants of the ledger, and in the source of all else what a
// Reason field of an Event or the third argument of tell is.
func eventReasons(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, file := range sources(t, "../../pkg") {
		constants := constantsOf(file)
		if file.Name.Name == "ledger" {
			for _, reason := range reasonsOf(file) {
				out[reason] = true
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch reason := reasonIn(n).(type) {
			case *ast.BasicLit:
				if text, err := strconv.Unquote(reason.Value); err == nil {
					out[text] = true
				}
			case *ast.Ident:
				if text, ok := constants[reason.Name]; ok {
					out[text] = true
				}
			}
			return true
		})
	}
	return out
}

// reasonIn is the reason of the event that a node of the source emits, or nil.
func reasonIn(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if selector, ok := n.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "tell" && len(n.Args) > 2 {
			return n.Args[2]
		}
	case *ast.CompositeLit:
		if selector, ok := n.Type.(*ast.SelectorExpr); !ok || selector.Sel.Name != "Event" {
			return nil
		}
		for _, element := range n.Elts {
			if field, ok := element.(*ast.KeyValueExpr); ok && isNamed(field.Key, "Reason") {
				return field.Value
			}
		}
	}
	return nil
}

func isNamed(e ast.Expr, name string) bool {
	ident, ok := e.(*ast.Ident)
	return ok && ident.Name == name
}

func constantsOf(file *ast.File) map[string]string {
	return constantsWhere(file, func(ast.Expr) bool { return true })
}

// reasonsOf are the constants of the type Reason: the ledger has others.
func reasonsOf(file *ast.File) map[string]string {
	return constantsWhere(file, func(kind ast.Expr) bool { return kind != nil && isNamed(kind, "Reason") })
}

func constantsWhere(file *ast.File, wanted func(kind ast.Expr) bool) map[string]string {
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != len(spec.Names) || !wanted(spec.Type) {
			return true
		}
		for i, value := range spec.Values {
			if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				out[spec.Names[i].Name], _ = strconv.Unquote(literal.Value)
			}
		}
		return true
	})
	return out
}

func sources(t *testing.T, root string) []*ast.File {
	t.Helper()
	var out []*ast.File
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		out = append(out, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestObservabilityPageNamesEveryMetricAndEvent(t *testing.T) {
	page, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	metrics, events := metricNames(t), eventReasons(t)
	if len(metrics) < 50 || len(events) < 5 {
		t.Fatalf("found %d metrics and %d events: this test looks in the wrong place", len(metrics), len(events))
	}
	for name := range metrics {
		if strings.HasPrefix(name, "karpenter_outscale_") && !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("metric %s has no row", name)
		}
	}
	for reason := range events {
		if !strings.Contains(string(page), "| `"+reason+"` |") {
			t.Errorf("event %s has no row", reason)
		}
	}
	for _, name := range regexp.MustCompile(`\bkarpenter_[a-z_]+`).FindAllString(string(page), -1) {
		if !metrics[name] && !metrics[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("the page names %s, which the controller does not have", name)
		}
	}
	_, rest, _ := strings.Cut(string(page), "\n## Decisions and events\n")
	rows, _, _ := strings.Cut(rest, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(rows, -1) {
		if !events[row[1]] {
			t.Errorf("the page has event %s, which the controller does not emit", row[1])
		}
	}
}

func TestReliabilityPageNamesEveryCauseOfAnEnd(t *testing.T) {
	page, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n## Why did it end?\n")
	rows, _, _ := strings.Cut(rest, "\n## ")
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Za-z`, ]+`) \\|").FindAllStringSubmatch(rows, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			named[strings.Trim(name, "`")] = true
		}
	}
	for _, cause := range ledger.Causes() {
		if !named[string(cause)] {
			t.Errorf("cause %s has no row", cause)
		}
		delete(named, string(cause))
	}
	for name := range named {
		t.Errorf("the page has cause %s, which the ledger does not know", name)
	}
}
