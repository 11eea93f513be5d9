// Package bootlog reads the console of a Talos machine: how far it came, what went wrong, and what to do about it.
package bootlog

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Severity tells how bad a finding is.
type Severity int

// A Fatal finding never heals by itself, an Error may, a Warning does not stop the boot.
const (
	Info Severity = iota
	Warning
	Error
	Fatal
)

// String returns the severity as a word.
func (s Severity) String() string {
	return [...]string{"info", "warning", "error", "fatal"}[s]
}

// MarshalText makes the severity a word in JSON as well.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Report is what one console tells. All text in it went through Clean.
type Report struct {
	// Stages has all stages of a boot in order; their states are those of the latest boot on the console.
	Stages []Stage `json:"stages"`
	// Findings has each signature once, at its latest line, in the order of lines.
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
	// Over says that the machine passed the stage after this line.
	Over bool `json:"over,omitempty"`

	directness directness
}

// Cause returns the finding that explains best why the machine is not ready: none if nothing is wrong any more.
func (r Report) Cause() (Finding, bool) {
	open := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Over || f.Severity < Warning })
	if len(open) == 0 {
		return Finding{}, false
	}
	return slices.MaxFunc(open, func(a, b Finding) int { return slices.Compare(a.rank(), b.rank()) }), true
}

// rank orders findings: a reboot is what one sees, an error of another kind next to it is why.
func (f Finding) rank() []int {
	var blocks, ownReason int
	if f.Severity >= Error {
		blocks = 1
	}
	if f.directness > consequence {
		ownReason = 1
	}
	return []int{blocks, ownReason, int(f.Severity), int(f.directness), f.Line}
}

// Parser knows the signatures; it may be used by several goroutines.
type Parser struct {
	signatures []signature
	stages     []stage
	uptime     *regexp.Regexp
	cleaner    *cleaner
}

// New makes a parser.
func New() *Parser {
	return &Parser{
		signatures: signatures(),
		stages:     stages(),
		uptime:     regexp.MustCompile(`^\s*\[\s*(\d{1,9}\.\d{1,6})\]`),
		cleaner:    newCleaner(),
	}
}

// Parse reads a console. The text may lack its start and end anywhere.
func Parse(text string) Report { return New().Parse(text) }

// Parse reads a console. The text may lack its start and end anywhere.
func (p *Parser) Parse(text string) Report {
	text = strings.TrimRight(p.cleaner.clean(text), "\n")
	if text == "" {
		return Report{Stages: newProgress(p.stages).report(nil), Findings: []Finding{}}
	}
	lines := strings.Split(text, "\n")
	latest := map[string]Finding{}
	progress := newProgress(p.stages)
	for i, line := range lines {
		at := p.at(line)
		progress.read(i+1, line, at)
		if f, ok := p.match(line); ok {
			f.Line, f.At, f.Count = i+1, at, latest[f.ID].Count+1
			latest[f.ID] = f
		}
	}
	findings := make([]Finding, 0, len(latest))
	for _, f := range latest {
		f.Over = progress.passedAfter(f.Stage, f.Line)
		findings = append(findings, f)
	}
	slices.SortFunc(findings, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return Report{
		Stages: progress.report(findings), Findings: findings,
		Truncated: !progress.sawStart, Lines: len(lines),
	}
}

// match returns the first signature of the line: specific ones come first.
func (p *Parser) match(line string) (Finding, bool) {
	for _, s := range p.signatures {
		groups := s.pattern.FindStringSubmatch(line)
		if groups == nil {
			continue
		}
		values := slices.DeleteFunc(groups[1:], func(group string) bool { return group == "" })
		return Finding{
			ID: s.id, Severity: s.severity, Stage: s.stage, Text: line, Value: trimJSON(strings.Join(values, " ")),
			Diagnosis: s.diagnosis, Remedy: s.remedy, directness: s.directness,
		}, true
	}
	return Finding{}, false
}

// trimJSON drops the end of the JSON in which Talos puts errors.
func trimJSON(value string) string {
	value = strings.TrimSuffix(value, `"}`)
	for strings.HasSuffix(value, `\n`) {
		value = strings.TrimSuffix(value, `\n`)
	}
	return value
}

// at returns the uptime at which the kernel printed a line: 0 if it does not say.
func (p *Parser) at(line string) time.Duration {
	groups := p.uptime.FindStringSubmatch(line)
	if groups == nil {
		return 0
	}
	at, err := time.ParseDuration(groups[1] + "s")
	if err != nil {
		return 0
	}
	return at
}
