package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

func (c *command) saveText(text, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file is the one that the user names
	if err != nil {
		return fmt.Errorf("saving the console: %w", err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("saving the console: %w", err)
	}
	fmt.Fprintln(c.Streams.Out, path)
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
func (c *command) check() error {
	switch {
	case c.tail < 0:
		return fmt.Errorf("--tail %d: want a number of lines", c.tail)
	case !c.out.ForPeople() && (c.lines() || c.follow || c.save != ""):
		return cli.Hint(fmt.Errorf("-o %s prints the summary, and --tail, --grep, --raw, --save and -f print lines", c.out.Format), "leave one of them out")
	case c.follow && c.save != "":
		return cli.Hint(errors.New("-f and --save exclude each other"), "-f > FILE")
	case c.follow && c.From != "":
		return errors.New("-f needs a live VM: a file gets no new lines")
	default:
		return nil
	}
}

// lines reports whether lines are wanted instead of the summary.
func (c *command) lines() bool { return c.raw || c.tail > 0 || c.grep != "" }

// printLines prints the lines that were asked for. Like grep, it exits with 1 where none matches.
func (c *command) printLines(v view, pattern *regexp.Regexp) error {
	text := selectLines(v.text, c.tail, pattern)
	if _, err := io.WriteString(c.Streams.Out, text); err != nil {
		return err
	}
	if c.grep != "" && text == "" {
		c.Tell(fmt.Sprintf("no line of %d matches %q", v.Report.Lines, c.grep))
		return cli.ErrFindings
	}
	return nil
}

// followIt polls: the API has no stream. What was printed before is known by its overlap with what is read next. It ends
// when the VM does not run any more: then no line can come.
func (c *command) followIt(ctx context.Context, from origin, pattern *regexp.Regexp) error {
	printed := ""
	ticker := time.NewTicker(c.Clients.Poll)
	defer ticker.Stop()
	for {
		// The state is read before the console, so that its last lines are printed.
		v := view{VM: from.id}
		v.setState(from.vm(ctx))
		text, err := from.read(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && v.ended() == "":
			return unread.WithRemedy(err, from.access)
		case err == nil:
			fresh := newPart(printed, text)
			if !c.raw {
				fresh = bootlog.Clean(fresh)
			}
			fmt.Fprint(c.Streams.Out, selectLines(fresh, c.tail, pattern))
			printed, c.tail = text, 0
		}
		if end := v.ended(); end != "" {
			c.Tell(from.id + " " + end + ": no more lines will come")
			return cli.ErrFindings
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// ended says why the console gets no new lines, "" while it may. A state that could not be read ends nothing.
func (v *view) ended() string {
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
