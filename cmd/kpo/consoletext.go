package main

import (
	"context"
	"errors"
	"fmt"
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

// follow polls: the API has no stream. What was printed before is known by its overlap with what is read next.
func (a *app) follow(ctx context.Context, read func(context.Context) (string, error), options consoleOptions, pattern *regexp.Regexp) error {
	printed := ""
	ticker := time.NewTicker(a.clients.poll)
	defer ticker.Stop()
	for {
		text, err := read(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		fresh := newPart(printed, text)
		if !options.raw {
			fresh = bootlog.Clean(fresh)
		}
		fmt.Fprint(a.streams.Out, selectLines(fresh, options.tail, pattern))
		printed, options.tail = text, 0
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
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
