package process_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
)

func TestStopEndsTheWholeGroupAndIsNoFailure(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p := start(t, log, "sleep 600 & echo $!; wait")
	grandchild := firstNumber(t, log)

	p.Stop(10 * time.Second)

	if err := p.Err(); err != nil {
		t.Errorf("asked to stop, yet it is reported: %v", err)
	}
	awaitGone(t, p.PID())
	awaitGone(t, grandchild)
}

func TestStopKillsWhatIgnoresTheRequest(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p := start(t, log, `trap "" TERM; echo $$; while :; do sleep 600; done`)
	firstNumber(t, log)

	p.Stop(time.Millisecond)

	awaitGone(t, p.PID())
}

func TestUnaskedEndIsReportedWithTheTailOfTheLog(t *testing.T) {
	p := start(t, filepath.Join(t.TempDir(), "log"), "echo no such port; exit 3")
	<-p.Done()
	err := p.Err()
	if err == nil || !strings.Contains(err.Error(), "no such port") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("want exit status and log tail, got: %v", err)
	}
}

// TestDeathOfTheParentEndsTheChild runs this test binary as a parent that is killed without a chance to tidy up.
func TestDeathOfTheParentEndsTheChild(t *testing.T) {
	if log, ok := os.LookupEnv("PROCESS_TEST_PARENT"); ok {
		start(t, log, "echo $$; sleep 600")
		select {}
	}
	log := filepath.Join(t.TempDir(), "log")
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDeathOfTheParentEndsTheChild$")
	parent.Env = append(parent.Environ(), "PROCESS_TEST_PARENT="+log)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := firstNumber(t, log)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	awaitGone(t, child)
}

func start(t *testing.T, log, script string) *process.Process {
	t.Helper()
	p, err := process.Start(t.Context(), process.Spec{Path: "/bin/sh", Args: []string{"-c", script}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// firstNumber waits until the child has written its first line.
func firstNumber(t *testing.T, log string) int {
	t.Helper()
	for range poll(t) {
		file, err := os.Open(log)
		if err != nil {
			continue
		}
		line, err := bufio.NewReader(file).ReadString('\n')
		_ = file.Close()
		if err != nil {
			continue
		}
		number, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		return number
	}
	t.Fatal("the child wrote nothing")
	return 0
}

func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for range poll(t) {
		if gone(pid) {
			return
		}
	}
	t.Fatalf("process %d still runs", pid)
}

// gone holds for a zombie too: an orphan is reaped by whatever plays init, at its leisure.
func gone(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// poll yields every few milliseconds for at most half a minute.
func poll(t *testing.T) <-chan time.Time {
	t.Helper()
	ticks := make(chan time.Time)
	go func() {
		defer close(ticks)
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		deadline := time.After(30 * time.Second)
		for {
			select {
			case now := <-ticker.C:
				select {
				case ticks <- now:
				case <-t.Context().Done():
					return
				}
			case <-deadline:
				return
			case <-t.Context().Done():
				return
			}
		}
	}()
	return ticks
}

// TestPortTakenIsReadFromTheLogOfThisChildAlone runs children that write to one log.
func TestPortTakenIsReadFromTheLogOfThisChildAlone(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for _, child := range []struct {
		script string
		taken  bool
	}{
		{"echo listen tcp :8080: bind: address already in use; exit 2", true},
		{"echo another reason; exit 2", false},
	} {
		p := start(t, log, child.script)
		<-p.Done()
		if got := p.PortTaken(); got != child.taken {
			t.Errorf("%q: PortTaken() = %t", child.script, got)
		}
	}
	p := start(t, log, "echo address already in use; sleep 600")
	p.Stop(10 * time.Second)
	if p.PortTaken() {
		t.Error("a child that was asked to end counts as one that found its port taken")
	}
}
