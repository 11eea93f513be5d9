package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// BenchmarkKpo runs kpo as a person does, as a process of its own, and kubectl next to it if there is one.
func BenchmarkKpo(b *testing.B) {
	const machines, runs = 2000, 9
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

// largeFleet writes a snapshot of so many machines that run, each like the first of kpo's fixture.
func largeFleet(b *testing.B, machines int) string {
	b.Helper()
	s, err := fleet.Load("../../cmd/kpo/testdata/healthy.json")
	must(b, err)
	claim, node, v := s.NodeClaims[0], s.Nodes[0], s.VMs[0]
	s.NodeClaims, s.Nodes, s.VMs, s.Usage = nil, nil, nil, map[string]fleet.Usage{}
	for i := range machines {
		name, id := fmt.Sprintf("default-%05d", i), fmt.Sprintf("i-%08x", i+1)
		c, n, m := *claim.DeepCopy(), *node.DeepCopy(), v
		c.Name, c.UID, c.Status.NodeName = name, types.UID("uid-"+name), name
		c.Status.ProviderID = "aws:///" + v.Subregion + "/" + id
		n.Name, n.UID, n.Spec.ProviderID = name, types.UID("node-"+name), c.Status.ProviderID
		m.ID, m.PrivateIP, m.Tags = id, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), tagsOf(v, name, string(c.UID))
		s.NodeClaims, s.Nodes, s.VMs = append(s.NodeClaims, c), append(s.Nodes, n), append(s.VMs, m)
		s.Usage[name] = fleet.Usage{Pods: 30, MilliCPU: 1500, Memory: 1 << 30}
	}
	path := filepath.Join(b.TempDir(), "fleet.json")
	must(b, fleet.Save(s, path))
	info, err := os.Stat(path)
	must(b, err)
	b.Logf("%d machines, %.1f MB", machines, float64(info.Size())/1e6)
	return path
}

// tagsOf are the tags of the fixture's VM, for another machine.
func tagsOf(v fleet.VM, name, uid string) map[string]string {
	out := map[string]string{}
	for key, value := range v.Tags {
		switch key {
		case vm.TagNodeClaim, vm.TagNodeName:
			out[key] = name
		case vm.TagNodeClaimUID:
			out[key] = uid
		case "Name":
			out[key] = "prod-" + name
		default:
			out[key] = value
		}
	}
	return out
}
