package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func stopFirst(s *snapshot.Snapshot) {
	for i := range s.VMs {
		if s.VMs[i].ID == s.Machines()[0].VM.ID {
			s.VMs[i].State = vm.StateStopped
		}
	}
}

// without is the cluster of a file whose source could not be read.
func without(s *snapshot.Snapshot, source snapshot.Source) {
	s.Sources[source] = snapshot.SourceStatus{State: snapshot.StateFailed, Reason: "forbidden"}
	switch source {
	case snapshot.SourceVMs:
		s.VMs = nil
	case snapshot.SourceConsoles:
		s.Consoles = nil
	case snapshot.SourceQuotas:
		s.Quotas = nil
	case snapshot.SourcePrices:
		for i := range s.VMs {
			s.VMs[i].EURPerHour = 0
		}
	case snapshot.SourceNodeClaims:
		s.NodeClaims = nil
	case snapshot.SourceNodes:
		s.Nodes = nil
	case snapshot.SourceNodePools:
		s.NodePools = nil
	case snapshot.SourceNodeClasses:
		s.NodeClasses = nil
	case snapshot.SourceEvents:
		s.Events = nil
	case snapshot.SourcePods:
		s.Pods = nil
	case snapshot.SourceBudgets:
		s.Budgets = nil
	case snapshot.SourceAttachments:
		s.Attachments = nil
	case snapshot.SourceCSRs:
		s.CSRs = nil
	case snapshot.SourceController:
		s.Cluster.Controller = nil
	case snapshot.SourceCCM:
		s.Cluster.CCM = nil
	case snapshot.SourceLogs:
		s.Logs = nil
	case snapshot.SourceUsage:
		s.Usage = nil
	case snapshot.SourceClusterUID:
		s.Cluster.UID = ""
	case snapshot.SourceClusterNames:
		s.Cluster.Name, s.Cluster.ID = "", ""
	}
}

// fed are the screens that a source feeds, besides doctor.
func fed(source snapshot.Source) []string {
	return map[snapshot.Source][]string{
		snapshot.SourceVMs:          {"nodes", "tags", "orphans"},
		snapshot.SourcePrices:       {"nodes"},
		snapshot.SourceNodeClaims:   {"nodes", "tags", "orphans", "timeline"},
		snapshot.SourceNodes:        {"nodes", "orphans", "version"},
		snapshot.SourceNodeClasses:  {"tags"},
		snapshot.SourceClusterUID:   {"tags", "orphans"},
		snapshot.SourceClusterNames: {"tags", "orphans"},
		snapshot.SourceController:   {"version"},
	}[source]
}

func TestNoScreenTakesWhatWasNotReadForNone(t *testing.T) {
	zero := regexp.MustCompile(`(?:^|[^0-9.])(?:0 (?:NodeClaims|Nodes|VMs|claims|orphans|tags|pods|quotas))`)
	tick := regexp.MustCompile(`(?m)^(?:√|OK) .*(?:passed|nothing to do|no problems|every VM|tags|wants them)`)
	healthy, err := gather.Load(filepath.Join("testdata", "healthy.json"))
	if err != nil {
		t.Fatal(err)
	}
	for source := range healthy.Sources {
		path := stored(t, func(s *snapshot.Snapshot) { without(s, source) })
		commands := append([]string{"doctor", "doctor -o short"}, fed(source)...)
		if source == snapshot.SourcePrices {
			commands = fed(source)
		}
		for _, line := range commands {
			got := kpo(t, session.Environment{UTF8: true}, append(strings.Fields(line), "--from", path)...)
			all := got.stdout + got.stderr
			if got.code != exitTrouble || zero.MatchString(got.stdout) || tick.MatchString(got.stdout) || !strings.Contains(all, "forbidden") {
				t.Errorf("without %s, %s: exit %d\n%s", source, line, got.code, all)
			}
		}
	}
}

func TestNothingComparedIsNeitherZeroNorRight(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*snapshot.Snapshot)
		code   int
		says   string
	}{
		"no NodeClaims": {func(s *snapshot.Snapshot) { s.NodeClaims, s.Nodes = nil, nil }, exitHealthy, "nothing to compare: no NodeClaim has a VM that stays"},
		"no NodeClass":  {func(s *snapshot.Snapshot) { s.NodeClasses = nil }, exitTrouble, "not compared: 2 VMs whose OutscaleNodeClass does not exist"},
		"no cluster ID": {func(s *snapshot.Snapshot) { s.Cluster.ID = "" }, exitTrouble, "the controller's cluster ID is not known, use --cluster-id"},
	} {
		path := stored(t, c.change)
		got := kpo(t, session.Environment{UTF8: true}, "tags", "--from", path)
		green := name != "no cluster ID" && strings.Contains(got.stdout, "√")
		if got.code != c.code || !strings.Contains(got.stdout, c.says) || green || strings.Contains(got.stdout, "0 VMs") {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", name, got.code, c.code, c.says, got.stdout, got.stderr)
		}
	}
}

func TestTargetThatIsFineNamesWhatIsWrongElsewhere(t *testing.T) {
	path := stored(t, stopFirst)
	got := kpo(t, session.Environment{UTF8: true}, "doctor", "default-9qqzz", "--from", path)
	const want = "what you named is fine; elsewhere in the cluster: 1 finding (kubectl kpo doctor): default-7xk2p"
	if got.code != exitHealthy || !strings.Contains(got.stdout, want) || strings.Contains(got.stdout, "nothing to do") {
		t.Errorf("exit %d, want %q\n%s", got.code, want, got.stdout)
	}
}
