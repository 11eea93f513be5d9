// Package hostile fuzzes a screen with texts that others write: in tests only.
package hostile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/lipgloss"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Screen is what a test draws: a machine with this name, about which others wrote the text.
type Screen struct {
	*session.Session

	Snapshot   *snapshot.Snapshot
	Report     diagnose.Report
	Machine    snapshot.Machine
	Name, Text string
}

// Fuzz draws a screen with a text in all places that others write, without the masking of a Snapshot before it. A table
// is also held to the width of the screen.
func Fuzz(f *testing.F, screen string, isTable bool, draw func(Screen) error) {
	f.Helper()
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
		printed := drawn(t, name, text, session.Environment{Columns: int(width), UTF8: utf8}, draw)
		for line := range strings.SplitSeq(printed, "\n") {
			checkLine(t, screen, line)
			// Names stay whole, commands too, and a narrower screen than this has no room for the columns that stay.
			row := slices.ContainsFunc([]string{"default-7xk2p ", "i-7 ", "    "}, func(start string) bool {
				return strings.HasPrefix(line, start)
			})
			table := isTable && name == "default-7xk2p" && width >= 60
			if columns := lipgloss.Width(line); table && row && columns > int(width) {
				t.Errorf("%s at %d has %d columns: %q", screen, width, columns, line)
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

// drawn is what a command prints on both streams.
func drawn(t *testing.T, name, text string, env session.Environment, draw func(Screen) error) string {
	t.Helper()
	s, report := fleet(name, text)
	var stdout, stderr bytes.Buffer
	streams := genericiooptions.IOStreams{Out: &stdout, ErrOut: &stderr}
	a := session.New(streams, env, session.Clients{Now: func() time.Time { return s.TakenAt }})
	a.AddFlags(&cobra.Command{}) // with their defaults
	machine := snapshot.Machine{Claim: &s.NodeClaims[0], Node: &s.Nodes[0], VM: &s.VMs[0]}
	if err := draw(Screen{a, s, report, machine, name, text}); err != nil {
		fmt.Fprintln(&stdout, "error: "+err.Error())
	}
	return stdout.String() + stderr.String()
}

func fleet(name, text string) (*snapshot.Snapshot, diagnose.Report) {
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
