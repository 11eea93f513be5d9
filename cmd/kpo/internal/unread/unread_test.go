package unread

import (
	"strings"
	"testing"
)

func TestWhoeverIsRefusedIsNamedAsTheShellTakesIt(t *testing.T) {
	for user, want := range map[string]string{
		"jane@example.com":                    " kpo-viewer-jane-example-com --clusterrole kpo-viewer --user jane@example.com",
		"system:serviceaccount:tools:on-call": "--serviceaccount tools:on-call",
		"x; rm -rf ~":                         "--user 'x; rm -rf ~'",
		"O'Hara":                              `--user 'O'\''Hara'`,
	} {
		if got := bindViewer(user); !strings.Contains(got, want) {
			t.Errorf("%q: %s", user, got)
		}
	}
}
