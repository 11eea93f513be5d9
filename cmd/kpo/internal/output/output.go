// Package output prints values as -o says: tables for people, objects of kpo's contract for machines.
package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Formats for people; the others are those of cli-runtime.
const (
	FormatTable = "table"
	FormatText  = "text"
	FormatShort = "short"
	FormatWide  = "wide"
	// FormatName is one of cli-runtime's, which makes up a name of a kind that no API server has.
	FormatName = "name"
)

// Output is the flag -o and its friends.
type Output struct {
	Format string
	SortBy string

	session   *session.Session
	human     []string
	noHeaders bool
	// columns are what --sort-by takes.
	columns  []string
	printers *genericclioptions.PrintFlags
}

// Add gives a command -o; the first human format is the default.
func Add(a *session.Session, cmd *cobra.Command, human ...string) *Output {
	o := &Output{session: a, human: human, printers: genericclioptions.NewPrintFlags("")}
	cmd.Flags().StringVarP(&o.Format, "output", "o", human[0], "Output format: "+strings.Join(o.formats(), ", ")+".")
	template := new(string)
	o.printers.TemplatePrinterFlags.TemplateArgument = template
	cmd.Flags().StringVar(template, "template", "", "Template for -o go-template and the like.")
	complete(cmd, "output", append(slices.Clone(human), "json", "yaml", "name", "jsonpath="))
	// A mistake in the flags must not cost the time of reading everything.
	cmd.PreRunE = func(*cobra.Command, []string) error { return o.check() }
	return o
}

// AddTable gives a command -o and what goes with a table of these columns.
func AddTable(a *session.Session, cmd *cobra.Command, columns []string) *Output {
	o := Add(a, cmd, FormatTable, FormatWide)
	o.columns = columns
	cmd.Flags().BoolVar(&o.noHeaders, "no-headers", false, "Print the rows only.")
	cmd.Flags().StringVar(&o.SortBy, "sort-by", "", "Sort by the value of this column: "+strings.Join(columns, ", ")+".")
	complete(cmd, "sort-by", columns)
	return o
}

func complete(cmd *cobra.Command, flag string, words []string) {
	fixed := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(flag, fixed) // the flag is there
}

func (o *Output) formats() []string {
	return append(slices.Clone(o.human), o.printers.AllowedFormats()...)
}

// Theme is how the command prints for people.
func (o *Output) Theme(s *snapshot.Snapshot) *render.Theme {
	return o.session.Theme(s, render.Options{Wide: o.Format == FormatWide, NoHeaders: o.noHeaders})
}

// check refuses formats and columns that do not exist.
func (o *Output) check() error {
	if o.SortBy != "" && !slices.Contains(o.columns, strings.ToLower(o.SortBy)) {
		return cli.Usage(cli.Hint(fmt.Errorf("--sort-by %q: no such column", o.SortBy), "there are "+strings.Join(o.columns, ", ")))
	}
	if o.ForPeople() || o.Format == FormatName {
		return nil
	}
	_, err := o.printer()
	return cli.Usage(err)
}

// ForPeople reports whether the output is not for machines.
func (o *Output) ForPeople() bool { return slices.Contains(o.human, o.Format) }

// PrintAll prints values as objects of one kind: a list, also of one element or none. Who reads it must not care how
// many there are.
func PrintAll[T any](o *Output, kind string, values []T, named func(T) Name) error {
	if o.Format == FormatName {
		all := make([]Name, len(values))
		for i, value := range values {
			all[i] = named(value)
		}
		o.Names(all)
		return nil
	}
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, value := range values {
		obj, err := Object(kind, named(value).name, value)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, *obj)
	}
	return o.Print(list)
}

// Print prints one object for machines.
func (o *Output) Print(obj runtime.Object) error {
	printer, err := o.printer()
	if err != nil {
		return err
	}
	return printer.PrintObj(obj, o.session.Streams.Out)
}

func (o *Output) printer() (printers.ResourcePrinter, error) {
	o.printers.OutputFormat = &o.Format
	printer, err := o.printers.ToPrinter()
	if err == nil {
		return printer, nil
	}
	if genericclioptions.IsNoCompatiblePrinterError(err) {
		err = errors.New("no such format")
	}
	return nil, cli.Hint(fmt.Errorf("-o %s: %w", o.Format, err), "there are "+strings.Join(o.formats(), ", "))
}

// Object makes an object of kpo's contract of any value.
func Object(kind, name string, value any) (*unstructured.Unstructured, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encoding a %s: %w", kind, err)
	}
	content := map[string]any{}
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("encoding a %s: %w", kind, err)
	}
	content["apiVersion"], content["kind"] = snapshot.APIVersion, kind
	content["metadata"] = map[string]any{"name": name}
	return &unstructured.Unstructured{Object: content}, nil
}
