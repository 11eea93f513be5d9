package render_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
)

func columns() []render.Column {
	return []render.Column{
		{Name: "CLAIM"}, {Name: "NODE", Min: 6, Drop: 2}, {Name: "IP", Wide: true}, {Name: "AGE", Right: true}, {Name: "NOTE", Flow: true},
	}
}

func rows() [][]render.Cell {
	return [][]render.Cell{
		render.Plain("default-7xk2p", "ip-10-0-1-88", "10.0.1.88", "12m", "waits for its machine config"),
		{{Text: "default-longer-name-9qqzz"}, {Text: ""}, {Text: "10.0.1.89"}, {Text: "4d"}, render.Marked(render.MarkError, "drifted")},
	}
}

func table(options render.Options) (string, int) {
	var out bytes.Buffer
	hidden := render.NewTheme(options).Table(&out, columns(), rows())
	return out.String(), hidden
}

func TestPipeShowsAllOfEveryColumn(t *testing.T) {
	want := "" +
		"CLAIM                      NODE          AGE  NOTE\n" +
		"default-7xk2p              ip-10-0-1-88  12m  waits for its machine config\n" +
		"default-longer-name-9qqzz  -              4d  drifted\n"
	if got, hidden := table(render.Options{}); got != want || hidden != 0 {
		t.Errorf("%d hidden, %s", hidden, cmp.Diff(want, got))
	}
}

func TestNarrowScreenCutsAndDropsButNeverWhatIdentifies(t *testing.T) {
	for width, want := range map[int]int{76: 0, 68: 0, 62: 1, 46: 0, 40: 0, 34: 1, 20: 1} {
		got, hidden := table(render.Options{Width: width})
		if hidden != want {
			t.Errorf("width %d: %d columns hidden, want %d\n%s", width, hidden, want, got)
		}
		if !strings.Contains(got, "default-longer-name-9qqzz") || !strings.Contains(got, "12m") {
			t.Errorf("width %d: a name or an age is cut\n%s", width, got)
		}
		if words := strings.Join(strings.Fields(got), " "); !strings.Contains(words, "machine") || !strings.Contains(words, "drifted") {
			t.Errorf("width %d: a note is lost\n%s", width, got)
		}
		for line := range strings.Lines(got) {
			if line = strings.TrimRight(line, "\n"); width >= 34 && lipgloss.Width(line) > width {
				t.Errorf("width %d: %q has %d columns", width, line, lipgloss.Width(line))
			}
		}
	}
}

func TestFreeTextWrapsInItsColumnAndThenBelowItsRow(t *testing.T) {
	columns := []render.Column{{Name: "VM"}, {Name: "ZONE", Drop: 1}, {Name: "NOTE", Flow: true}}
	rows := [][]render.Cell{render.Plain("i-1", "eu-west-2a", "drain blocked by a PodDisruptionBudget of the shop"), render.Plain("i-2", "eu-west-2b", "")}
	for width, want := range map[int]string{
		50: "VM   ZONE        NOTE\n" +
			"i-1  eu-west-2a  drain blocked by a\n" +
			"                 PodDisruptionBudget of the shop\n" +
			"i-2  eu-west-2b  -\n",
		40: "VM   NOTE\n" +
			"i-1  drain blocked by a\n" +
			"     PodDisruptionBudget of the shop\n" +
			"i-2  -\n",
		30: "VM   ZONE\n" +
			"i-1  eu-west-2a\n" +
			"    drain blocked by a\n" +
			"    PodDisruptionBudget of the\n" +
			"    shop\n" +
			"i-2  eu-west-2b\n",
	} {
		var out bytes.Buffer
		render.NewTheme(render.Options{Width: width}).Table(&out, columns, rows)
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("width %d: %s", width, diff)
		}
	}
}

func TestWideShowsEverythingAtAnyWidth(t *testing.T) {
	got, hidden := table(render.Options{Width: 20, Wide: true})
	if hidden != 0 || !strings.Contains(got, "10.0.1.88") || !strings.Contains(got, "waits for its machine config") {
		t.Errorf("%d hidden\n%s", hidden, got)
	}
}

func TestColourChangesNoColumn(t *testing.T) {
	plain, _ := table(render.Options{})
	colored, _ := table(render.Options{Color: true})
	if !strings.Contains(colored, "\x1b[31mdrifted\x1b[0m") {
		t.Errorf("no red:\n%q", colored)
	}
	if stripped := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(colored); stripped != plain {
		t.Error(cmp.Diff(plain, stripped))
	}
}

func TestWrapBreaksNoWordAndLosesNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z-]{1,30}`)).Draw(t, "words")
		width, indent := rapid.IntRange(0, 140).Draw(t, "width"), rapid.IntRange(0, 20).Draw(t, "indent")
		wrapped := render.Wrap(strings.Join(words, " "), width, indent)
		if diff := cmp.Diff(strings.Fields(strings.Join(words, " ")), strings.Fields(wrapped)); diff != "" {
			t.Fatal(diff)
		}
		for i, line := range strings.Split(wrapped, "\n") {
			limit := max(20, min(width, 100)-indent)
			if text := strings.TrimSpace(line); width > 0 && len(text) > limit && strings.Contains(text, " ") {
				t.Fatalf("line %d has %d of %d columns: %q", i, len(text), limit, text)
			}
		}
	})
}

func TestDurationsReadAsThoseOfKubectl(t *testing.T) {
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", -time.Hour: "0s", 0: "0s", 10 * time.Second: "10s", 90 * time.Second: "90s", 2 * minute: "2m",
		2*minute + 50*time.Second: "2m50s", 4*minute + 10*time.Second: "4m10s", 5*minute + 3*time.Second: "5m3s",
		5*minute + 3900*time.Millisecond: "5m3s", 9*minute + 59*time.Second: "9m59s", 10*minute + 10*time.Second: "10m",
		hour: "60m", 100 * minute: "100m", 3 * hour: "3h", 3*hour + 10*minute: "3h10m", 5*hour + 59*time.Second: "5h",
		10 * hour: "10h", 2 * day: "2d", 2*day + 10*hour: "2d10h", 9*day + 5*hour: "9d", 100 * day: "100d",
	} {
		if got := render.Duration(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestSymbolsAndLettersHaveTheSameWords(t *testing.T) {
	for mark, word := range map[render.Mark]string{render.MarkOK: "OK", render.MarkWarning: "WARN", render.MarkError: "ERROR"} {
		letters := render.NewTheme(render.Options{ASCII: true}).Line(mark, "the text")
		if letters != word+" the text" {
			t.Errorf("%q, want the word %s", letters, word)
		}
		if symbols := render.NewTheme(render.Options{}).Line(mark, "the text"); !strings.HasSuffix(symbols, " "+letters) {
			t.Errorf("%q has not the words of %q", symbols, letters)
		}
	}
}

func TestBarBreaksBetweenPartsOnly(t *testing.T) {
	parts := []string{"sandbox", "context prod, key ...4821", "5 NodeClaims, 3 Nodes"}
	for width, want := range map[int]string{
		0:  "sandbox | context prod, key ...4821 | 5 NodeClaims, 3 Nodes",
		59: "sandbox | context prod, key ...4821 | 5 NodeClaims, 3 Nodes",
		58: "sandbox | context prod, key ...4821 |\n  5 NodeClaims, 3 Nodes",
		50: "sandbox | context prod, key ...4821 |\n  5 NodeClaims, 3 Nodes",
		30: "sandbox |\n  context prod, key ...4821 |\n  5 NodeClaims, 3 Nodes",
	} {
		if got := render.Bar(width, parts...); got != want {
			t.Errorf("width %d: %q, want %q", width, got, want)
		}
	}
}
