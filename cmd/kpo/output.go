package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
)

// Formats for people; the others are those of cli-runtime.
const (
	formatTable = "table"
	formatText  = "text"
	formatShort = "short"
	formatWide  = "wide"
)

// output is the flag -o and its friends.
type output struct {
	format    string
	human     []string
	noHeaders bool
	sortBy    string
	printers  *genericclioptions.PrintFlags
}

// addOutput gives a command -o; the first human format is the default.
func addOutput(cmd *cobra.Command, human ...string) *output {
	o := &output{human: human, printers: genericclioptions.NewPrintFlags("")}
	cmd.PreRunE = o.check
	cmd.Flags().StringVarP(&o.format, "output", "o", human[0], "Output format: "+strings.Join(append(slices.Clone(human), o.printers.AllowedFormats()...), ", ")+".")
	o.printers.TemplatePrinterFlags.TemplateArgument = new(string)
	cmd.Flags().StringVar(o.printers.TemplatePrinterFlags.TemplateArgument, "template", "", "Template for -o go-template and the like.")
	words := append(slices.Clone(human), "json", "yaml", "name", "jsonpath=")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	if human[0] == formatTable {
		cmd.Flags().BoolVar(&o.noHeaders, "no-headers", false, "Leave the header out.")
		cmd.Flags().StringVar(&o.sortBy, "sort-by", "", "Sort by this column.")
	}
	return o
}

// forPeople reports whether the output is not for machines.
func (o *output) forPeople() bool { return slices.Contains(o.human, o.format) }

// unstructuredObject is an object of kpo's own contract.
type unstructuredObject = unstructured.Unstructured

// printList prints a list for machines, also of one element or none: who reads it must not care how many there are.
func (o *output) printList(to io.Writer, objects []*unstructuredObject) error {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, obj := range objects {
		list.Items = append(list.Items, *obj)
	}
	return o.print(to, list)
}

func (o *output) print(to io.Writer, obj runtime.Object) error {
	printer, err := o.printer()
	if err != nil {
		return err
	}
	return printer.PrintObj(obj, to)
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
	content["apiVersion"], content["kind"] = fleet.APIVersion, kind
	content["metadata"] = map[string]any{"name": name}
	return &unstructuredObject{Object: content}, nil
}

// scope prints what is looked at above a table for people. Scripts leave it out with --no-headers.
func (a *app) scope(t *render.Theme, s *fleet.Snapshot) {
	if !t.NoHeaders {
		fmt.Fprintln(a.streams.Out, render.Wrap(t.Scope(s), t.Width, 2))
	}
}

// table prints rows for people, and says what the screen had no room for.
func (a *app) table(t *render.Theme, o *output, columns []render.Column, rows [][]render.Cell) error {
	if o.sortBy != "" {
		if err := render.SortBy(columns, rows, o.sortBy); err != nil {
			return err
		}
	}
	if hidden := t.Table(a.streams.Out, columns, rows); hidden > 0 {
		fmt.Fprintf(a.streams.ErrOut, "(%s hidden, -o wide)\n", render.Count(hidden, "column"))
	}
	return nil
}
