package bootlog

import (
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/pattern"
)

// TestWordsLoseNoMatch holds each expression against each line with and without looking for words first.
func TestWordsLoseNoMatch(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, s := range Signatures() {
		lines = append(lines, s.Sample, strings.ToUpper(s.Sample))
	}
	lines = append(lines,
		"token: x", "TOKEN=x", "paſſword: x", "toKen: x", "Bearer abcdefgh1", "a://b:c@d", "X-AMZ-Signature=x", "curl --Token x", "[--authkey, x]",
		"login -u a -p b", "Passphrase was 1", "SECRET KEY is 1", "cannot unmarshal !!str `x`", "ASIA1234", "Set-Cookie: x", "a?SIG=x",
	)
	for _, p := range New().patterns() {
		for _, text := range lines {
			if p.MatchString(text) && !p.May(pattern.NewLine(text)) {
				t.Errorf("%s\nmatches, and none of %q is in\n%s", p, p.Words, text)
			}
		}
	}
}

// TestFewExpressionsAreTriedOnALine keeps an expression without a word from being held against every line of a console.
func TestFewExpressionsAreTriedOnALine(t *testing.T) {
	t.Parallel()
	for _, p := range New().patterns() {
		if len(p.Words) == 0 {
			t.Errorf("%s has no word to look for", p)
		}
	}
	l, tried := pattern.NewLine("XFS (sda6): Ending clean mount"), 0
	for _, p := range New().patterns() {
		if p.May(l) {
			tried++
		}
	}
	if tried > 5 {
		t.Errorf("%d expressions are tried on %q", tried, l.Text)
	}
}

// patterns are all expressions that lines are held against.
func (p *Parser) patterns() []*pattern.Pattern {
	var out []*pattern.Pattern
	for _, s := range p.signatures {
		for _, e := range []*pattern.Pattern{s.line, s.ends, s.recovers} {
			if e != nil {
				out = append(out, e)
			}
		}
	}
	for _, s := range p.stages {
		out = append(out, s.pattern)
	}
	for _, r := range p.cleaner.rules {
		out = append(out, r.pattern)
	}
	return out
}
