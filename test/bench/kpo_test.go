package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkKpo runs kpo as a person does, as a process of its own, and kubectl next to it if there is one.
func BenchmarkKpo(b *testing.B) {
	const machines, runs = 2000, 5
	kpo, file := buildKpo(b), largeFleet(b, machines)
	lines := map[string][]string{
		"doctor":  {kpo, "doctor", "--from", file},
		"nodes":   {kpo, "nodes", "-o", "wide", "--from", file},
		"version": {kpo, "version", "--client"},
	}
	if kubectl, err := exec.LookPath("kubectl"); err == nil {
		lines["kubectl-version"] = []string{kubectl, "version", "--client"}
	}
	for name, line := range lines {
		b.Run(name, func(b *testing.B) {
			var cpu, wall []time.Duration
			peak := 0.0
			for b.Loop() {
				for range runs {
					u, took := spend(b, line)
					cpu, wall, peak = append(cpu, u.cpu), append(wall, took), max(peak, u.peak)
				}
			}
			b.ReportMetric(p50(cpu).Seconds(), "cpu-p50-s")
			b.ReportMetric(slices.Min(cpu).Seconds(), "cpu-min-s")
			b.ReportMetric(p50(wall).Seconds(), "wall-p50-s")
			b.ReportMetric(slices.Min(wall).Seconds(), "wall-min-s")
			b.ReportMetric(peak, "peak-MiB")
		})
	}
}

// spend runs a command, and returns what its process used and how long it took.
func spend(b *testing.B, line []string) (used, time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		b.Fatalf("%v: %v\n%s", line, err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("no usage of the process")
	}
	const kibPerMiB = 1024 // Linux counts in KiB
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return used{cpu: cpu, peak: float64(usage.Maxrss) / kibPerMiB}, took
}

// buildKpo builds the program as make build does.
func buildKpo(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "kubectl-kpo")
	build := exec.CommandContext(b.Context(), "go", "build", "-ldflags", "-s -w", "-o", program, "../../cmd/kpo")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

// largeFleet writes a snapshot of so many machines that run, each like the first of kpo's fixture. It writes piece by
// piece: a process starts with the peak memory of the one that forked it, so that this one must stay small.
func largeFleet(b *testing.B, machines int) string {
	b.Helper()
	content, err := os.ReadFile("../../cmd/kpo/testdata/healthy.json")
	must(b, err)
	snapshot := map[string]json.RawMessage{}
	must(b, json.Unmarshal(content, &snapshot))
	path := filepath.Join(b.TempDir(), "fleet.json")
	file, err := os.Create(path)
	must(b, err)
	out := bufio.NewWriter(file)
	separator := "{"
	for key, value := range snapshot {
		fmt.Fprintf(out, "%s%q:", separator, key)
		separator = ","
		if !slices.Contains([]string{"nodeClaims", "nodes", "vms"}, key) {
			fmt.Fprintf(out, "%s", value)
			continue
		}
		var each []json.RawMessage
		must(b, json.Unmarshal(value, &each))
		for i := range machines {
			fmt.Fprint(out, map[bool]string{true: "[", false: ","}[i == 0], another(string(each[0]), i))
		}
		fmt.Fprint(out, "]")
	}
	fmt.Fprint(out, "}")
	must(b, out.Flush())
	must(b, file.Close())
	return path
}

// another is the first machine of the fixture with names, VM and address of its own.
func another(first string, i int) string {
	return strings.NewReplacer(
		"default-7xk2p", fmt.Sprintf("default-%05d", i), "i-00000001", fmt.Sprintf("i-%08x", i+1),
		`"10.0.0.1"`, fmt.Sprintf(`"10.1.%d.%d"`, i>>8, i&255),
	).Replace(first)
}
