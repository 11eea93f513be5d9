package console

import (
	"strings"
	"testing"
)

func TestFollowPrintsEachLineOnce(t *testing.T) {
	for name, c := range map[string]struct{ printed, text, want string }{
		"first":   {"", "a\nb\n", "a\nb\n"},
		"same":    {"a\nb\n", "a\nb\n", ""},
		"grown":   {"a\nb\n", "a\nb\nc\n", "c\n"},
		"turned":  {strings.Repeat("x\n", 400) + "last\n", strings.Repeat("x\n", 302) + "last\nnew\n", "new\n"},
		"another": {"a\nb\n", "c\n", "c\n"},
	} {
		if got := newPart(c.printed, c.text); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
