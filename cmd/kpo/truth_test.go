package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// changed writes the healthy fixture with a change to a file.
func changed(t *testing.T, change func(*snapshot.Snapshot)) string {
	t.Helper()
	s, err := gather.Load(filepath.Join("testdata", "healthy.json"))
	if err != nil {
		t.Fatal(err)
	}
	change(s)
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "snapshot.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConsoleOfAVMThatDoesNotRunIsNotFine(t *testing.T) {
	const good = "no known error"
	for state, want := range map[string]int{
		vm.StateRunning: exitHealthy, vm.StatePending: exitHealthy, vm.StateStopped: exitFindings, vm.StateStopping: exitFindings,
		vm.StateShuttingDown: exitFindings, vm.StateTerminated: exitFindings,
	} {
		id := ""
		path := changed(t, func(s *snapshot.Snapshot) {
			id = s.VMs[0].ID
			s.Consoles = map[string]string{id: "[    1.000000] [talos] [initramfs] booting Talos v1.13.0\n"}
			s.VMs[0].State = state
		})
		got := kpo(t, session.Environment{}, "console", id, "--from", path)
		if got.code != want || !strings.Contains(got.stdout, "the VM is "+state) || strings.Contains(got.stdout, good) != (want == exitHealthy) {
			t.Errorf("%s: exit %d, want %d\n%s%s", state, got.code, want, got.stdout, got.stderr)
		}
	}
}

func TestConsoleReadsTheStateOfTheVM(t *testing.T) {
	l := newLive(t)
	v := l.launch(t, "default-7xk2p")
	if got := l.kpo(t, "", "console", v.ID); !strings.Contains(got.stdout, "  the VM is ") {
		t.Errorf("%s%s", got.stdout, got.stderr)
	}
	if !l.region.StopVM(v.ID) {
		t.Fatal("the VM does not stop")
	}
	if got := l.kpo(t, "", "console", v.ID); got.code != exitFindings || !strings.Contains(got.stdout, "ERROR the VM is stop") {
		t.Errorf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestDoctorOfATargetShowsThatTheControllerIsDown(t *testing.T) {
	path := changed(t, func(s *snapshot.Snapshot) { s.Cluster.Controller.Available = 0 })
	for target, want := range map[string]int{"default-7xk2p": exitFindings, "default": exitFindings, "nobody": exitUsage} {
		got := kpo(t, session.Environment{}, "doctor", target, "--from", path)
		if got.code != want || strings.Contains(got.stdout, "KPO603") != (want == exitFindings) {
			t.Errorf("doctor %s: exit %d, want %d\n%s%s", target, got.code, want, got.stdout, got.stderr)
		}
	}
}

func TestWhatCouldNotBeReadIsNeverZeroVMs(t *testing.T) {
	for _, source := range []snapshot.Source{snapshot.SourceClusterNames, snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs} {
		path := changed(t, func(s *snapshot.Snapshot) {
			s.Sources[source] = snapshot.SourceStatus{State: snapshot.StateFailed, Reason: "forbidden"}
			s.Cluster.Name, s.Cluster.UID, s.NodeClaims = "", "", nil
		})
		if got := kpo(t, session.Environment{}, "doctor", "--from", path); got.code == exitHealthy || !strings.Contains(got.stdout, "? VMs") {
			t.Errorf("without %s: exit %d\n%s", source, got.code, got.stdout)
		}
	}
}

func TestMachinesThatStartAreOnTheScreen(t *testing.T) {
	path := changed(t, func(s *snapshot.Snapshot) {
		s.Consoles = map[string]string{}
		for i := range s.NodeClaims {
			s.NodeClaims[i].Status.Conditions = s.NodeClaims[i].Status.Conditions[:1]
			s.NodeClaims[i].CreationTimestamp.Time = s.TakenAt.Add(-12 * time.Second)
			s.NodeClaims[i].Status.Conditions[0].LastTransitionTime.Time = s.TakenAt.Add(-10 * time.Second)
			s.VMs[i].CreatedAt = s.TakenAt.Add(-12 * time.Second)
			s.Consoles[s.VMs[i].ID] = ""
		}
		s.Nodes = nil
	})
	for _, format := range []string{"text", "short"} {
		got := kpo(t, session.Environment{}, "doctor", "-o", format, "--from", path)
		if got.code != exitHealthy || !strings.Contains(got.stdout, "- 2 machines are starting (12s): default-") || strings.Contains(got.stdout, "nothing to do") {
			t.Errorf("%s: exit %d\n%s%s", format, got.code, got.stdout, got.stderr)
		}
	}
}
