package bootlog

import (
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/pattern"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature/host"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature/kube"
)

// Severity is how bad a finding is.
type Severity = signature.Severity

// Severities of findings.
const (
	Info    = signature.Info
	Note    = signature.Note
	Warning = signature.Warning
	Error   = signature.Error
	Fatal   = signature.Fatal
)

// Signatures returns the table. The first that matches a line is its meaning: the specific come before the general.
// Lines are those of Talos 1.11 to 1.14.
func Signatures() []signature.Signature { return slices.Concat(host.Signatures(), kube.Signatures()) }

// compiled is a Signature that can be looked for.
type compiled struct {
	signature.Signature

	line, ends, recovers *pattern.Pattern
}

func compile() []compiled {
	var out []compiled
	for _, s := range Signatures() {
		out = append(out, compiled{s, pattern.New(s.Line), pattern.New(s.Ends), pattern.New(s.Recovers)})
	}
	return out
}

// say fills the groups of the line into a text. What they leave open at its end goes.
func (s compiled) say(text string, l pattern.Line, groups []int) string {
	return strings.TrimRight(string(s.line.ExpandString(nil, text, l.Text, groups)), ": ")
}

// endedBy reports whether a line ends a finding of the signature about a subject.
func (s compiled) endedBy(l pattern.Line, subject string) bool {
	if s.ends == nil || !s.ends.May(l) {
		return false
	}
	groups := s.ends.FindStringSubmatch(l.Text)
	return groups != nil && (len(groups) == 1 || groups[1] == subject)
}
