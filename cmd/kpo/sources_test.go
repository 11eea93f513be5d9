package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func stopFirst(s *fleet.Snapshot) {
	for i := range s.VMs {
		if s.VMs[i].ID == s.Machines()[0].VM.ID {
			s.VMs[i].State = vm.StateStopped
		}
	}
}

// without is the cluster of a file whose source could not be read.
func without(s *fleet.Snapshot, source fleet.Source) {
	s.Sources[source] = fleet.SourceStatus{State: fleet.StateFailed, Reason: "forbidden"}
	switch source {
	case fleet.SourceVMs:
		s.VMs = nil
	case fleet.SourceConsoles:
		s.Consoles = nil
	case fleet.SourceQuotas:
		s.Quotas = nil
	case fleet.SourcePrices:
		for i := range s.VMs {
			s.VMs[i].EURPerHour = 0
		}
	case fleet.SourceNodeClaims:
		s.NodeClaims = nil
	case fleet.SourceNodes:
		s.Nodes = nil
	case fleet.SourceNodePools:
		s.NodePools = nil
	case fleet.SourceNodeClasses:
		s.NodeClasses = nil
	case fleet.SourceEvents:
		s.Events = nil
	case fleet.SourcePods:
		s.Pods = nil
	case fleet.SourceBudgets:
		s.Budgets = nil
	case fleet.SourceAttachments:
		s.Attachments = nil
	case fleet.SourceCSRs:
		s.CSRs = nil
	case fleet.SourceController:
		s.Cluster.Controller = nil
	case fleet.SourceCCM:
		s.Cluster.CCM = nil
	case fleet.SourceLogs:
		s.Logs = nil
	case fleet.SourceUsage:
		s.Usage = nil
	case fleet.SourceClusterUID:
		s.Cluster.UID = ""
	case fleet.SourceClusterNames:
		s.Cluster.Name, s.Cluster.ID = "", ""
	}
}

// fed are the screens that a source feeds, besides doctor.
func fed(source fleet.Source) []string {
	return map[fleet.Source][]string{
		fleet.SourceVMs:          {"nodes", "tags", "orphans"},
		fleet.SourcePrices:       {"nodes"},
		fleet.SourceNodeClaims:   {"nodes", "tags", "orphans", "timeline"},
		fleet.SourceNodes:        {"nodes", "orphans", "version"},
		fleet.SourceNodeClasses:  {"tags"},
		fleet.SourceClusterUID:   {"tags", "orphans"},
		fleet.SourceClusterNames: {"tags", "orphans"},
		fleet.SourceController:   {"version"},
	}[source]
}

func TestNoScreenTakesWhatWasNotReadForNone(t *testing.T) {
	zero := regexp.MustCompile(`(?:^|[^0-9.])(?:0 (?:NodeClaims|Nodes|VMs|claims|orphans|tags|pods|quotas))`)
	tick := regexp.MustCompile(`(?m)^(?:√|OK) .*(?:passed|nothing to do|no problems|every VM|tags|wants them)`)
	healthy, err := fleet.Load(filepath.Join("testdata", "healthy.json"))
	if err != nil {
		t.Fatal(err)
	}
	for source := range healthy.Sources {
		path := stored(t, func(s *fleet.Snapshot) { without(s, source) })
		commands := append([]string{"doctor", "doctor -o short"}, fed(source)...)
		if source == fleet.SourcePrices {
			commands = fed(source)
		}
		for _, line := range commands {
			got := kpo(t, environment{utf8: true}, append(strings.Fields(line), "--from", path)...)
			all := got.stdout + got.stderr
			if got.code != exitTrouble || zero.MatchString(got.stdout) || tick.MatchString(got.stdout) || !strings.Contains(all, "forbidden") {
				t.Errorf("without %s, %s: exit %d\n%s", source, line, got.code, all)
			}
		}
	}
}

func TestNothingComparedIsNeitherZeroNorRight(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fleet.Snapshot)
		code   int
		says   string
	}{
		"no NodeClaims": {func(s *fleet.Snapshot) { s.NodeClaims, s.Nodes = nil, nil }, exitHealthy, "nothing to compare: no NodeClaim has a VM that stays"},
		"no NodeClass":  {func(s *fleet.Snapshot) { s.NodeClasses = nil }, exitTrouble, "not compared: 2 VMs whose OutscaleNodeClass does not exist"},
		"no cluster ID": {func(s *fleet.Snapshot) { s.Cluster.ID = "" }, exitTrouble, "the controller's cluster ID is not known, use --cluster-id"},
	} {
		path := stored(t, c.change)
		got := kpo(t, environment{utf8: true}, "tags", "--from", path)
		green := name != "no cluster ID" && strings.Contains(got.stdout, "√")
		if got.code != c.code || !strings.Contains(got.stdout, c.says) || green || strings.Contains(got.stdout, "0 VMs") {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", name, got.code, c.code, c.says, got.stdout, got.stderr)
		}
	}
}

func TestTargetThatIsFineNamesWhatIsWrongElsewhere(t *testing.T) {
	path := stored(t, stopFirst)
	got := kpo(t, environment{utf8: true}, "doctor", "default-9qqzz", "--from", path)
	const want = "what you named is fine; elsewhere in the cluster: 1 finding (kubectl kpo doctor): default-7xk2p"
	if got.code != exitHealthy || !strings.Contains(got.stdout, want) || strings.Contains(got.stdout, "nothing to do") {
		t.Errorf("exit %d, want %q\n%s", got.code, want, got.stdout)
	}
}
