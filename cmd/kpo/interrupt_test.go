package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
)

// cancelling is a stderr on which the user presses Ctrl-C as soon as the question is asked.
type cancelling struct {
	bytes.Buffer
	cancel func()
}

func (c *cancelling) Write(text []byte) (int, error) {
	if strings.Contains(string(text), "Permanently delete") {
		c.cancel()
	}
	return c.Buffer.Write(text)
}

func TestCtrlCLeavesTheQuestionAtOnce(t *testing.T) {
	l := newLive(t)
	l.clients.Answers = true
	l.claim("default-wanted", l.launch(t, "default-wanted"))
	leaked := l.launch(t, "default-leaked")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdin, never := io.Pipe()
	t.Cleanup(func() { _ = never.Close() })
	errOut := &cancelling{cancel: cancel}
	a := session.New(genericiooptions.IOStreams{In: stdin, Out: io.Discard, ErrOut: errOut}, session.Environment{}, l.clients)
	done := make(chan int, 1)
	go func() { done <- run(ctx, a, []string{"kubectl-kpo", "orphans", "--delete"}) }()
	select {
	case code := <-done:
		if code != exitInterrupted || strings.Contains(errOut.String(), "error:") || l.state(leaked.ID) == "shutting-down" {
			t.Errorf("exit %d, want %d and no error: %s", code, exitInterrupted, errOut.String())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("still waits for an answer")
	}
}

func TestCtrlCIsNoSickCluster(t *testing.T) {
	l := newLive(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errOut bytes.Buffer
	a := session.New(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: &errOut}, session.Environment{}, l.clients)
	if code := run(ctx, a, []string{"kubectl-kpo", "doctor"}); code != exitInterrupted || errOut.Len() > 0 {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}
