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
		{Name: "CLAIM"}, {Name: "NODE", Min: 6, Drop: 2}, {Name: "IP", Wide: true}, {Name: "AGE", Right: true}, {Name: "NOTE", Min: 6, Drop: 1},
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
	for width, want := range map[int]int{60: 0, 46: 0, 40: 1, 32: 2, 20: 2} {
		got, hidden := table(render.Options{Width: width})
		if hidden != want {
			t.Errorf("width %d: %d columns hidden, want %d\n%s", width, hidden, want, got)
		}
		if !strings.Contains(got, "default-longer-name-9qqzz") || !strings.Contains(got, "12m") {
			t.Errorf("width %d: a name or an age is cut\n%s", width, got)
		}
		for line := range strings.Lines(got) {
			if line = strings.TrimRight(line, "\n"); width >= 32 && lipgloss.Width(line) > width {
				t.Errorf("width %d: %q has %d columns", width, line, lipgloss.Width(line))
			}
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

func TestSortByUnknownColumnNamesTheKnown(t *testing.T) {
	if err := render.SortBy(columns(), rows(), "colour"); err == nil || !strings.Contains(err.Error(), "claim, node") {
		t.Error(err)
	}
	sorted := rows()
	if err := render.SortBy(columns(), sorted, "node"); err != nil || sorted[0][0].Text != "default-longer-name-9qqzz" {
		t.Error(sorted, err)
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

func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 90 * time.Second: "90s", 5 * time.Minute: "5m", 5*time.Minute + 3*time.Second: "5m3s",
		2*time.Minute + 50*time.Second: "2m50s", 4*time.Minute + 10*time.Second: "4m10s", 14 * time.Minute: "14m",
		100 * time.Minute: "100m", 5 * time.Hour: "5h", 49 * time.Hour: "2d",
	} {
		if got := render.Duration(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
