package diagnose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// rebooted are the events of a kubelet that found a new boot ID, at these times.
func rebooted(before ...time.Duration) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		for i, b := range before {
			e := event("Node", s.Nodes[0].Name, "Rebooted", fmt.Sprintf("Node %s has been rebooted, boot id: %d", s.Nodes[0].Name, i), b)
			e.Name += fmt.Sprint(i)
			s.Events = append(s.Events, e)
		}
	}
}

func againScenarios() map[rule.ID]scenario {
	return map[rule.ID]scenario{
		"KPO413": {
			trouble:  rebooted(time.Minute, 71*time.Minute, 142*time.Minute, 213*time.Minute),
			nearMiss: rebooted(time.Minute, 71*time.Minute),
			certain:  []string{"event"},
		},
	}
}

func TestRebootsThatAreOverOrOneAreNoLoop(t *testing.T) {
	twice := func(s *snapshot.Snapshot) { // one boot that was reported again
		rebooted(time.Minute, 2*time.Minute, 3*time.Minute)(s)
		for i := range s.Events {
			s.Events[i].Message = "Node default-7xk2p has been rebooted, boot id: 0"
		}
	}
	for name, change := range map[string]func(*snapshot.Snapshot){
		"runs for two hours":   rebooted(2*time.Hour, 3*time.Hour, 4*time.Hour),
		"over a week":          rebooted(time.Minute, 24*time.Hour, 48*time.Hour, 72*time.Hour),
		"one boot, said often": twice,
	} {
		if r := diagnose.Run(troubled(change), diagnose.Rules()); !r.Healthy() {
			t.Errorf("%s: %+v", name, r.Problems)
		}
	}
}

// services are the lines of a Talos that waits for a service, every 15 seconds up to the uptime.
func services(uptime int) string {
	out := "[    1.000000] [talos] [initramfs] booting Talos v1.13.0\n"
	for at := 18; at <= uptime; at += 15 {
		out += fmt.Sprintf("[%12.6f] [talos] task startAllServices (1/1): service \"ext-x\" to be \"up\"\n", float64(at))
	}
	return out
}

func TestServiceThatKeepsAReadyMachineFromItsBootIsNamed(t *testing.T) {
	for uptime, want := range map[int]int{2000: 1, 120: 0} {
		s := troubled(func(s *snapshot.Snapshot) { s.Consoles[s.VMs[0].ID] = services(uptime) })
		found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO413")
		if len(found) != want || want > 0 && !strings.Contains(found[0].Cause, `service "ext-x"`) {
			t.Errorf("after %d s: %+v, want %d", uptime, found, want)
		}
	}
}

// TestEachCauseOnAConsoleBelongsToACheck keeps a new family of signatures from being found and never shown.
func TestEachCauseOnAConsoleBelongsToACheck(t *testing.T) {
	for _, signature := range bootlog.Signatures() {
		text := fmt.Sprintf("[   60.000000] %[1]s\n[  600.000000] %[1]s\n", signature.Sample)
		if cause, bad := bootlog.Parse(text).Cause(); !bad || cause.ID != signature.ID {
			continue
		}
		r := diagnose.Run(troubled(func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, text) }), diagnose.Rules())
		if !slices.ContainsFunc(r.Problems, func(p diagnose.Problem) bool {
			return slices.ContainsFunc(p.Evidence, func(e rule.Evidence) bool { return e.Source == "console" })
		}) {
			t.Errorf("%s is the cause, and no check has it: %+v", signature.ID, r.Problems)
		}
	}
}

func TestSilentNodeHasTheLineOfItsConsole(t *testing.T) {
	const up = "[   31.000000] [talos] machine is running and ready {}\n"
	for line, want := range map[string]bool{
		"INFO: task containerd:1500 blocked for more than 122 seconds.":                              true,
		"watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [kubelet:1900]":                           true,
		`[talos] controller failed {"error": "stat /etc/kubernetes/kubeconfig: input/output error"}`: true,
		"Memory cgroup out of memory: Killed process 4242 (java) total-vm:8000000kB":                 true,
		"XFS (sda6): Ending clean mount":                                                             false,
	} {
		s := troubled(func(s *snapshot.Snapshot) {
			silent(s, 5*time.Minute)
			s.Consoles[s.VMs[0].ID] = up + "[ 9000.000000] " + line + "\n"
		})
		found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO411")
		if len(found) != 1 {
			t.Fatalf("%s: %+v", line, found)
		}
		if has := slices.ContainsFunc(found[0].Evidence, func(e rule.Evidence) bool {
			return e.Source == "console" && strings.HasSuffix(e.Text, line)
		}); has != want {
			t.Errorf("%s: evidence %+v", line, found[0].Evidence)
		}
		s.Nodes[0].Status.Conditions[0].Status = corev1.ConditionTrue
		if r := diagnose.Run(s, diagnose.Rules()); !r.Healthy() {
			t.Errorf("%s: a Ready node has %+v", line, r.Problems)
		}
	}
}
