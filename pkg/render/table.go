package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
)

const gap = 2

// Column is one column of a table.
type Column struct {
	Name string
	// Min is how narrow the column may become; 0 is never cut: what identifies a thing must stay copyable.
	Min int
	// Drop says how early the column goes when the screen is narrow: 0 never, 1 last.
	Drop int
	// Flow is free text, in the last column. It wraps, and never goes: it says what the row is worth looking at for.
	Flow bool
	// Wide columns are shown with -o wide only.
	Wide bool
	// Right aligns numbers.
	Right bool
}

// Cell is one field of a row; the mark colours it.
type Cell struct {
	Text string
	Mark Mark
	// Marked reports whether the mark counts.
	Marked bool
}

// Plain makes cells of texts.
func Plain(texts ...string) []Cell {
	out := make([]Cell, len(texts))
	for i, text := range texts {
		out[i] = Cell{Text: text}
	}
	return out
}

// Marked makes a cell that is coloured.
func Marked(mark Mark, text string) Cell { return Cell{Text: text, Mark: mark, Marked: true} }

// Table prints rows and returns how many columns the width had no room for.
func (t *Theme) Table(to io.Writer, columns []Column, rows [][]Cell) int {
	clean := make([][]Cell, len(rows))
	for i, row := range rows {
		clean[i] = make([]Cell, len(row))
		for k, cell := range row {
			cell.Text = t.Text(cell.Text)
			clean[i][k] = cell
		}
	}
	l := t.plan(columns, clean)
	if !t.NoHeaders {
		header := make([]Cell, len(columns))
		for i, column := range columns {
			header[i] = Cell{Text: column.Name}
		}
		t.row(to, l, header, "")
	}
	for _, row := range clean {
		below := ""
		if l.below {
			below = row[l.flow].Text
		}
		t.row(to, l, row, below)
	}
	return l.hidden
}

// row prints one row, and below it the text that has no column.
func (t *Theme) row(to io.Writer, l layout, row []Cell, below string) {
	var line strings.Builder
	var more []string
	space, at := "", 0
	for i, cell := range row {
		if l.widths[i] < 0 {
			continue
		}
		text := dash(cell.Text)
		if l.columns[i].Flow && lipgloss.Width(text) > l.widths[i] {
			lines := t.flow(text, l.widths[i])
			text, more = lines[0], lines[1:]
		}
		text = t.cut(text, l.widths[i])
		padding := strings.Repeat(" ", max(0, l.widths[i]-lipgloss.Width(text)))
		if cell.Marked {
			text = t.Paint(cell.Mark, text)
		}
		line.WriteString(space)
		space = strings.Repeat(" ", gap)
		if l.columns[i].Right {
			line.WriteString(padding + text)
		} else {
			line.WriteString(text)
			space = padding + space
		}
		if !l.columns[i].Flow {
			at += l.widths[i] + gap
		}
	}
	fmt.Fprintln(to, strings.TrimRight(line.String(), " "))
	for _, text := range more {
		fmt.Fprintln(to, strings.Repeat(" ", at)+text)
	}
	if below != "" {
		t.below(to, below)
	}
}

// below prints text that has no column below its row.
func (t *Theme) below(to io.Writer, text string) {
	const indent = 4
	for _, line := range t.flow(text, max(1, t.Width-indent)) {
		fmt.Fprintln(to, strings.Repeat(" ", indent)+line)
	}
}

// flow breaks a text at spaces. A word that is wider than the column is cut: a row must not run over the edge.
func (t *Theme) flow(text string, width int) []string {
	lines := lines(text, width)
	for i := range lines {
		lines[i] = t.cut(lines[i], width)
	}
	return lines
}

// cut shortens text to a width.
func (t *Theme) cut(text string, width int) string {
	if lipgloss.Width(text) <= width {
		return text
	}
	dots := "…"
	if t.ASCII {
		dots = "..."
	}
	runes := []rune(text)
	for len(runes) > 0 && lipgloss.Width(string(runes)) > width-lipgloss.Width(dots) {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + dots
}
