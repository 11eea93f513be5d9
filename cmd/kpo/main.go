// Command kpo answers at 3 am: why is this node stuck, and what leaks money.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubeconfigs with a provider of credentials
)

// Exit codes, in the sense of diff and grep.
const (
	exitHealthy  = 0
	exitFindings = 1
	// exitTrouble is for what could not be looked at: the API server, Outscale, a file.
	exitTrouble = 2
	// exitUsage is EX_USAGE of sysexits.h: a job that runs by a clock must not take a typo for a cluster that is away.
	exitUsage = 64
	// exitInterrupted is that of a shell for a program that Ctrl-C ended.
	exitInterrupted = 130
)

func main() { os.Exit(process(realClients())) }

// process runs the command line of this process, until it is done or a signal ends it.
func process(c clients) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	return run(ctx, newApp(streams, readEnvironment(), c), os.Args)
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, a *app, args []string) int {
	root := newRoot(a, strings.TrimSuffix(filepath.Base(args[0]), ".exe"))
	root.SetArgs(args[1:])
	err := execute(ctx, root)
	switch {
	case ctx.Err() != nil && err != nil:
		return exitInterrupted // the user knows why
	case err == nil:
		return exitHealthy
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errBlind):
		return exitTrouble
	}
	a.tell("error: " + err.Error())
	if hint, ok := errors.AsType[hintError](err); ok {
		a.tell("hint:  " + hint.hint)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitTrouble
}

// execute runs a command, and leaves it alone a moment after Ctrl-C: discovery in client-go takes no context.
func execute(ctx context.Context, root *cobra.Command) error {
	const grace = time.Second
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		return ctx.Err()
	}
}

// errFindings and errBlind end a command that has printed all there is to say.
var (
	errFindings = errors.New("findings")
	errBlind    = errors.New("something could not be read")
)

// hintError is an error with the command that helps.
type hintError struct {
	error
	hint string
}

func (e hintError) Unwrap() error { return e.error }

func hint(err error, text string) error { return hintError{err, text} }
