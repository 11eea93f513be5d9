// Package process runs child processes that never outlive the process that started them.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Spec says what to run and where its output goes.
type Spec struct {
	Path string
	Args []string
	// Env is added to the environment of this process.
	Env []string
	// Log is the file that standard output and standard error are appended to.
	Log string
}

// Process is one child, the leader of a process group of its own: a Ctrl-C at the terminal does not reach it, so that
// the parent ends its children in an order of its own.
type Process struct {
	spec    Spec
	cmd     *exec.Cmd
	done    chan struct{}
	waitErr error
	asked   atomic.Bool
	// logged is the length of the log before this child: earlier ones append to the same file.
	logged int64
}

// Start runs the child. It lives until Stop, Kill or the death of this process, whatever becomes of ctx.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", filepath.Base(spec.Path), err)
	}
	before, err := log.Stat()
	if err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("reading the log of %s: %w", filepath.Base(spec.Path), err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), spec.Path, spec.Args...) //nolint:gosec // the caller chooses the program: that is the purpose
	cmd.Env = append(cmd.Environ(), spec.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()

	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{}), logged: before.Size()}
	started := make(chan error)
	go p.run(started, log)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.Name(), err)
	}
	return p, nil
}

// run starts the child and waits for it on one locked thread: the kernel sends the parent-death signal when the
// *thread* that forked ends, and Go ends idle threads at will.
func (p *Process) run(started chan<- error, log *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { _ = log.Close() }()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.waitErr = p.cmd.Wait()
	close(p.done)
}

// Name is the last part of the program's path, with the first argument of a multi-call binary.
func (p *Process) Name() string {
	name := filepath.Base(p.spec.Path)
	if len(p.spec.Args) > 0 && p.spec.Args[0] != "" && p.spec.Args[0][0] != '-' {
		name = p.spec.Args[0]
	}
	return name
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and was waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how a child ended that was not asked to end, with the tail of its log; nil while it runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.asked.Load() {
		return nil
	}
	cause := p.waitErr
	if cause == nil {
		cause = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended by itself: %w; the end of %s:\n%s", p.Name(), cause, p.spec.Log, Tail(p.spec.Log, 15))
}

// PortTaken reports whether the child ended by itself and said that somebody else has a port that it wanted.
func (p *Process) PortTaken() bool {
	if p.Err() == nil {
		return false
	}
	content, err := os.ReadFile(p.spec.Log)
	return err == nil && bytes.Contains(content[min(p.logged, int64(len(content))):], []byte(syscall.EADDRINUSE.Error()))
}

// Stop asks the child's group to end, kills it after the grace, and waits for it.
func (p *Process) Stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// Kill ends the child's group without a chance to tidy up (kill -9), and waits for it.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

func (p *Process) signal(signal syscall.Signal) {
	p.asked.Store(true)
	select {
	case <-p.done: // waited for: the id may be somebody else's by now
	default:
		_ = syscall.Kill(-p.PID(), signal)
	}
}

// Tail is the last lines of a file, for an error message.
func Tail(path string, lines int) string {
	content, err := os.ReadFile(path) //nolint:gosec // a log file of our own
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
