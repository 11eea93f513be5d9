package diagnose

import (
	_ "embed"
	"strings"
)

//go:embed explain.md
var pages string

// Page returns what to know about a check, or "" for one that does not exist.
func Page(id string) string {
	for section := range strings.SplitSeq(pages, "\n## ") {
		if head, body, _ := strings.Cut(section, "\n"); strings.TrimSpace(head) == id {
			return strings.TrimSpace(body)
		}
	}
	return ""
}
