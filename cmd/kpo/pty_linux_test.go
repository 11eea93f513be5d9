package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asKpo makes the test's own binary behave as kpo: a terminal sends Ctrl-C to processes.
const asKpo = "KPO_TEST_AS_KPO"

func TestMain(m *testing.M) {
	if os.Getenv(asKpo) != "" {
		c := realClients()
		c.Now = func() time.Time { return time.Now().Add(time.Hour) } // what was just launched is too young to delete
		os.Exit(process(c))
	}
	os.Exit(m.Run())
}

// openPTY returns the two ends of a new terminal: what a person holds, and what a program does.
func openPTY(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// screen collects what a program writes to its terminal.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// watch collects what comes out of a terminal, until its other end is closed.
func watch(person io.Reader) (*screen, <-chan struct{}) {
	seen, drained := &screen{}, make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(seen, person) // a terminal ends with an error
	}()
	return seen, drained
}

// kubeconfigOf writes a kubeconfig for a server.
func kubeconfigOf(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n", server)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCtrlCEndsWhateverWaits(t *testing.T) {
	deaf, asked := listenDeaf(t)
	l := newLive(t)
	l.withController()
	wanted := l.launch(t, "default-w1")
	l.claim("default-w1", wanted)
	l.launch(t, "default-leaked")
	l.region.WriteConsole(wanted.ID, "[    1.0] [talos] [initramfs] booting Talos v1.13.0\n")
	fixture := l.region.Fixture()
	environ := []string{
		asKpo + "=1", "HOME=" + t.TempDir(), "TERM=xterm", "PATH=/nowhere",
		"OSC_ACCESS_KEY=" + fixture.AccessKey, "OSC_SECRET_KEY=" + fixture.SecretKey, "OSC_ENDPOINT_API=" + l.endpoint,
	}
	alive := kubeconfigOf(t, serveObjects(t, l.objects))
	dead := kubeconfigOf(t, "https://"+deaf)
	shows := func(text string) func(string) bool {
		return func(seen string) bool { return strings.Contains(seen, text) }
	}
	// Whoever has dialled has a signal handler: it is there from the start.
	dials := func(string) bool { return asked.Swap(0) > 0 }
	for name, c := range map[string]struct {
		line, config string
		waits        func(seen string) bool
	}{
		"the API server":      {"doctor", dead, dials},
		"its version":         {"version", dead, dials},
		"the console":         {"console " + wanted.ID + " -f", alive, shows("booting Talos")},
		"the question":        {"orphans --delete", alive, shows("Permanently delete")},
		"names for the shell": {"__complete doctor ", dead, dials},
	} {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			code, text := interrupted(t, append(environ, "KUBECONFIG="+c.config), strings.Split(c.line, " "), c.waits)
			if code != exitInterrupted && name != "names for the shell" || strings.Contains(text, "error:") {
				t.Errorf("exit %d, want %d:\n%s", code, exitInterrupted, text)
			}
		})
	}
}

// listenDeaf takes connections and never answers. It returns its address and how many came since the last look.
func listenDeaf(t *testing.T) (string, *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is local
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	asked := &atomic.Int32{}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	return listener.Addr().String(), asked
}

// interrupted runs kpo in a terminal, presses Ctrl-C as soon as it waits, and returns how it ended.
func interrupted(t *testing.T, environ, args []string, waits func(seen string) bool) (int, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	person, program := openPTY(t)
	seen, drained := watch(person)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ, program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for waiting := true; waiting; {
		select {
		case <-tick.C:
			waiting = !waits(seen.String())
		case err := <-done:
			t.Fatalf("ended before Ctrl-C: %v\n%s", err, seen.String())
		case <-deadline:
			_ = cmd.Process.Kill()
			t.Fatalf("never waits:\n%s", seen.String())
		}
	}
	if _, err := person.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err == nil {
			t.Errorf("Ctrl-C ends it with 0:\n%s", seen.String())
		}
	case <-deadline:
		_ = cmd.Process.Kill()
		t.Fatalf("Ctrl-C does not end it:\n%s", seen.String())
	}
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	<-drained
	return cmd.ProcessState.ExitCode(), seen.String()
}

func TestATerminalIsAskedNothing(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	person, program := openPTY(t)
	seen, drained := watch(person)
	cmd := exec.CommandContext(t.Context(), self, "nodes", "--from", sleepless())
	cmd.Env = []string{asKpo + "=1", "TERM=xterm", "LANG=C.UTF-8", "HOME=" + t.TempDir()}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	<-drained
	// Colours are wanted on a terminal; questions to it (its background, the cursor's place) would wait for an answer.
	for _, question := range []string{"\x1b]", "\x1b[6n", "\x1b[c", "\x1b[?"} {
		if text := seen.String(); strings.Contains(text, question) || !strings.Contains(text, "default-0xk2p") {
			t.Errorf("%q in %q", question, text)
		}
	}
}
