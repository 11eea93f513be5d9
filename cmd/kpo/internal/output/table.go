package output

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

// Column is one column of a table of values.
type Column[T any] struct {
	render.Column

	Cell func(T) render.Cell
	// order is what the rows are sorted by, +Inf for what is not known; nil sorts by the text of the cell.
	order func(T) float64
}

// Text is a column of texts.
func Text[T any](c render.Column, of func(T) string) Column[T] {
	return Column[T]{Column: c, Cell: func(value T) render.Cell { return render.Cell{Text: of(value)} }}
}

// By is the column sorted by a number.
func (c Column[T]) By(order func(T) float64) Column[T] {
	c.order = order
	return c
}

// Names are what --sort-by takes.
func Names[T any](columns []Column[T]) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = strings.ToLower(c.Name)
	}
	return out
}

// Sort orders the values as --sort-by wants them: for machines as for people.
func Sort[T any](o *Output, columns []Column[T], values []T) {
	i := slices.Index(o.columns, strings.ToLower(o.SortBy))
	if i < 0 {
		return
	}
	c := columns[i]
	slices.SortStableFunc(values, func(x, y T) int {
		if c.order != nil {
			return cmp.Compare(c.order(x), c.order(y))
		}
		return cmp.Compare(c.Cell(x).Text, c.Cell(y).Text)
	})
}

// Table prints values for people, and says what the screen had no room for.
func Table[T any](o *Output, t *render.Theme, columns []Column[T], values []T) {
	heads := make([]render.Column, len(columns))
	for i, c := range columns {
		heads[i] = c.Column
	}
	rows := make([][]render.Cell, len(values))
	for i, value := range values {
		rows[i] = make([]render.Cell, len(columns))
		for k, c := range columns {
			rows[i][k] = c.Cell(value)
		}
	}
	if hidden := t.Table(o.session.Streams.Out, heads, rows); hidden > 0 {
		fmt.Fprintf(o.session.Streams.ErrOut, "(%s hidden, -o wide)\n", render.Count(hidden, "column"))
	}
}

// Scope prints what is looked at above a table for people. Scripts leave it out with --no-headers.
func (o *Output) Scope(t *render.Theme, s *snapshot.Snapshot) {
	if !t.NoHeaders {
		fmt.Fprintln(o.session.Streams.Out, t.Scope(s))
	}
}

// Remark prints what belongs to a table and is no row. With --no-headers, which scripts use, only rows are on
// stdout.
func (o *Output) Remark(t *render.Theme, parts ...string) {
	to := o.session.Streams.Out
	if t.NoHeaders {
		to = o.session.Streams.ErrOut
	}
	fmt.Fprintln(to, render.Bar(t.Width, parts...))
}

// YoungestFirst sorts by age.
func YoungestFirst(created time.Time) float64 {
	if created.IsZero() {
		return math.Inf(1)
	}
	return -float64(created.Unix())
}

// Number is a value to sort by, last where it is not known.
func Number[N int | int64 | float64](value *N) float64 {
	if value == nil {
		return math.Inf(1)
	}
	return float64(*value)
}
