package diagnose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
)

var (
	escapedQuote = regexp.MustCompile(`\\+"`)
	escapedSpace = regexp.MustCompile(`\\+[nrt]`)
)

// readable returns the text of evidence as a person reads it. A line of a console or a message of Karpenter can be JSON in
// JSON, in which each quote has as many backslashes as there are layers. Tags are quoted by ourselves, and stay so.
func readable(e rule.Evidence) string {
	if e.Source == "vm" || !strings.Contains(e.Text, `\"`) {
		return e.Text
	}
	return escapedSpace.ReplaceAllString(escapedQuote.ReplaceAllString(e.Text, `"`), " ")
}

// writes reports whether a command that is suggested changes the cluster or the account.
func writes(command string) bool {
	words := strings.Fields(command)
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "--dry-run") }) || len(words) < 2 {
		return false
	}
	verbs := []string{
		"annotate", "apply", "certificate", "cordon", "create", "delete", "drain", "edit", "label", "patch", "replace", "rollout",
		"scale", "set", "taint", "uncordon",
	}
	return slices.Contains(verbs, words[1]) || slices.Contains(words, "--delete")
}
