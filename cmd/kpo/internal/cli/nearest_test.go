package cli

import "testing"

func TestDistanceCountsASwapOnce(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"doctor", "doctor"}: 0, {"docotr", "doctor"}: 1, {"docter", "doctor"}: 1, {"dctor", "doctor"}: 1, {"", "abc"}: 3, {"été", "ete"}: 2,
	} {
		if got := editDistance(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d, want %d", pair, got, want)
		}
	}
}
