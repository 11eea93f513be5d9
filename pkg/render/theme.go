// Package render prints tables and reports for people: widths, colours and symbols.
package render

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

// Options decide how something is printed; nothing is asked of the terminal.
type Options struct {
	// Width is that of the terminal, 0 for no limit.
	Width int
	Color bool
	// ASCII leaves symbols out: their words say the same.
	ASCII bool
	// Wide shows all columns and lists.
	Wide bool
	// NoHeaders leaves the header of a table out.
	NoHeaders bool
	Now       time.Time
}

// Mark is the kind of a line.
type Mark int

// Marks of lines.
const (
	MarkOK Mark = iota
	MarkWarning
	MarkError
	MarkUnknown
	MarkPending
)

// Theme prints text as the options want it.
type Theme struct {
	Options
	renderer *lipgloss.Renderer
}

// NewTheme returns a theme. It has a renderer of its own: lipgloss' global one asks the terminal for its background.
func NewTheme(options Options) *Theme {
	renderer := lipgloss.NewRenderer(io.Discard)
	renderer.SetColorProfile(termenv.Ascii)
	if options.Color {
		renderer.SetColorProfile(termenv.ANSI)
	}
	return &Theme{Options: options, renderer: renderer}
}

// Symbol returns the sign of a mark. A word always stands next to it: colour never speaks alone.
func (t *Theme) Symbol(mark Mark) string {
	unicode := [...]string{"√", "‼", "×", "?", "-"}
	if t.ASCII {
		return t.Paint(mark, cmp.Or(word(mark), unicode[mark]))
	}
	return t.Paint(mark, unicode[mark])
}

// Sign is the symbol, as wide as the widest: the texts after it stand below each other.
func (t *Theme) Sign(mark Mark) string {
	symbol, width := t.Symbol(mark), 1
	if t.ASCII {
		width = len(word(MarkError))
	}
	return symbol + strings.Repeat(" ", width-lipgloss.Width(symbol))
}

// Line is a line that says how something is. The word is in it whatever the symbols: who filters by ERROR on a terminal
// does so in a cron job.
func (t *Theme) Line(mark Mark, text string) string {
	text = t.Paint(mark, strings.TrimSpace(word(mark)+" "+t.Text(text)))
	if t.ASCII && word(mark) != "" {
		return text
	}
	return t.Symbol(mark) + " " + text
}

// word is that of a mark, "" for one that says nothing about good or bad.
func word(mark Mark) string {
	return [...]string{"OK", "WARN", "ERROR", "", ""}[mark]
}

// Paint colours text by the 16 colours that every background can show.
func (t *Theme) Paint(mark Mark, text string) string {
	colors := [...]lipgloss.Color{"2", "3", "1", "5", "8"}
	return t.renderer.NewStyle().Foreground(colors[mark]).Render(text)
}

// Bold makes text stand out.
func (t *Theme) Bold(text string) string { return t.renderer.NewStyle().Bold(true).Render(text) }

// Age prints how long ago a moment was, "-" where it is not known.
func (t *Theme) Age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return Duration(t.Now.Sub(at))
}

// Duration prints a duration as kubectl prints ages: two units where the second one matters.
func Duration(d time.Duration) string { return duration.HumanDuration(max(0, d)) }

// Count prints a number with its noun.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Wrap breaks free text at a width, with every line but the first indented. Words are never broken: commands, names
// and addresses must stay whole to be copied.
func Wrap(text string, width, indent int) string {
	const widest = 100
	if width <= 0 {
		return text
	}
	return strings.Join(lines(text, max(20, min(width, widest)-indent)), "\n"+strings.Repeat(" ", indent))
}

// Bar joins parts on one line, and breaks between parts where a width is too small for all.
func Bar(width int, parts ...string) string {
	const between, end, indent = " | ", " |", 2
	var out strings.Builder
	used := 0
	for i, part := range parts {
		room := width
		if i < len(parts)-1 {
			room -= len(end)
		}
		switch size := lipgloss.Width(part); {
		case i == 0:
			used = size
		case width > 0 && used+len(between)+size > room:
			out.WriteString(end + "\n" + strings.Repeat(" ", indent))
			used = indent + size
		default:
			out.WriteString(between)
			used += len(between) + size
		}
		out.WriteString(Wrap(part, width, indent))
	}
	return out.String()
}

// Aside puts a note behind a line, and below it where a width is too small.
func Aside(line, note string, width int) string {
	const indent = 4
	joined := line + " " + note
	if note == "" || width <= 0 || lipgloss.Width(joined) <= width {
		return joined
	}
	return strings.TrimRight(line, " ") + "\n" + strings.Repeat(" ", indent) + note
}

// lines breaks text at spaces. One that fits stays as it is.
func lines(text string, width int) []string {
	if lipgloss.Width(text) <= width {
		return []string{text}
	}
	var out []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case lipgloss.Width(line)+1+lipgloss.Width(word) > width:
			out = append(out, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(out, line)
}

// Text makes one line of a text that others wrote, without what can take over a terminal.
func (t *Theme) Text(text string) string {
	text = bootlog.Plain(text)
	if t.ASCII {
		text = strings.ReplaceAll(text, "…", "...")
	}
	return text
}

// dash stands for what is not there: an empty cell would shift the columns for whoever cuts them by spaces.
func dash(text string) string { return cmp.Or(text, "-") }
