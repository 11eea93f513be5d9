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

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
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

// realClients open what the flags, the environment and the user's files name.
func realClients() session.Clients {
	return session.Clients{
		Kube: session.OpenKube, Server: session.ServerVersion, Logs: session.OpenLogs, Cloud: openCloud,
		Now: time.Now, Poll: 5 * time.Second,
	}
}

func openCloud(flags session.CloudFlags) (*session.Account, error) {
	sdk, keys, err := credentials(flags.Profile)
	if err != nil {
		return nil, err
	}
	return session.NewAccount(sdk, keys, cacheDir(), time.Now, flags)
}

// process runs the command line of this process, until it is done or a signal ends it.
func process(c session.Clients) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	return run(ctx, session.New(streams, readEnvironment(), c), os.Args)
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, a *session.Session, args []string) int {
	root := newRoot(a, strings.TrimSuffix(filepath.Base(args[0]), ".exe"))
	root.SetArgs(args[1:])
	err := execute(ctx, root)
	switch {
	case ctx.Err() != nil && err != nil:
		return exitInterrupted // the user knows why
	case err == nil:
		return exitHealthy
	case errors.Is(err, cli.ErrFindings):
		return exitFindings
	case errors.Is(err, cli.ErrBlind):
		return exitTrouble
	}
	a.Tell("error: " + err.Error())
	if hint, ok := errors.AsType[cli.HintError](err); ok {
		a.Tell("hint:  " + hint.Hint)
	}
	if _, ok := errors.AsType[cli.UsageError](err); ok {
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
