package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

func (a *app) saveConsole(text, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file is the one that the user names
	if err != nil {
		return fmt.Errorf("saving the console: %w", err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("saving the console: %w", err)
	}
	fmt.Fprintln(a.streams.Out, path)
	return nil
}

// selectLines returns the last lines that match, all of them for tail 0.
func selectLines(text string, tail int, pattern *regexp.Regexp) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if pattern.MatchString(line) {
			out = append(out, line)
		}
	}
	if tail > 0 && len(out) > tail {
		out = out[len(out)-tail:]
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, "\n") + "\n"
}

// check refuses what contradicts itself.
func (c consoleOptions) check(o *output, from string) error {
	switch {
	case c.tail < 0:
		return fmt.Errorf("--tail %d: want a number of lines", c.tail)
	case !o.forPeople() && (c.lines() || c.follow || c.save != ""):
		return hint(fmt.Errorf("-o %s prints the summary, and --tail, --grep, --raw, --save and -f print lines", o.format), "leave one of them out")
	case c.follow && c.save != "":
		return hint(errors.New("-f and --save exclude each other"), "-f > FILE")
	case c.follow && from != "":
		return errors.New("-f needs a live VM: a file gets no new lines")
	default:
		return nil
	}
}

// lines reports whether lines are wanted instead of the summary.
func (c consoleOptions) lines() bool { return c.raw || c.tail > 0 || c.grep != "" }

// printLines prints the lines that were asked for. Like grep, it exits with 1 where none matches.
func (a *app) printLines(view consoleView, options consoleOptions, pattern *regexp.Regexp) error {
	text := selectLines(view.text, options.tail, pattern)
	if _, err := io.WriteString(a.streams.Out, text); err != nil {
		return err
	}
	if options.grep != "" && text == "" {
		a.tell(fmt.Sprintf("no line of %d matches %q", view.Report.Lines, options.grep))
		return errFindings
	}
	return nil
}

// follow polls: the API has no stream. What was printed before is known by its overlap with what is read next. It ends
// when the VM does not run any more: then no line can come.
func (a *app) follow(ctx context.Context, source consoleSource, options consoleOptions, pattern *regexp.Regexp) error {
	printed := ""
	ticker := time.NewTicker(a.clients.poll)
	defer ticker.Stop()
	for {
		// The state is read before the console, so that its last lines are printed.
		view := consoleView{VM: source.id}
		view.setState(source.vm(ctx))
		text, err := source.read(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && view.ended() == "":
			return withRemedy(err, source.access)
		case err == nil:
			fresh := newPart(printed, text)
			if !options.raw {
				fresh = bootlog.Clean(fresh)
			}
			fmt.Fprint(a.streams.Out, selectLines(fresh, options.tail, pattern))
			printed, options.tail = text, 0
		}
		if end := view.ended(); end != "" {
			a.tell(source.id + " " + end + ": no more lines will come")
			return errFindings
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// ended says why the console gets no new lines, "" while it may. A state that could not be read ends nothing.
func (v *consoleView) ended() string {
	switch {
	case v.StateUnknown == notListed:
		return "is gone: Outscale does not list it"
	case v.lives():
		return ""
	case v.StateReason != "":
		return "is " + v.State + " (" + v.StateReason + ")"
	default:
		return "is " + v.State
	}
}

// newPart is what text has after the longest end of printed that it still holds. The console is a ring: its start goes.
func newPart(printed, text string) string {
	if printed == "" {
		return text
	}
	if rest, ok := strings.CutPrefix(text, printed); ok {
		return rest
	}
	const anchor = 512
	tail := printed[max(0, len(printed)-anchor):]
	if _, rest, found := strings.CutLast(text, tail); found {
		return rest
	}
	return text
}
