package render

import (
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// easyFlow is the width of free text before another column goes for it, and widestWord that of a word which it makes
// room for.
const (
	easyFlow   = 28
	widestWord = 40
)

// layout is the width of each column, -1 for one that is not shown.
type layout struct {
	columns []Column
	widths  []int
	hidden  int
	// flow is the column of free text, -1 for none, and flowMin its smallest width.
	flow, flowMin int
	// below says that the free text goes below its row.
	below bool
}

// plan decides the width of each column. First columns shrink, then they go, the least telling first. Where free text
// has no room after that, it goes below its row. What identifies a thing stays whole, whatever the width.
func (t *Theme) plan(columns []Column, rows [][]Cell) layout {
	l := t.natural(columns, rows)
	if t.Width <= 0 || t.Wide {
		return l
	}
	below := l
	below.widths = slices.Clone(l.widths)
	l.fit(t.Width)
	if l.flow < 0 || l.total() <= t.Width {
		return l
	}
	below.below, below.widths[l.flow] = true, -1
	below.fit(t.Width)
	return below
}

// natural has each column as wide as its widest cell.
func (t *Theme) natural(columns []Column, rows [][]Cell) layout {
	l := layout{columns: columns, widths: make([]int, len(columns)), flow: -1, flowMin: easyFlow}
	for i, column := range columns {
		l.widths[i] = lipgloss.Width(column.Name)
		if column.Wide && !t.Wide {
			l.widths[i] = -1
			continue
		}
		for _, row := range rows {
			l.widths[i] = max(l.widths[i], lipgloss.Width(row[i].Text))
		}
		if !column.Flow {
			continue
		}
		l.flow = i
		for _, row := range rows {
			for word := range strings.FieldsSeq(row[i].Text) {
				l.flowMin = max(l.flowMin, min(widestWord, lipgloss.Width(word)))
			}
		}
	}
	return l
}

// fit makes the columns as narrow as the screen, as far as that is possible.
func (l *layout) fit(width int) {
	for l.total() > width {
		if l.shrink(l.total() - width) {
			continue
		}
		victim := l.victim()
		if victim < 0 {
			return
		}
		l.widths[victim] = -1
		l.hidden++
	}
}

func (l *layout) total() int {
	sum := -gap
	for _, width := range l.widths {
		if width >= 0 {
			sum += width + gap
		}
	}
	return sum
}

// spare is by how much a column can become narrower.
func (l *layout) spare(i int) int {
	floor := l.columns[i].Min
	if i == l.flow {
		floor = l.flowMin
	}
	if floor == 0 || l.widths[i] < 0 {
		return 0
	}
	return max(0, l.widths[i]-floor)
}

// shrink takes from the column that has most to spare, and is false when all together have not enough.
func (l *layout) shrink(over int) bool {
	room, widest := 0, 0
	for i := range l.widths {
		room += l.spare(i)
		if l.spare(i) > l.spare(widest) {
			widest = i
		}
	}
	if room < over {
		return false
	}
	l.widths[widest]--
	return true
}

// victim returns the column to leave out next, -1 when all that is left must stay.
func (l *layout) victim() int {
	victim := -1
	for i, column := range l.columns {
		if l.widths[i] >= 0 && column.Drop > 0 && (victim < 0 || column.Drop > l.columns[victim].Drop) {
			victim = i
		}
	}
	return victim
}
