package controlplane

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
)

// The versions that Build makes. The modules beside this package pin the same ones.
const (
	KubernetesVersion = "v1.35.4"
	KwokVersion       = "v0.7.0"
)

const mainModule = "github.com/karpenter-outscale/karpenter-provider-outscale"

// Binaries are the paths of what Build has made.
type Binaries struct {
	// ControlPlane is etcd, kube-apiserver, kube-controller-manager and kube-scheduler, told apart by the first argument.
	ControlPlane string
	Kwok         string
}

// target is one program of one of the modules beside this package.
type target struct {
	title, module, pkg, output, ldflags string
}

// Build compiles what the cache directory does not hold yet and says on progress what and how far. Several processes
// may call it at once: one builds, the others wait.
func Build(ctx context.Context, cacheDir string, progress io.Writer) (Binaries, error) {
	if cacheDir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return Binaries{}, fmt.Errorf("finding the cache directory: %w", err)
		}
		cacheDir = filepath.Join(user, "karpenter-provider-outscale", "controlplane")
	}
	dir := filepath.Join(cacheDir, KubernetesVersion)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return Binaries{}, fmt.Errorf("creating the cache directory: %w", err)
	}
	binaries := Binaries{
		ControlPlane: filepath.Join(dir, "controlplane"),
		Kwok:         filepath.Join(dir, "kwok-"+KwokVersion),
	}
	targets := []target{
		{"etcd and Kubernetes " + KubernetesVersion, "binaries", ".", binaries.ControlPlane, stamps()},
		{"kwok " + KwokVersion, "kwok", "sigs.k8s.io/kwok/cmd/kwok", binaries.Kwok, "-s -w"},
	}
	for _, t := range targets {
		if err := t.ensure(ctx, dir, progress); err != nil {
			return Binaries{}, fmt.Errorf("building %s: %w", t.title, err)
		}
	}
	return binaries, nil
}

// stamps tells the components their version: without it they call themselves v0.0.0 and version checks fail.
func stamps() string {
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X", pkg+".gitVersion="+KubernetesVersion, "-X", pkg+".gitMajor=1", "-X", pkg+".gitMinor=35")
	}
	return strings.Join(flags, " ")
}

func (t target) ensure(ctx context.Context, dir string, progress io.Writer) error {
	if t.exists() {
		return nil
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"), progress)
	if err != nil {
		return err
	}
	defer unlock()
	if t.exists() {
		return nil
	}
	return t.build(ctx, progress)
}

func (t target) exists() bool {
	_, err := os.Stat(t.output)
	return err == nil
}

func (t target) build(ctx context.Context, progress io.Writer) error {
	source, err := output(ctx, "", "list", "-m", "-f", "{{.Dir}}", mainModule)
	if err != nil {
		return err
	}
	dir := filepath.Join(strings.TrimSpace(source), "test", "controlplane", t.module)
	fmt.Fprintf(progress, "building %s: loading its packages (a cold module cache is filled first)\n", t.title)
	packages, err := output(ctx, dir, "list", "-deps", t.pkg)
	if err != nil {
		return err
	}
	unfinished := t.output + ".unfinished"
	command := exec.CommandContext(ctx, "go", "build", "-v", "-ldflags", t.ldflags, "-o", unfinished, t.pkg) //nolint:gosec // arguments of our own
	command.Dir = dir
	if err := follow(command, t.title, strings.Count(packages, "\n"), progress); err != nil {
		return err
	}
	// The name appears only when the file is whole: a build that was cut short must not look like one that is done.
	return os.Rename(unfinished, t.output)
}

// output runs the go tool and returns what it prints.
func output(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
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

// lock waits for the file's lock; the kernel gives it back when the holder dies.
func lock(ctx context.Context, path string, progress io.Writer) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a file of our own cache
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the cache: %w", err)
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
			return nil, fmt.Errorf("locking the cache: %w", err)
		}
		if !told {
			fmt.Fprintln(progress, "waiting for another process that builds the control plane")
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}
