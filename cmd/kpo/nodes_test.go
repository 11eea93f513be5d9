package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// fleetOf is a healthy fleet of machines of these ages, named a, b, c in this order.
func fleetOf(t *testing.T, change func(*snapshot.Snapshot), ages ...time.Duration) string {
	t.Helper()
	return changed(t, func(s *snapshot.Snapshot) {
		claim, node, v := s.NodeClaims[0], s.Nodes[0], s.VMs[0]
		s.NodeClaims, s.Nodes, s.VMs = nil, nil, nil
		for i, age := range ages {
			name, id := string(rune('a'+i)), "i-0000000"+string(rune('1'+i))
			c, n, m := *claim.DeepCopy(), *node.DeepCopy(), v
			c.Name, c.UID, c.Status.NodeName, c.Status.ProviderID = name, c.UID+"-"+"x", name, "aws:///eu-west-2a/"+id
			c.CreationTimestamp.Time = s.TakenAt.Add(-age)
			n.Name, n.Spec.ProviderID, m.ID = name, c.Status.ProviderID, id
			s.NodeClaims, s.Nodes, s.VMs = append(s.NodeClaims, c), append(s.Nodes, n), append(s.VMs, m)
		}
		change(s)
	})
}

func claimsOfRows(t *testing.T, file string, args ...string) []string {
	t.Helper()
	got := kpo(t, session.Environment{}, append([]string{"nodes", "--from", file}, args...)...)
	var out []string
	for line := range strings.Lines(got.stdout) {
		out = append(out, strings.Fields(line)[0])
	}
	return out
}

func TestSortByOrdersValuesForPeopleAndMachines(t *testing.T) {
	ages := []time.Duration{10 * time.Minute, 12 * 24 * time.Hour, 25 * time.Hour, 2 * time.Minute, 7 * time.Second}
	file := fleetOf(t, func(s *snapshot.Snapshot) {
		for i, price := range []float64{2.5, 0, 11.02, 0.07, 10.1} {
			s.VMs[i].EURPerHour = price
		}
	}, ages...)
	for column, want := range map[string][]string{
		"age": {"e", "d", "a", "c", "b"}, "EUR/H": {"d", "a", "e", "c", "b"}, "vm": {"a", "b", "c", "d", "e"},
	} {
		if got := claimsOfRows(t, file, "--no-headers", "--sort-by", column); !slices.Equal(got, want) {
			t.Errorf("table by %s: %v, want %v", column, got, want)
		}
		got := kpo(t, session.Environment{}, "nodes", "--from", file, "--sort-by", column, "-o", "jsonpath={.items[*].nodeClaim}").stdout
		if got != strings.Join(want, " ") {
			t.Errorf("json by %s: %s, want %v", column, got, want)
		}
		if got := claimsOfRows(t, file, "-o", "name", "--sort-by", column); got[0] != "nodeclaim.karpenter.sh/"+want[0] {
			t.Errorf("names by %s: %v, want %v", column, got, want)
		}
	}
}

func TestSortByOfEveryTableTakesEachOfItsColumns(t *testing.T) {
	for _, command := range []string{"nodes", "orphans", "tags", "timeline", "types"} {
		offered := kpo(t, session.Environment{}, "__complete", command, "--sort-by", "").stdout
		columns := strings.Split(strings.TrimSpace(offered[:strings.IndexByte(offered, ':')]), "\n")
		if len(columns) < 5 {
			t.Fatalf("%s offers the columns %q", command, offered)
		}
		for _, column := range columns {
			got := kpo(t, session.Environment{}, command, "--from", sleepless(), "-o", "wide", "--sort-by", column)
			if strings.Contains(got.stderr, "error:") || !strings.Contains(got.stdout, strings.ToUpper(column)) {
				t.Errorf("%s by %s: %s", command, column, got.stderr)
			}
		}
		got := kpo(t, session.Environment{}, command, "--from", "/nonexistent", "--sort-by", "colour")
		if got.code != exitUsage || !strings.Contains(got.stderr, "no such column") || !strings.Contains(got.stderr, strings.Join(columns, ", ")) {
			t.Errorf("%s by colour: exit %d, %s", command, got.code, got.stderr)
		}
	}
}

func TestMistakesInFlagsCostNoReading(t *testing.T) {
	for _, line := range []string{"nodes -o nosuch", "doctor -o nosuch", "version -o nosuch", "nodes -o jsonpath={", "doctor -n shop", "nodes -A"} {
		got := kpo(t, session.Environment{}, append(strings.Fields(line), "--from", "/nonexistent")...)
		if got.code != exitUsage || strings.Contains(got.stderr, "nonexistent") || !strings.Contains(got.stderr, "hint:") {
			t.Errorf("%q: exit %d, %s", line, got.code, got.stderr)
		}
	}
}

func TestNoHeadersPrintsRowsOnly(t *testing.T) {
	for command, rows := range map[string]int{"nodes": 6, "orphans": 1, "tags": 2, "timeline": 5, "types": 4} {
		got := kpo(t, session.Environment{}, command, "--no-headers", "--from", sleepless())
		if lines := strings.Count(got.stdout, "\n"); lines != rows {
			t.Errorf("%s: %d lines, want %d rows:\n%s", command, lines, rows, got.stdout)
		}
	}
	for _, command := range []string{"orphans", "tags"} {
		if got := kpo(t, session.Environment{}, command, "--no-headers", "--from", filepath.Join("testdata", "healthy.json")); got.stdout != "" {
			t.Errorf("%s of a healthy cluster has no rows:\n%s", command, got.stdout)
		}
	}
}

func TestNodesTakesALabelSelector(t *testing.T) {
	file := fleetOf(t, func(s *snapshot.Snapshot) {
		s.NodeClaims[0].Labels["team"] = "shop"
		s.Nodes[1].Labels["team"] = "bank"
	}, time.Hour, time.Hour, time.Hour)
	for selector, want := range map[string][]string{
		"team=shop": {"a"}, "team": {"a", "b"}, "team!=shop": {"b", "c"}, "team in (shop,bank)": {"a", "b"}, "!team": {"c"}, "": {"a", "b", "c"},
	} {
		if got := claimsOfRows(t, file, "--no-headers", "-l", selector); !slices.Equal(got, want) {
			t.Errorf("-l %q: %v, want %v", selector, got, want)
		}
	}
	if got := kpo(t, session.Environment{}, "nodes", "--from", file, "-l", "=="); got.code != exitTrouble || !strings.Contains(got.stderr, "-l") {
		t.Errorf("%+v", got)
	}
}

func TestNamesOfOutputsAreTakenBack(t *testing.T) {
	for _, command := range []string{"nodes", "orphans", "tags", "timeline", "doctor", "console default-0xk2p"} {
		printed := kpo(t, session.Environment{}, append(strings.Fields(command), "-o", "name", "--from", sleepless())...).stdout
		if printed == "" {
			t.Errorf("%s prints no names", command)
		}
		for name := range strings.FieldsSeq(printed) {
			for _, taking := range []string{"doctor", "nodes", "tags", "timeline", "console"} {
				got := kpo(t, session.Environment{}, taking, name, "--from", sleepless())
				if strings.Contains(got.stderr, "matches") || strings.Contains(got.stderr, "unknown") {
					t.Errorf("%s takes not %s of %s: %s", taking, name, command, got.stderr)
				}
			}
		}
	}
}

func TestAStoppedVMCostsNothingAndAnUnknownPriceIsNoZero(t *testing.T) {
	file := fleetOf(t, func(s *snapshot.Snapshot) {
		for i, price := range []float64{0.07000000029802322, 0.07, 0.07, 0} {
			s.VMs[i].EURPerHour = price
		}
		s.VMs[1].State, s.VMs[2].State = vm.StateStopped, vm.StateTerminated
	}, time.Hour, time.Hour, time.Hour, time.Hour)
	want := map[string]string{"a": "0.070", "b": "0.000", "c": "0.000", "d": "?"}
	got := kpo(t, session.Environment{}, "nodes", "--from", file)
	for line := range strings.Lines(got.stdout) {
		fields := strings.Fields(line)
		if price, ok := want[fields[0]]; ok && fields[9] != price {
			t.Errorf("%s costs %s, want %s", fields[0], fields[9], price)
		}
	}
	if !strings.Contains(got.stdout, "3 VMs | EUR 0.07/h without volumes, 1 unpriced") {
		t.Error(got.stdout)
	}
	raw := kpo(t, session.Environment{}, "nodes", "--from", file, "-o", "json").stdout
	if !strings.Contains(raw, `"eurPerHour": 0.07,`) || strings.Count(raw, "eurPerHour") != 3 {
		t.Error(raw)
	}
	unpriced := fleetOf(t, func(s *snapshot.Snapshot) { s.VMs[0].EURPerHour = 0 }, time.Hour)
	if got := kpo(t, session.Environment{}, "nodes", "--from", unpriced); strings.Contains(got.stdout, "0.00") || !strings.Contains(got.stdout, "EUR ?/h, 1 unpriced") {
		t.Error(got.stdout)
	}
}

func TestNodesShowsWhatPodsRequest(t *testing.T) {
	file := fleetOf(t, func(s *snapshot.Snapshot) {
		for i := range s.Nodes {
			s.Nodes[i].Status.Allocatable = corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("4Gi")}
		}
		s.Nodes[1].Status.Allocatable = nil
		s.Usage = map[string]snapshot.Usage{"a": {Pods: 12, MilliCPU: 1500, Memory: 1 << 30}, "b": {Pods: 1}}
		s.Sources[snapshot.SourceUsage] = snapshot.SourceStatus{State: snapshot.StateOK}
	}, time.Hour, time.Hour, time.Hour)
	got := kpo(t, session.Environment{}, "nodes", "--from", file, "-o", "wide", "--no-headers").stdout
	var shown [][]string
	for line := range strings.Lines(got) {
		shown = append(shown, strings.Fields(line)[12:15])
	}
	if diff := cmp.Diff([][]string{{"12", "75", "25"}, {"1", "-", "-"}, {"0", "0", "0"}}, shown); diff != "" {
		t.Error(diff)
	}
	var list struct {
		Items []struct {
			Ready    *bool
			Pods     *int
			MilliCPU *int64
		}
	}
	raw := kpo(t, session.Environment{}, "nodes", "--from", file, "-o", "json").stdout
	if err := json.Unmarshal([]byte(raw), &list); err != nil || !*list.Items[0].Ready || *list.Items[0].Pods != 12 || *list.Items[0].MilliCPU != 1500 {
		t.Error(err, raw)
	}
}

func TestNodesWideSaysWhyANodeIsNotDisrupted(t *testing.T) {
	event := func(s *snapshot.Snapshot, kind, name, reason, message string, ago time.Duration) {
		s.Events = append(s.Events, corev1.Event{
			InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name}, Reason: reason, Message: message,
			LastTimestamp: metav1.NewTime(s.TakenAt.Add(-ago)),
		})
	}
	drift := func(s *snapshot.Snapshot, ago time.Duration) {
		s.NodeClaims[0].Status.Conditions = append(s.NodeClaims[0].Status.Conditions, status.Condition{
			Type: karpv1.ConditionTypeDrifted, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(s.TakenAt.Add(-ago)),
		})
	}
	const budget = "No allowed disruptions for disruption reason "
	for want, change := range map[string]func(*snapshot.Snapshot){
		"blocked: PDB shop/redis prevents pod evictions": func(s *snapshot.Snapshot) {
			event(s, "NodeClaim", "a", "Unconsolidatable", "old news", 15*time.Minute)
			event(s, "NodeClaim", "a", "DisruptionBlocked", "PDB shop/redis prevents pod evictions", time.Minute)
		},
		"not consolidated: Can't remove without creating 2 candidates": func(s *snapshot.Snapshot) {
			event(s, "Node", "a", "Unconsolidatable", "Can't remove without creating 2 candidates", time.Minute)
		},
		"blocked: " + budget + "Empty due to blocking budget": func(s *snapshot.Snapshot) {
			event(s, "NodePool", "default", "DisruptionBlocked", budget+"Empty due to blocking budget", time.Minute)
		},
		"drifted for 24h": func(s *snapshot.Snapshot) {
			drift(s, 24*time.Hour)
			event(s, "NodePool", "default", "DisruptionBlocked", budget+"Empty due to blocking budget", time.Minute)
		},
		"drifted for 24h, blocked: " + budget + "Drifted due to blocking budget": func(s *snapshot.Snapshot) {
			drift(s, 24*time.Hour)
			event(s, "NodePool", "default", "DisruptionBlocked", budget+"Drifted due to blocking budget", time.Minute)
		},
		"": func(s *snapshot.Snapshot) { event(s, "NodeClaim", "a", "DisruptionBlocked", "an hour ago", time.Hour) },
	} {
		file := fleetOf(t, func(s *snapshot.Snapshot) { s.Events = nil; change(s) }, 48*time.Hour)
		got := kpo(t, session.Environment{}, "nodes", "--from", file, "-o", "jsonpath={.items[0].disruption}").stdout
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if table := kpo(t, session.Environment{}, "nodes", "--from", file, "-o", "wide").stdout; !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}
