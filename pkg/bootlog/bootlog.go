// Package bootlog reads the console of a Talos machine: how far it came, what went wrong, and what to do about it.
package bootlog

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/pattern"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

var uptime = regexp.MustCompile(`^\s*\[\s*(\d{1,9}\.\d{1,6})\]`)

// Report is what one console tells. All text in it went through Clean.
type Report struct {
	// Stages has all stages of a boot in order; their states are those of the present boot, the last on the console.
	Stages []Stage `json:"stages"`
	// Findings has each signature once for each thing that it is about, at its latest line, in the order of lines.
	Findings []Finding `json:"findings"`
	// Truncated says that the console no longer has the start of its first boot.
	Truncated bool `json:"truncated"`
	// Lines is the number of lines on the console: 0 if it is empty.
	Lines int `json:"lines"`
}

// Finding is a signature that the console shows.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Stage is the stage that cannot be passed because of the finding, or empty.
	Stage string `json:"stage,omitempty"`
	// Line counts from 1; Text is that line.
	Line  int           `json:"line"`
	Text  string        `json:"text"`
	At    time.Duration `json:"at"`
	Count int           `json:"count"`
	// Value is what the line names: a version, a file, an address, a reason.
	Value     string `json:"value,omitempty"`
	Diagnosis string `json:"diagnosis"`
	Remedy    string `json:"remedy,omitempty"`
	// Over says that a later line ended it: the machine passed the stage, became ready, recovered, or booted again.
	Over bool `json:"over,omitempty"`
	// Minor says that the machine can live with it as it is: it is a note, not a cause.
	Minor bool `json:"minor,omitempty"`
	// Before says that it is of a boot before the present one, which it did not survive.
	Before bool `json:"before,omitempty"`

	explains signature.Explains
}

// Passed reports whether the console shows that the boot has passed a stage.
func (r Report) Passed(stage string) bool {
	return slices.ContainsFunc(r.Stages, func(s Stage) bool { return s.Name == stage && s.State == Done })
}

// Cause returns the finding that explains best why the machine is not ready: none if nothing is wrong any more.
func (r Report) Cause() (Finding, bool) {
	return r.best(func(f Finding) bool { return !f.Over && !f.Minor && f.Severity >= Warning })
}

// Suspect returns the finding that explains best why a machine does not answer that is known not to: Cause, or what would
// be a note on a machine that answers.
func (r Report) Suspect() (Finding, bool) {
	if cause, ok := r.Cause(); ok {
		return cause, true
	}
	return r.best(func(f Finding) bool {
		return !f.Over && f.explains == signature.Itself && (f.Minor && f.Severity >= Warning || f.ID == "oom.pod")
	})
}

// Notes returns what is worth reading and wrong with nothing: of the boots before, only what ended the last of them.
func (r Report) Notes() []Finding {
	notes := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool {
		return f.Over || !f.Minor && f.Severity != Note
	})
	if ended, ok := r.best(func(f Finding) bool { return f.Before }); ok {
		notes = append([]Finding{ended}, notes...)
	}
	return notes
}

// best returns the finding with the highest rank of those that are wanted.
func (r Report) best(wanted func(Finding) bool) (Finding, bool) {
	found := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return !wanted(f) })
	if len(found) == 0 {
		return Finding{}, false
	}
	return slices.MaxFunc(found, func(a, b Finding) int { return slices.Compare(a.rank(), b.rank()) }), true
}

// rank orders findings: a reboot is what one sees, an error of another kind next to it is why.
func (f Finding) rank() []int {
	var blocks, ownReason int
	if f.Severity >= Error {
		blocks = 1
	}
	if f.explains > signature.Consequence {
		ownReason = 1
	}
	return []int{blocks, ownReason, int(f.Severity), int(f.explains), f.Line}
}

// Parser knows the signatures; it may be used by several goroutines.
type Parser struct {
	signatures []compiled
	stages     []stage
	cleaner    *cleaner
}

//nolint:gochecknoglobals // compiled once, at the first use, and never changed: that takes longer than to read a console
var parser = sync.OnceValue(func() *Parser {
	return &Parser{signatures: compile(), stages: stages(), cleaner: newCleaner()}
})

// New returns the parser.
func New() *Parser { return parser() }

// Parse reads a console. The text may lack its start and end anywhere.
func Parse(text string) Report { return New().Parse(text) }

// Parse reads a console. The text may lack its start and end anywhere.
func (p *Parser) Parse(text string) Report {
	text = strings.TrimRight(p.cleaner.clean(text), "\n")
	present := newBoot(p)
	if text == "" {
		return Report{Stages: present.report(nil), Findings: []Finding{}}
	}
	lines := strings.Split(text, "\n")
	boots := []*boot{present}
	for i, text := range lines {
		l := pattern.NewLine(text)
		at, known := uptimeOf(text)
		if present.over(text, at, known) {
			present = newBoot(p)
			boots = append(boots, present)
		}
		present.read(i+1, l, at)
	}
	findings := merge(boots)
	return Report{
		Stages: present.report(findings), Findings: findings,
		Truncated: !boots[0].started, Lines: len(lines),
	}
}

// merge returns the findings of all boots. One that comes again is that of the later boot.
func merge(boots []*boot) []Finding {
	latest := map[string]Finding{}
	for i, b := range boots {
		before := i < len(boots)-1
		for key, f := range b.judged() {
			if before {
				f.Before = !f.Over && !f.Minor && f.Severity >= Error
				f.Over = true
			}
			f.Count += latest[key].Count
			latest[key] = f
		}
	}
	out := make([]Finding, 0, len(latest))
	for _, f := range latest {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// uptimeOf returns the uptime at which the kernel printed a line, and whether the line says so.
func uptimeOf(line string) (time.Duration, bool) {
	groups := uptime.FindStringSubmatch(line)
	if groups == nil {
		return 0, false
	}
	at, err := time.ParseDuration(groups[1] + "s")
	return at, err == nil
}

// trimJSON drops the end of the JSON in which Talos puts errors.
func trimJSON(value string) string {
	value = strings.TrimSuffix(value, `"}`)
	for strings.HasSuffix(value, `\n`) {
		value = strings.TrimSuffix(value, `\n`)
	}
	return value
}
