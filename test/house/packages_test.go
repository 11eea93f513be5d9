package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/karpenter-outscale/karpenter-provider-outscale"

// goPackage is one package, without its tests.
type goPackage struct {
	path     string // below the module
	sentence string
	imports  []string // of this module
	lines    int      // generated files do not count
	exported []string // top-level names
	floor    int      // one above the highest package that it imports
}

// packages parses every package of the repository.
func packages(t *testing.T) map[string]*goPackage {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*goPackage{}
	for _, top := range []string{"cmd", "pkg", "test"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata":
				return fs.SkipDir
			case !entry.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				dir, err := filepath.Rel(root, filepath.Dir(path))
				if err != nil {
					return err
				}
				if out[dir] == nil {
					out[dir] = &goPackage{path: dir}
				}
				return out[dir].add(path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range out {
		setFloor(out, p)
	}
	return out
}

// add counts one file.
func (p *goPackage) add(path string) error {
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if sentence := new(doc.Package).Synopsis(file.Doc.Text()); sentence != "" {
		p.sentence = sentence
	}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if below, ok := strings.CutPrefix(path, module+"/"); ok && !slices.Contains(p.imports, below) {
			p.imports = append(p.imports, below)
		}
	}
	if !ast.IsGenerated(file) {
		p.lines += bytes.Count(source, []byte("\n"))
	}
	p.exported = append(p.exported, exportedNames(file)...)
	return nil
}

// exportedNames are the top-level ones: methods belong to their type.
func exportedNames(file *ast.File) []string {
	var out []string
	add := func(names ...*ast.Ident) {
		for _, name := range names {
			if name.IsExported() {
				out = append(out, name.Name)
			}
		}
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				add(decl.Name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					add(spec.Name)
				case *ast.ValueSpec:
					add(spec.Names...)
				}
			}
		}
	}
	return out
}

// setFloor is one floor above the highest import. The compiler refuses cycles.
func setFloor(all map[string]*goPackage, p *goPackage) int {
	if p.floor == 0 {
		p.floor = 1
		for _, name := range p.imports {
			if below := all[name]; below != nil {
				p.floor = max(p.floor, setFloor(all, below)+1)
			}
		}
	}
	return p.floor
}

func sorted(all map[string]*goPackage) []*goPackage {
	var out []*goPackage
	for _, path := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[path])
	}
	return out
}

// TestPackagesAreSmall reads the repository: a package is one subject, and small enough to be read in one sitting.
func TestPackagesAreSmall(t *testing.T) {
	for _, p := range sorted(packages(t)) {
		if why, ok := larger[p.path]; ok {
			if p.lines <= maxLines && len(p.exported) <= maxExported {
				t.Errorf("%s is within the limits: strike it from the exceptions (%s)", p.path, why)
			}
			continue
		}
		if p.lines > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it at a seam", p.path, p.lines, maxLines)
		}
		if len(p.exported) > maxExported {
			t.Errorf("%s exports %d names, more than %d: %s", p.path, len(p.exported), maxExported, p.exported)
		}
		if p.sentence == "" {
			t.Errorf("%s has no package comment", p.path)
		}
	}
}

// TestJudgesAndProductAreApart finds product code that imports the judges, and judges that import the product.
func TestJudgesAndProductAreApart(t *testing.T) {
	for _, p := range sorted(packages(t)) {
		for _, name := range p.imports {
			switch {
			case !strings.HasPrefix(p.path, "test/") && strings.HasPrefix(name, "test/"):
				t.Errorf("%s imports %s: the product does not know its tests", p.path, name)
			case slices.Contains(judges(), p.path) && strings.HasPrefix(name, "pkg/"):
				t.Errorf("%s imports %s: a judge follows the facts, not the product", p.path, name)
			}
		}
	}
}

func judges() []string { return []string{"test/oapitest", "test/machines"} }

// TestArchitectureShowsThePackages compares the table of docs/architecture.md. Write it anew with -update.
func TestArchitectureShowsThePackages(t *testing.T) {
	const path, begin, end = "../../docs/architecture.md", "<!-- packages -->\n", "<!-- /packages -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s lacks the marks %q and %q", path, begin, end)
	}
	want := before + begin + picture(packages(t)) + end + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the packages as they are: run go test ./test/house -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// picture draws the packages of the product, the highest floor first.
func picture(all map[string]*goPackage) string {
	var out strings.Builder
	list := sorted(all)
	slices.SortStableFunc(list, func(a, b *goPackage) int { return b.floor - a.floor })
	fmt.Fprint(&out, "\n| floor | package | what it is | stands on |\n|--:|---|---|---|\n")
	for _, p := range list {
		if strings.HasPrefix(p.path, "test/") {
			continue
		}
		slices.Sort(p.imports)
		var on []string
		for _, name := range p.imports {
			on = append(on, strings.TrimPrefix(name, "pkg/"))
		}
		sentence := p.sentence
		if _, after, ok := strings.Cut(sentence, "Package "+filepath.Base(p.path)+" "); ok {
			sentence = after
		}
		fmt.Fprintf(&out, "| %d | `%s` | %s | %s |\n", p.floor, p.path, strings.ReplaceAll(sentence, "|", "\\|"), strings.Join(on, ", "))
	}
	fmt.Fprintf(&out, "\nThe arrows point down only: Go refuses cycles, and the walls of `.golangci.yaml` refuse looks upward and sideways.\n\n")
	return out.String()
}
