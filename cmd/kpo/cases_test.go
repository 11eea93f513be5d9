package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
)

// consoleCase is a snapshot of testdata/cases, made after a public report, and what kpo says about its VM i-00000001.
type consoleCase struct {
	console int
	// cause is the ID that the console command names, stage the stage at which the boot stands.
	cause, stage string
	doctor       int
	// check and evidence are what doctor shows.
	check, evidence string
	// recovery is the near miss: with these lines at its end, the same console is over.
	recovery []string
}

func consoleCases() map[string]consoleCase {
	const (
		nospace = "1 have not enough space"
		volume  = `[ 9999.000000] [talos] volume status {"volume": "EPHEMERAL", "phase": "failed -> ready"}`
		up      = `[ 9999.000000] [talos] machine is running and ready {"controller": "runtime.MachineStatusController"}`
		healthy = `[ 9999.000000] [talos] service[kubelet](Running): Health check successful`
		agent   = `service "ext-qemu-guest-agent" to be "up"`
	)
	disk := consoleCase{exitFindings, "disk.space", "kubelet started", exitFindings, "KPO204", nospace, []string{volume}}
	service := consoleCase{exitFindings, "boot.services", "all services up", exitFindings, "KPO413", agent, []string{"[ 9999.000000] [talos] boot sequence: done: 1h"}}
	loop := service
	loop.recovery = nil // the events stay
	silent := func(cause, stage, evidence string, recovery ...string) consoleCase {
		return consoleCase{exitFindings, cause, stage, exitFindings, "KPO411", evidence, recovery}
	}
	return map[string]consoleCase{
		"s02_ephemeral_failed": disk, "s02b_ephemeral_failed_400s": disk, "s02c_ephemeral_280s": disk, "s02d_ephemeral_330s": disk,
		"s03a_ext_before": service, "s03b_ext_after_reboot": service, "s03c_ext_events": loop,
		"s06_csr_resolved": {}, "s08_cfgwarn_healthy": {}, "s09_multinic_healthy": {}, "s11_ntp_flap_healthy": {}, "s14_flap_healthy": {},
		"s06b_csr_still_active_window": {
			console: exitFindings, cause: "diag.csr", recovery: []string{`[ 1600.000000] [talos] diagnostic resolved {"id": "kubelet-csr"}`},
		},
		"s07_io_error":       silent("disk.io", "", "stat /var/lib: input/output error", up),
		"s07b_io_error_only": silent("disk.io", "", "stat /var/lib: input/output error", up),
		"s12_hung":           silent("hang.task", "node ready", "blocked for more than 122 seconds", healthy),
		"s13_nic":            silent("kubelet.nodeip", "kubelet started", "no suitable node IP found", up),
		"s14b_failed":        silent("kubelet.sick", "kubelet healthy", "context deadline exceeded", healthy),
	}
}

func TestConsolesOfReports(t *testing.T) {
	for name, want := range consoleCases() {
		path := filepath.Join("testdata", "cases", name+".json")
		got := kpo(t, session.Environment{UTF8: true, Columns: 400}, "console", "i-00000001", "--from", path)
		if got.code != want.console || !strings.Contains(got.stdout, "("+want.cause+")\n") && want.cause != "" ||
			strings.Contains(got.stdout, "no known error on the console") != (want.cause == "") {
			t.Errorf("%s: console exits with %d, want %d and %q\n%s%s", name, got.code, want.console, want.cause, got.stdout, got.stderr)
		}
		if want.stage != "" && !standsAt(got.stdout, want.stage, want.cause) {
			t.Errorf("%s: the boot does not stand at %q because of %s\n%s", name, want.stage, want.cause, got.stdout)
		}
		if want.console == exitHealthy && strings.Contains(got.stdout, "×") {
			t.Errorf("%s: a stage of a healthy machine failed\n%s", name, got.stdout)
		}
		got = kpo(t, session.Environment{UTF8: true, Columns: 400}, "doctor", "--from", path)
		if got.code != want.doctor || !strings.Contains(got.stdout, want.check) || !strings.Contains(got.stdout, want.evidence) {
			t.Errorf("%s: doctor exits with %d, want %d, %s and %q\n%s%s", name, got.code, want.doctor, want.check, want.evidence, got.stdout, got.stderr)
		}
	}
}

func standsAt(screen, stage, cause string) bool {
	for line := range strings.SplitSeq(screen, "\n") {
		if strings.Contains(line, "×") && strings.Contains(line, stage) {
			return strings.HasSuffix(line, "stopped here: "+cause)
		}
	}
	return false
}

func TestConsolesOfReportsThatRecover(t *testing.T) {
	for name, c := range consoleCases() {
		if len(c.recovery) == 0 {
			continue
		}
		path := recovered(t, name, c.recovery)
		got := kpo(t, session.Environment{UTF8: true, Columns: 400}, "console", "i-00000001", "--from", path)
		if got.code != exitHealthy || !strings.Contains(got.stdout, "no known error on the console") {
			t.Errorf("%s: console exits with %d\n%s", name, got.code, got.stdout)
		}
		got = kpo(t, session.Environment{UTF8: true, Columns: 400}, "doctor", "--from", path)
		if strings.Contains(got.stdout, c.evidence) && c.evidence != "" {
			t.Errorf("%s: doctor shows what is over\n%s", name, got.stdout)
		}
	}
}

// recovered writes a case with more lines at the end of its console.
func recovered(t *testing.T, name string, lines []string) string {
	t.Helper()
	s, err := gather.Load(filepath.Join("testdata", "cases", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	s.Consoles["i-00000001"] += strings.Join(lines, "\n") + "\n"
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "case.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
