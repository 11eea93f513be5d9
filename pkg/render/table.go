package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
	widths, hidden := t.plan(columns, rows)
	if !t.NoHeaders {
		header := make([]Cell, len(columns))
		for i, column := range columns {
			header[i] = Cell{Text: column.Name}
		}
		t.row(to, columns, widths, header)
	}
	for _, row := range rows {
		t.row(to, columns, widths, row)
	}
	return hidden
}

// plan decides the width of each column, -1 for one that is not shown. First columns shrink, then they go.
func (t *Theme) plan(columns []Column, rows [][]Cell) ([]int, int) {
	widths := make([]int, len(columns))
	for i, column := range columns {
		widths[i] = lipgloss.Width(column.Name)
		if column.Wide && !t.Wide {
			widths[i] = -1
			continue
		}
		for _, row := range rows {
			widths[i] = max(widths[i], lipgloss.Width(row[i].Text))
		}
	}
	if t.Width <= 0 || t.Wide {
		return widths, 0
	}
	hidden := 0
	for total(widths) > t.Width {
		if shrink(columns, widths, total(widths)-t.Width) {
			continue
		}
		victim := dropped(columns, widths)
		if victim < 0 {
			break
		}
		widths[victim] = -1
		hidden++
	}
	return widths, hidden
}

func total(widths []int) int {
	sum := -gap
	for _, width := range widths {
		if width >= 0 {
			sum += width + gap
		}
	}
	return sum
}

// shrink takes from the column that has most above its minimum, and is false when none has enough together.
func shrink(columns []Column, widths []int, over int) bool {
	room, widest := 0, -1
	for i, column := range columns {
		if spare := widths[i] - column.Min; widths[i] >= 0 && column.Min > 0 && spare > 0 {
			room += spare
			if widest < 0 || spare > widths[widest]-columns[widest].Min {
				widest = i
			}
		}
	}
	if room < over {
		return false
	}
	widths[widest]--
	return true
}

// dropped returns the column to leave out next, -1 when all that is left must stay.
func dropped(columns []Column, widths []int) int {
	victim := -1
	for i, column := range columns {
		if widths[i] >= 0 && column.Drop > 0 && (victim < 0 || column.Drop > columns[victim].Drop) {
			victim = i
		}
	}
	return victim
}

func (t *Theme) row(to io.Writer, columns []Column, widths []int, row []Cell) {
	var line strings.Builder
	space := ""
	for i, cell := range row {
		if widths[i] < 0 {
			continue
		}
		text := cut(dash(cell.Text), widths[i])
		padding := strings.Repeat(" ", max(0, widths[i]-lipgloss.Width(text)))
		if cell.Marked {
			text = t.Paint(cell.Mark, text)
		}
		line.WriteString(space)
		if columns[i].Right {
			line.WriteString(padding + text)
			space = strings.Repeat(" ", gap)
		} else {
			line.WriteString(text)
			space = padding + strings.Repeat(" ", gap)
		}
	}
	fmt.Fprintln(to, strings.TrimRight(line.String(), " "))
}

// cut shortens text to a width.
func cut(text string, width int) string {
	if lipgloss.Width(text) <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && lipgloss.Width(string(runes)) > width-1 {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// SortBy orders rows by the texts of a column, which is found by its name.
func SortBy(columns []Column, rows [][]Cell, name string) error {
	i := slices.IndexFunc(columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		names := make([]string, len(columns))
		for k, column := range columns {
			names[k] = strings.ToLower(column.Name)
		}
		return fmt.Errorf("no column %q to sort by, there are %s", name, strings.Join(names, ", "))
	}
	slices.SortStableFunc(rows, func(a, b []Cell) int { return cmp.Compare(a[i].Text, b[i].Text) })
	return nil
}
