package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/lipgloss"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// FuzzScreens draws each screen with a text in all places that others write, without the masking of a Snapshot before it.
func FuzzScreens(f *testing.F) {
	for _, text := range []string{
		"", " ", "\x1b[2J\x1b[31mHACK\x1b]0;title\a", "\x9b31mred", "\u009b31mred", "two\r\nlines\tand a tab",
		"\u202eevil\u2066", "\xff\xfe", "宽宽宽宽宽宽宽宽宽宽宽宽 宽宽宽宽宽宽宽宽", "e\u0301\u0301\u0301", "👩\u200d👩\u200d👧 👍🏽",
		strings.Repeat("x", 500), strings.Repeat("word ", 100), "a…b", "%s%d%!",
	} {
		for _, width := range []uint16{0, 1, 60, 80, 120, 9999} {
			f.Add(text, text, width, true)
			f.Add("default-7xk2p", text, width, false)
		}
	}
	f.Fuzz(func(t *testing.T, name, text string, width uint16, utf8 bool) {
		for screen, output := range hostileScreens(name, text, environment{columns: int(width), utf8: utf8}) {
			for line := range strings.SplitSeq(output, "\n") {
				checkLine(t, screen, line)
				// Names stay whole, commands too, and a narrower screen than this has no room for the columns that stay.
				row := slices.ContainsFunc([]string{"default-7xk2p ", "i-7 ", "    "}, func(start string) bool {
					return strings.HasPrefix(line, start)
				})
				table := screen != "doctor" && screen != "console" && name == "default-7xk2p" && width >= 60
				if columns := lipgloss.Width(line); table && row && columns > int(width) {
					t.Errorf("%s at %d has %d columns: %q", screen, width, columns, line)
				}
			}
		}
	})
}

func checkLine(t *testing.T, screen, line string) {
	t.Helper()
	for _, r := range line {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Fatalf("%s: %U in %q", screen, r, line)
		}
	}
}

// hostileScreens returns what each command prints of a machine with this name, about which others wrote the text.
func hostileScreens(name, text string, env environment) map[string]string {
	s, report := hostileFleet(name, text)
	machine := snapshot.Machine{Claim: &s.NodeClaims[0], Node: &s.Nodes[0], VM: &s.VMs[0]}
	out := map[string]string{}
	for screen, draw := range map[string]func(*app, *output) error{
		"doctor": func(a *app, o *output) error { return a.printReport(o, s, report, []snapshot.Machine{machine}) },
		"nodes": func(a *app, o *output) error {
			rows := machineRows(s, []snapshot.Machine{machine})
			rows[0].Notes = append(rows[0].Notes, text)
			return a.printNodes(o, s, rows)
		},
		"timeline": func(a *app, o *output) error { return a.printTimeline(o, s, []snapshot.Machine{machine}) },
		"orphans": func(a *app, o *output) error {
			l := clusterwide.Leftover{Verdict: clusterwide.Orphan, VM: s.VMs[0], NodeClaim: name, Why: text}
			return a.printOrphans(o, s, []clusterwide.Leftover{l}, deletion{})
		},
		"tags": func(a *app, o *output) error {
			d := tags.Diff{VM: "i-7", NodeClaim: name, Tag: "OscK8sNodeName", Want: name, Have: text}
			return a.printTags(o, s, tags.Report{Diffs: []tags.Diff{d}, Compared: 1, Young: 1})
		},
		"types": func(a *app, o *output) error {
			return a.printTypes(o, s, typeList{rows: []typeRow{{Name: "tinav7.c4r8p1", NodeClass: name, Subregions: []string{text}}}})
		},
		"console": func(a *app, _ *output) error {
			stages := []bootlog.Stage{{Name: "ready", Title: "node ready", State: bootlog.Failed}}
			finding := bootlog.Finding{
				ID: "join.token", Severity: bootlog.Fatal, Stage: "ready", Text: text, Diagnosis: text, Remedy: text,
			}
			report := bootlog.Report{Lines: 1, Stages: stages, Findings: []bootlog.Finding{finding}}
			a.printConsole(consoleView{VM: "i-7", State: text, StateReason: text, Report: report}, name)
			a.printConsole(consoleView{VM: "i-7", StateUnknown: text, Report: bootlog.Report{Stages: stages}}, name)
			return nil
		},
	} {
		var stdout, stderr bytes.Buffer
		a := newApp(genericiooptions.IOStreams{Out: &stdout, ErrOut: &stderr}, env, clients{now: func() time.Time { return s.TakenAt }})
		a.color, a.symbols = "auto", "auto"
		if err := draw(a, &output{format: formatTable, human: []string{formatTable}}); err != nil {
			fmt.Fprintln(&stdout, "error: "+err.Error())
		}
		out[screen] = stdout.String() + stderr.String()
	}
	return out
}

func hostileFleet(name, text string) (*snapshot.Snapshot, diagnose.Report) {
	now := time.Date(2026, 11, 22, 3, 12, 7, 0, time.UTC)
	s := &snapshot.Snapshot{
		TakenAt: now, Cluster: snapshot.Cluster{Name: text, UID: text}, Access: snapshot.Access{Context: text, Region: text, Key: "4821"},
		Sources: map[snapshot.Source]snapshot.SourceStatus{},
		VMs:     []snapshot.VM{{ID: "i-7", State: vm.StateRunning, Type: text, Subregion: text, PrivateIP: text}},
	}
	claim := karpv1.NodeClaim{}
	claim.Name, claim.CreationTimestamp = name, metav1.NewTime(now.Add(-time.Hour))
	claim.Labels = map[string]string{karpv1.NodePoolLabelKey: text}
	claim.StatusConditions().SetFalse(karpv1.ConditionTypeLaunched, "Reason", text)
	claim.Status.Conditions[0].Reason = text
	s.NodeClaims = []karpv1.NodeClaim{claim}
	s.Nodes = []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: claim.Labels}}}
	s.Events = []corev1.Event{{
		InvolvedObject: corev1.ObjectReference{Kind: "NodeClaim", Name: name}, Reason: "DisruptionBlocked",
		Message: text, LastTimestamp: metav1.NewTime(now),
	}}
	subjects := []rule.Ref{{Kind: "NodeClaim", Name: name, VM: text, Since: now}, {Kind: "NodeClaim", Name: text}}
	return s, diagnose.Report{
		Problems: []diagnose.Problem{{
			Check: "KPO207", Title: text, Severity: rule.Error, Confidence: rule.Certain, Cause: text, Subjects: subjects,
			Evidence: []rule.Evidence{{Source: text, Text: text, At: now}}, Deadline: now, Consequence: text, Next: text, Fix: text,
		}, {Check: "KPO208", Title: text, Subjects: subjects[1:]}},
		NotChecked: []diagnose.NotChecked{{Check: "KPO103", Reason: text}},
		UnderWay:   []diagnose.Note{{Text: text, Subjects: subjects, Since: now}},
	}
}
