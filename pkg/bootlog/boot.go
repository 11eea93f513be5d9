package bootlog

import (
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/pattern"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// bootTimeout is a little more than the 70 minutes after which Talos reboots a machine whose boot does not end
// (constants.BootTimeout): a machine that is up for longer has booted.
const bootTimeout = 75 * time.Minute

// boot is what the console shows of one boot. The first one on it can lack its start.
type boot struct {
	parser *Parser
	// seen has the line of each stage that the boot shows, passed the latest line that proves it.
	seen   map[string]Stage
	passed map[string]int
	// readyAt is the first line that shows the machine ready.
	readyAt int
	found   map[string]*sighting
	last    time.Duration
	// started says that the console has the start of the boot.
	started, commandLine, version, talos bool
}

// sighting is a finding, as long as the boot goes on.
type sighting struct {
	Finding
	signature compiled
	subject   string
	// first is when it was seen first since it last ended.
	first time.Duration
	// ended says that a line after it ended it, lived that the machine could live with it.
	ended, lived bool
}

func newBoot(p *Parser) *boot {
	return &boot{parser: p, seen: map[string]Stage{}, passed: map[string]int{}, found: map[string]*sighting{}}
}

// over reports whether a line is the first of another boot: the kernel or Talos starts again, or the clock of the kernel
// does. Lines of one boot can be out of order by some seconds.
func (b *boot) over(line string, at time.Duration, known bool) bool {
	const start, outOfOrder = time.Second, time.Minute
	switch {
	case known && (at < start && b.last > 2*start || b.last-at > outOfOrder):
		return true
	case isCommandLine(line):
		return b.commandLine || b.version || b.talos
	case isVersion(line):
		return b.version || b.talos
	default:
		return false
	}
}

func isCommandLine(line string) bool { return strings.Contains(line, "Command line: ") }

func isVersion(line string) bool { return strings.Contains(line, "[talos] [initramfs] booting ") }

// read takes the next line.
func (b *boot) read(number int, l pattern.Line, at time.Duration) {
	b.last = max(b.last, at)
	switch {
	case isCommandLine(l.Text):
		b.commandLine = true
	case isVersion(l.Text):
		b.version = true
	case strings.Contains(l.Text, "[talos] ") && !strings.Contains(l.Text, "[talos] [initramfs] "):
		b.talos = true
	}
	b.advance(number, l, at)
	for _, s := range b.found {
		if !s.ended && (s.signature.endedBy(l, s.subject) || b.recovered(s, l)) {
			s.ended = true
		}
	}
	b.match(number, l, at)
}

func (b *boot) recovered(s *sighting, l pattern.Line) bool {
	recovers := s.signature.recovers
	return recovers != nil && b.readyAt > 0 && b.readyAt < s.Line && recovers.Matches(l)
}

// match notes the first signature of the line: specific ones come first.
func (b *boot) match(number int, l pattern.Line, at time.Duration) {
	for _, known := range b.parser.signatures {
		groups := known.line.Groups(l)
		if groups == nil {
			continue
		}
		values := groupsOf(l.Text, groups)
		s := &sighting{signature: known, first: at, lived: b.lived(known, at)}
		key := known.ID
		if len(values) > 0 && known.ends != nil && known.ends.NumSubexp() > 0 {
			s.subject = values[0]
			key += "/" + s.subject
		}
		count := 0
		if had := b.found[key]; had != nil {
			count = had.Count
			if !had.ended {
				s.first = had.first
			}
		}
		s.Finding = Finding{
			ID: known.ID, Severity: known.Severity, Stage: known.Blocks,
			Line: number, Text: l.Text, At: at, Count: count + 1, Value: trimJSON(strings.Join(values, " ")),
			Diagnosis: known.say(known.Means, l, groups), Remedy: known.say(known.Do, l, groups),
			explains: known.Explains,
		}
		b.found[key] = s
		return
	}
}

// groupsOf returns the groups of a match that have text.
func groupsOf(line string, groups []int) []string {
	var out []string
	for i := 2; i < len(groups); i += 2 {
		if groups[i] >= 0 && groups[i] < groups[i+1] {
			out = append(out, line[groups[i]:groups[i+1]])
		}
	}
	return out
}

// lived reports whether the signature is only a note where the machine stands. Where the console lacks the start of the
// boot, the time shows that the machine has booted.
func (b *boot) lived(s compiled, at time.Duration) bool {
	booted := !b.started && at > bootTimeout
	if s.NoteBefore != "" && b.passed[s.NoteBefore] == 0 && !booted {
		return true
	}
	switch s.NoteAfter {
	case "":
		return false
	case signature.Kernel: // what prints runs
		return true
	default:
		return b.passed[s.NoteAfter] > 0 || booted && s.Blocks != signature.Network
	}
}

// judged returns the findings of the boot, with what the rest of it says about them.
func (b *boot) judged() map[string]Finding {
	out := map[string]Finding{}
	for key, s := range b.found {
		f := s.Finding
		passed := f.Stage != "" && b.passed[f.Stage] > f.Line
		f.Over = s.ended || passed || b.passed[signature.Ready] > f.Line && !s.signature.Stays
		f.Minor = s.lived || f.At-s.first < s.signature.Lasts && !b.failed()
		out[key] = f
	}
	return out
}

// failed reports whether Talos gave the boot up: what it waited for needs no more proof.
func (b *boot) failed() bool { return b.found["boot.failed"] != nil }

// advance notes the stage that the line shows.
func (b *boot) advance(number int, l pattern.Line, at time.Duration) {
	i := slices.IndexFunc(b.parser.stages, func(s stage) bool { return s.pattern.Matches(l) })
	if i < 0 {
		return
	}
	s := b.parser.stages[i]
	if s.name == signature.Kernel && len(b.passed) == 0 {
		b.started = true
	}
	if s.name == signature.Ready && b.readyAt == 0 {
		b.readyAt = number
	}
	b.seen[s.name] = Stage{Name: s.name, Title: s.title, State: Done, Line: number, At: at}
	b.pass(s.name, number)
}

// pass notes that a stage was passed, and those before it.
func (b *boot) pass(name string, line int) {
	b.passed[name] = line
	for _, s := range b.parser.stages {
		if s.name == name {
			for _, before := range s.after {
				b.pass(before, line)
			}
		}
	}
}

// report returns the state of each stage.
func (b *boot) report(findings []Finding) []Stage {
	out := make([]Stage, 0, len(b.parser.stages))
	for _, s := range b.parser.stages {
		line, shown := b.seen[s.name]
		if !shown {
			line = Stage{Name: s.name, Title: s.title}
		}
		if b.passed[s.name] > 0 {
			line.State = Done
		}
		if slices.ContainsFunc(findings, func(f Finding) bool {
			return f.Stage == s.name && f.Severity >= Error && !f.Over && !f.Minor
		}) {
			line.State = Failed
		}
		out = append(out, line)
	}
	return out
}
