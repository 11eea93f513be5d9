package bootlog

import (
	"encoding"
	"regexp"
	"slices"
	"time"
)

// Stage is one step of a boot.
type Stage struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	State State  `json:"state"`
	// Line and At are those of the line that shows it: 0 if a later stage shows it, or nothing does.
	Line int           `json:"line,omitempty"`
	At   time.Duration `json:"at,omitempty"`
}

// State reports whether a stage was passed.
type State int

// A stage is Failed while a finding keeps the machine from it, or took it away again.
const (
	Pending State = iota
	Done
	Failed
)

var _ encoding.TextMarshaler = Pending

// String returns the state as a word.
func (s State) String() string { return [...]string{"pending", "done", "failed"}[s] }

// MarshalText makes the state a word in JSON as well.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// stage is passed when a line matches; then the stages after which it comes were passed as well.
type stage struct {
	name, title string
	pattern     *regexp.Regexp
	after       []string
}

// Names of the stages.
const (
	kernel   = "kernel"
	network  = "network"
	config   = "config"
	disk     = "disk"
	clock    = "time"
	kubelet  = "kubelet"
	healthy  = "healthy"
	services = "services"
	ready    = "ready"
)

// stages returns the steps of a worker. The clock and the disk do not wait for each other; the kubelet waits for both.
func stages() []stage {
	re := regexp.MustCompile
	return []stage{
		{kernel, "kernel and Talos started", re(`Command line: .*\btalos\.platform=|\[talos\] \[initramfs\] booting `), nil},
		{network, "network has an address", re(`assigned address .*"address": "[0-9.]+/\d+"`), []string{kernel}},
		{config, "machine config loaded", re(`machine config loaded successfully`), []string{network}},
		{disk, "disk found", re(`phase diskSizeCheck \(\d+/\d+\): done`), []string{config}},
		{clock, "clock in sync", re(`adjusting time \((?:slew|jump)\)`), []string{network}},
		{kubelet, "kubelet started", re(`service\[kubelet\]\(Running\): Started task kubelet`), []string{disk, clock}},
		{healthy, "kubelet healthy", re(`service\[kubelet\]\(Running\): Health check successful`), []string{kubelet}},
		{services, "all services up", re(`\[talos\] boot sequence: done`), []string{healthy}},
		{ready, "node ready", re(`machine is running and ready`), []string{services}},
	}
}

// progress follows the latest boot through its stages.
type progress struct {
	stages []stage
	// seen has the line of each stage that the latest boot showed, passed the latest line that proves it in any boot.
	seen     map[string]Stage
	passed   map[string]int
	any      bool
	sawStart bool
}

func newProgress(stages []stage) *progress {
	return &progress{stages: stages, seen: map[string]Stage{}, passed: map[string]int{}}
}

func (p *progress) read(line int, text string, at time.Duration) {
	i := slices.IndexFunc(p.stages, func(s stage) bool { return s.pattern.MatchString(text) })
	if i < 0 {
		return
	}
	s := p.stages[i]
	if s.name == kernel {
		p.sawStart = p.sawStart || !p.any
		// The kernel's command line and the version of Talos are two lines of the same boot.
		if _, again := p.seen[kernel]; !again || len(p.seen) > 1 {
			p.seen = map[string]Stage{}
		}
	}
	p.any = true
	p.seen[s.name] = Stage{Name: s.name, Title: s.title, State: Done, Line: line, At: at}
	p.pass(s.name, line)
}

// pass notes that a stage was passed, and those before it.
func (p *progress) pass(name string, line int) {
	p.passed[name] = line
	for _, s := range p.stages {
		if s.name == name {
			for _, before := range s.after {
				p.pass(before, line)
			}
		}
	}
}

func (p *progress) passedAfter(name string, line int) bool { return p.passed[name] > line }

// report returns the state of each stage.
func (p *progress) report(findings []Finding) []Stage {
	done := map[string]bool{}
	for name := range p.seen {
		p.collect(name, done)
	}
	out := make([]Stage, 0, len(p.stages))
	for _, s := range p.stages {
		line, shown := p.seen[s.name]
		if !shown {
			line = Stage{Name: s.name, Title: s.title}
		}
		if done[s.name] {
			line.State = Done
		}
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Stage == s.name && f.Severity >= Error && !f.Over }) {
			line.State = Failed
		}
		out = append(out, line)
	}
	return out
}

func (p *progress) collect(name string, done map[string]bool) {
	done[name] = true
	for _, s := range p.stages {
		if s.name == name {
			for _, before := range s.after {
				p.collect(before, done)
			}
		}
	}
}
