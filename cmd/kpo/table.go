package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// column is one column of a table of values.
type column[T any] struct {
	render.Column

	cell func(T) render.Cell
	// order is what the rows are sorted by, +Inf for what is not known; nil sorts by the text of the cell.
	order func(T) float64
}

// text is a column of texts.
func text[T any](c render.Column, of func(T) string) column[T] {
	return column[T]{Column: c, cell: func(value T) render.Cell { return render.Cell{Text: of(value)} }}
}

// by is the column sorted by a number.
func (c column[T]) by(order func(T) float64) column[T] {
	c.order = order
	return c
}

// names are what --sort-by takes.
func names[T any](columns []column[T]) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = strings.ToLower(c.Name)
	}
	return out
}

// sorted orders the values as --sort-by wants them: for machines as for people.
func sorted[T any](o *output, columns []column[T], values []T) {
	i := slices.Index(o.columns, strings.ToLower(o.sortBy))
	if i < 0 {
		return
	}
	c := columns[i]
	slices.SortStableFunc(values, func(x, y T) int {
		if c.order != nil {
			return cmp.Compare(c.order(x), c.order(y))
		}
		return cmp.Compare(c.cell(x).Text, c.cell(y).Text)
	})
}

// table prints values for people, and says what the screen had no room for.
func table[T any](a *app, t *render.Theme, columns []column[T], values []T) {
	heads := make([]render.Column, len(columns))
	for i, c := range columns {
		heads[i] = c.Column
	}
	rows := make([][]render.Cell, len(values))
	for i, value := range values {
		rows[i] = make([]render.Cell, len(columns))
		for k, c := range columns {
			rows[i][k] = c.cell(value)
		}
	}
	if hidden := t.Table(a.streams.Out, heads, rows); hidden > 0 {
		fmt.Fprintf(a.streams.ErrOut, "(%s hidden, -o wide)\n", render.Count(hidden, "column"))
	}
}

// scope prints what is looked at above a table for people. Scripts leave it out with --no-headers.
func (a *app) scope(t *render.Theme, s *snapshot.Snapshot) {
	if !t.NoHeaders {
		fmt.Fprintln(a.streams.Out, t.Scope(s))
	}
}

// remark prints what belongs to a table and is no row. With --no-headers, which scripts use, only rows are on
// stdout.
func (a *app) remark(t *render.Theme, parts ...string) {
	to := a.streams.Out
	if t.NoHeaders {
		to = a.streams.ErrOut
	}
	fmt.Fprintln(to, render.Bar(t.Width, parts...))
}

// youngestFirst sorts by age.
func youngestFirst(created time.Time) float64 {
	if created.IsZero() {
		return math.Inf(1)
	}
	return -float64(created.Unix())
}
