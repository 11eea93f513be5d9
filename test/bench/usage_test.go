package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// used is what a process has used so far.
type used struct {
	cpu time.Duration
	// peak is the largest resident memory in MiB.
	peak float64
}

// ticks is the unit of /proc/<pid>/stat: 100 a second on every Linux that Go runs on.
const ticks = 100

// usage reads /proc.
func usage(b *testing.B, pid int) used {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(b, err)
	// The second field, the name in brackets, may hold blanks: count from its end.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var u used
	for _, field := range fields[11:13] { // utime and stime, the 14th and 15th of all
		n, err := strconv.ParseInt(field, 10, 64)
		must(b, err)
		u.cpu += time.Duration(n) * time.Second / ticks
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(b, err)
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(text)[0], 64)
			must(b, err)
			u.peak = kib / 1024
		}
	}
	return u
}
