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
)

// Options decide how something is printed; nothing is asked of the terminal.
type Options struct {
	// Width is that of the terminal, 0 for no limit.
	Width int
	Color bool
	// ASCII replaces symbols by letters.
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
	unicode, ascii := [...]string{"√", "‼", "×", "?", "-"}, [...]string{"OK", "WARN", "FAIL", "?", "-"}
	if t.ASCII {
		return t.Paint(mark, ascii[mark])
	}
	return t.Paint(mark, unicode[mark])
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

// Duration prints a duration in its largest units, as kubectl does.
func Duration(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 10*time.Minute:
		if d%time.Minute < time.Second {
			return fmt.Sprintf("%dm", int(d.Minutes()))
		}
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 3*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

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
	limit := max(20, min(width, widest)-indent)
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case lipgloss.Width(line)+1+lipgloss.Width(word) > limit:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return strings.Join(append(lines, line), "\n"+strings.Repeat(" ", indent))
}

// dash stands for what is not there: an empty cell would shift the columns for whoever cuts them by spaces.
func dash(text string) string { return cmp.Or(text, "-") }
