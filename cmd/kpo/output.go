package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Formats for people; the others are those of cli-runtime.
const (
	formatTable = "table"
	formatText  = "text"
	formatShort = "short"
	formatWide  = "wide"
	// formatName is one of cli-runtime's, which makes up a name of a kind that no API server has.
	formatName = "name"
)

// output is the flag -o and its friends.
type output struct {
	format    string
	human     []string
	noHeaders bool
	sortBy    string
	// columns are what --sort-by takes.
	columns  []string
	printers *genericclioptions.PrintFlags
}

// addOutput gives a command -o; the first human format is the default.
func addOutput(cmd *cobra.Command, human ...string) *output {
	o := &output{human: human, printers: genericclioptions.NewPrintFlags("")}
	cmd.Flags().StringVarP(&o.format, "output", "o", human[0], "Output format: "+strings.Join(o.formats(), ", ")+".")
	template := new(string)
	o.printers.TemplatePrinterFlags.TemplateArgument = template
	cmd.Flags().StringVar(template, "template", "", "Template for -o go-template and the like.")
	complete(cmd, "output", append(slices.Clone(human), "json", "yaml", "name", "jsonpath="))
	// A mistake in the flags must not cost the time of reading everything.
	cmd.PreRunE = func(*cobra.Command, []string) error { return o.check() }
	return o
}

// addTable gives a command -o and what goes with a table of these columns.
func addTable(cmd *cobra.Command, columns []string) *output {
	o := addOutput(cmd, formatTable, formatWide)
	o.columns = columns
	cmd.Flags().BoolVar(&o.noHeaders, "no-headers", false, "Print the rows only.")
	cmd.Flags().StringVar(&o.sortBy, "sort-by", "", "Sort by the value of this column: "+strings.Join(columns, ", ")+".")
	complete(cmd, "sort-by", columns)
	return o
}

func complete(cmd *cobra.Command, flag string, words []string) {
	fixed := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(flag, fixed) // the flag is there
}

func (o *output) formats() []string {
	return append(slices.Clone(o.human), o.printers.AllowedFormats()...)
}

// check refuses formats and columns that do not exist.
func (o *output) check() error {
	if o.sortBy != "" && !slices.Contains(o.columns, strings.ToLower(o.sortBy)) {
		return usage(hint(fmt.Errorf("--sort-by %q: no such column", o.sortBy), "there are "+strings.Join(o.columns, ", ")))
	}
	if o.forPeople() || o.format == formatName {
		return nil
	}
	_, err := o.printer()
	return usage(err)
}

// forPeople reports whether the output is not for machines.
func (o *output) forPeople() bool { return slices.Contains(o.human, o.format) }

// unstructuredObject is an object of kpo's own contract.
type unstructuredObject = unstructured.Unstructured

// printAll prints values as objects of one kind: a list, also of one element or none. Who reads it must not care how
// many there are.
func printAll[T any](a *app, o *output, kind string, values []T, named func(T) name) error {
	if o.format == formatName {
		all := make([]name, len(values))
		for i, value := range values {
			all[i] = named(value)
		}
		printNames(a.streams.Out, all)
		return nil
	}
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, value := range values {
		obj, err := object(kind, named(value).name, value)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, *obj)
	}
	return o.print(a.streams.Out, list)
}

func (o *output) print(to io.Writer, obj runtime.Object) error {
	printer, err := o.printer()
	if err != nil {
		return err
	}
	return printer.PrintObj(obj, to)
}

func (o *output) printer() (printers.ResourcePrinter, error) {
	o.printers.OutputFormat = &o.format
	printer, err := o.printers.ToPrinter()
	if err == nil {
		return printer, nil
	}
	if genericclioptions.IsNoCompatiblePrinterError(err) {
		err = errors.New("no such format")
	}
	return nil, hint(fmt.Errorf("-o %s: %w", o.format, err), "there are "+strings.Join(o.formats(), ", "))
}

// object makes an object of kpo's contract of any value.
func object(kind, name string, value any) (*unstructuredObject, error) {
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
	return &unstructuredObject{Object: content}, nil
}
