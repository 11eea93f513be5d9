// Package gobuild compiles Go programs and says how far it is.
package gobuild

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/gotool"
)

const mainModule = "github.com/karpenter-outscale/karpenter-provider-outscale"

// Program is what to compile, and where to.
type Program struct {
	// Title is how progress speaks of it.
	Title string
	// Dir is the directory of its module, below the root of the repository.
	Dir string
	// Package is its main package.
	Package string
	// Flags go to go build.
	Flags []string
	// Output is the file that appears once it is whole.
	Output string
}

// Root is the root of the repository that the working directory lies in.
func Root(ctx context.Context) (string, error) {
	dir, err := output(ctx, "", "list", "-m", "-f", "{{.Dir}}", mainModule)
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	return strings.TrimSpace(dir), nil
}

// Once builds the program unless its output is there. Several processes may call it at once: one builds, the others wait.
func (p Program) Once(ctx context.Context, progress io.Writer) error {
	if p.exists() {
		return nil
	}
	unlock, err := p.lock(ctx, progress)
	if err != nil {
		return err
	}
	defer unlock()
	if p.exists() {
		return nil
	}
	return p.build(ctx, progress)
}

// Always builds the program; what has not changed costs the go tool a second.
func (p Program) Always(ctx context.Context, progress io.Writer) error {
	unlock, err := p.lock(ctx, progress)
	if err != nil {
		return err
	}
	defer unlock()
	return p.build(ctx, progress)
}

func (p Program) exists() bool {
	_, err := os.Stat(p.Output)
	return err == nil
}

func (p Program) build(ctx context.Context, progress io.Writer) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, p.Dir)
	fmt.Fprintf(progress, "building %s: loading its packages (a cold module cache is filled first)\n", p.Title)
	packages, err := output(ctx, dir, "list", "-deps", p.Package)
	if err != nil {
		return fmt.Errorf("building %s: %w", p.Title, err)
	}
	unfinished := p.Output + ".unfinished"
	args := append([]string{"build", "-v", "-o", unfinished}, p.Flags...)
	if err := follow(gotool.Command(ctx, dir, append(args, p.Package)...), p.Title, strings.Count(packages, "\n"), progress); err != nil {
		return fmt.Errorf("building %s: %w", p.Title, err)
	}
	// The name appears only when the file is whole: a build that was cut short must not look like one that is done.
	return os.Rename(unfinished, p.Output)
}

// output runs the go tool and returns what it prints.
func output(ctx context.Context, dir string, args ...string) (string, error) {
	command := gotool.Command(ctx, dir, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

// follow runs a `go build -v`, which prints one line for each package that it compiles, and reports every few seconds.
func follow(command *exec.Cmd, title string, total int, progress io.Writer) error {
	lines, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	begin := time.Now()
	compiled, read := make(chan string), make(chan struct{})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			compiled <- scanner.Text()
		}
	}()
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	count, last := 0, make([]string, 0, 20)
	for {
		select {
		case line := <-compiled:
			count++
			last = append(last[max(0, len(last)-19):], line)
		case <-ticker.C:
			fmt.Fprintf(progress, "building %s: %d packages compiled, at most %d to do, %s\n",
				title, count, total-count, time.Since(begin).Round(time.Second))
		case <-read:
			if err := command.Wait(); err != nil {
				return fmt.Errorf("%w\n%s", err, strings.Join(last, "\n"))
			}
			fmt.Fprintf(progress, "built %s in %s\n", title, time.Since(begin).Round(time.Second))
			return nil
		}
	}
}

// lock waits for the lock next to the output; the kernel gives it back when the holder dies.
func (p Program) lock(ctx context.Context, progress io.Writer) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(p.Output), 0o750); err != nil {
		return nil, fmt.Errorf("creating the directory of %s: %w", p.Title, err)
	}
	path := filepath.Join(filepath.Dir(p.Output), ".building")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a file of our own cache
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the build: %w", err)
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for told := false; ; told = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("locking the build: %w", err)
		}
		if !told {
			fmt.Fprintln(progress, "waiting for another process that builds "+p.Output)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}
