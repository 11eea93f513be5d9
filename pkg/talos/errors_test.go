package talos

import (
	"errors"
	"strings"
	"testing"
)

func TestQuotedValuesAreCutWhateverTheirLength(t *testing.T) {
	for _, quote := range []string{`"`, `'`, "`"} {
		long := quote + "hunter2 " + strings.Repeat("and more of it ", 40) + quote
		for _, text := range []string{"invalid value " + long, strings.Repeat("word ", 58) + long, "first\n" + long + "\nlast"} {
			got := withoutValues(errors.New(text)).Error()
			if strings.Contains(got, "hunter2") {
				t.Errorf("error %q", got)
			}
			if len(strings.Fields(got)) > 60 {
				t.Errorf("error of %d words", len(strings.Fields(got)))
			}
		}
	}
}
