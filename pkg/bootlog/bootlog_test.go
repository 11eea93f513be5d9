package bootlog_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

// console prints lines as the kernel does, one a second.
func console(lines ...string) string {
	var out strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&out, "[%12.6f] %s\n", float64(i+1), line)
	}
	return out.String()
}

// boot prints the samples of signatures.
func boot(t testing.TB, ids ...string) string {
	t.Helper()
	lines := make([]string, 0, len(ids))
	for _, id := range ids {
		line, ok := samples()[id]
		if !ok {
			t.Fatalf("no sample of %q", id)
		}
		lines = append(lines, line)
	}
	return console(lines...)
}

// cause returns the id of the cause: none if nothing is wrong.
func cause(text string) string {
	f, _ := bootlog.Parse(text).Cause()
	return f.ID
}

func states(r bootlog.Report) string {
	var out []string
	for _, s := range r.Stages {
		out = append(out, s.Name+" "+s.State.String())
	}
	return strings.Join(out, ", ")
}

func TestEachLineHasItsSignature(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile(`^[a-z].*[^.]$`)
	for id, line := range samples() {
		r := bootlog.Parse(console(line))
		if len(r.Findings) != 1 || r.Findings[0].ID != id {
			t.Errorf("%s: findings %+v", id, r.Findings)
			continue
		}
		f := r.Findings[0]
		if f.Line != 1 || f.At != time.Second || f.Count != 1 || !strings.Contains(f.Text, "] ") {
			t.Errorf("%s: %+v", id, f)
		}
		if !word.MatchString(f.Diagnosis) && !strings.HasPrefix(f.Diagnosis, "Talos") {
			t.Errorf("%s: diagnosis %q", id, f.Diagnosis)
		}
		if f.Severity >= bootlog.Error && f.Remedy == "" {
			t.Errorf("%s: an error without a remedy", id)
		}
	}
}

func TestValueIsWhatTheLineNames(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"boot.version": "v1.13.0", "boot.cmdline": "aws", "net.address": "10.0.1.20 eth0", "mem.size": "7864",
		"cfg.unknowndoc": "VRFConfig", "cfg.k8sver": "1.37.0 new 1.13.0", "kubelet.config": "maxPodz", "kubelet.arg": "config",
		"kubelet.labels": "app.kubernetes.io/name", "time.query": "169.254.169.123", "k8s.endpoint": "nowhere.example",
		"gpu.module": "nvidia", "cfg.invalid": `1 error occurred:\n * invalid cluster endpoint: `, "join.rename": "new", "node.absent": "default-7xk2p",
	}
	got := map[string]string{}
	for id := range want {
		got[id] = bootlog.Parse(samples()[id]).Findings[0].Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestKubeletCutsTheStartOfItsLastWords(t *testing.T) {
	t.Parallel()
	const tail = `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart forever: task "kubelet" failed: exit code 1 (last log "kelet.go:1] --node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (kubelet.kubernetes.io, node.kubernetes.io)")`
	if got := cause(console(tail)); got != "kubelet.labels" {
		t.Errorf("cause %q, want kubelet.labels", got)
	}
}

func TestNearMissesMeanNothing(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`Command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1`,
		`[talos] phase diskSizeCheck (7/21): done, 1.2ms`,
		`[talos] phase installBootloader (7/21): 1 tasks(s)`,
		`[talos] service[etcd](Running): Health check successful`,
		`[talos] service[etcd](Waiting): Waiting for time sync`,
		`[talos] service[cri](Running): Started task cri (PID 1) for container cri`,
		`[talos] task startAllServices (1/1): starting`,
		`[talos] task startAllServices (1/1): done, 41s`,
		`[talos] new diagnostic {"id": "something-else"}`,
		`[talos] assigned address {"address": "fe80::1/64", "link": "eth0"}`,
		`[talos] controller failed {"controller": "k8s.NodeApplyController", "error": "error getting node: context deadline exceeded"}`,
		`[talos] controller failed {"controller": "k8s.OtherController", "error": "strict decoding error: unknown field \"x\""}`,
		`[talos] controller failed {"controller": "secrets.APIController", "error": "failed to sign API server CSR: something new"}`,
		`[talos] failed to load config via platform aws: something new`,
		`XFS (sda6): Ending clean mount`,
		`audit: Killed process`,
		`reboot: machine restart`,
	} {
		if r := bootlog.Parse(console(line)); len(r.Findings) != 0 {
			t.Errorf("%s\nis taken for %+v", line, r.Findings)
		}
	}
}

func healthyBoot() []string {
	return []string{
		"boot.cmdline", "boot.version", "seq.start", "net.address", "net.hostname", "cfg.fetch", "cfg.loaded", "seq.start",
		"time.wait", "time.ok", "kubelet.run", "kubelet.ok", "boot.done", "boot.ready",
	}
}

func TestHealthyBootPassesAllStagesAndHasNoCause(t *testing.T) {
	t.Parallel()
	r := bootlog.Parse(boot(t, healthyBoot()...))
	if f, ok := r.Cause(); ok {
		t.Errorf("cause %+v", f)
	}
	const want = "kernel done, network done, config done, disk done, time done, kubelet done, healthy done, services done, ready done"
	if got := states(r); got != want {
		t.Errorf("stages\n%s, want\n%s", got, want)
	}
	if r.Truncated || r.Lines != len(healthyBoot()) {
		t.Errorf("truncated %t, %d lines", r.Truncated, r.Lines)
	}
	last := r.Stages[len(r.Stages)-1]
	if last.Line != 14 || last.At != 14*time.Second {
		t.Errorf("last stage %+v", last)
	}
}

func TestErrorsBeforeTheStageThatTheyConcernAreOver(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		ids  []string
		want string
	}{
		{[]string{"net.dhcp", "net.address"}, ""},
		{[]string{"net.address", "net.dhcp"}, "net.dhcp"},
		{[]string{"cfg.imds", "cfg.loaded"}, ""},
		{[]string{"time.query", "time.wait"}, "time.query"},
		{[]string{"time.query", "time.ok"}, ""},
		{[]string{"time.query", "cfg.loaded"}, "time.query"},
		{[]string{"disk.wait", "time.ok"}, "disk.wait"},
		{[]string{"disk.wait", "kubelet.run"}, ""},
		{[]string{"image.pull", "kubelet.run"}, ""},
		{[]string{"join.token", "kubelet.run", "kubelet.ok"}, "join.token"},
		{[]string{"join.token", "boot.ready"}, ""},
		{[]string{"kubelet.labels", "kubelet.run"}, "kubelet.labels"},
		{[]string{"oom.kernel", "boot.ready"}, ""},
		{[]string{"boot.ready", "oom.kernel"}, "oom.kernel"},
		{[]string{"boot.ready", "oom.kernel", "kubelet.ok"}, ""},
		{[]string{"boot.ready", "oom.pod"}, ""},
		{[]string{"cfg.warning", "kubelet.multinic"}, ""},
		{[]string{"time.ok", "time.query", "time.wait"}, ""},
		{[]string{"net.address", "net.dhcp", "boot.ready", "net.dhcp"}, ""},
		{[]string{"boot.ready", "trustd.net", "join.net", "k8s.endpoint"}, ""},
		{[]string{"boot.ready", "trustd.token"}, "trustd.token"},
		{[]string{"boot.ready", "kubelet.nodeip"}, "kubelet.nodeip"},
		{[]string{"boot.ready", "kubelet.crash"}, "kubelet.crash"},
		{[]string{"boot.ready", "kubelet.crash", "kubelet.ok"}, ""},
		{[]string{"kubelet.crash", "kubelet.ok"}, "kubelet.crash"},
		{[]string{"kubelet.run", "kubelet.sick"}, ""},
		{[]string{"kubelet.run", "kubelet.ok", "kubelet.sick"}, "kubelet.sick"},
		{[]string{"gpu.module", "boot.ready"}, "gpu.module"},
		{[]string{"mem.small", "disk.small", "boot.ready"}, ""},
		{[]string{"boot.platform", "cfg.loaded"}, ""},
		{[]string{"boot.platform", "cfg.missing"}, "boot.platform"},
	} {
		if got := cause(boot(t, tc.ids...)); got != tc.want {
			t.Errorf("%v: cause %q, want %q", tc.ids, got, tc.want)
		}
	}
}

func TestCauseIsTheMostSevereThatIsNoConsequence(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		ids  []string
		want string
	}{
		{[]string{"trustd.token", "boot.services", "boot.task", "boot.failed", "boot.reboot"}, "trustd.token"},
		{[]string{"kubelet.crash", "mem.small"}, "kubelet.crash"},
		{[]string{"kubelet.crash", "trustd.net"}, "kubelet.crash"},
		{[]string{"join.token", "kubelet.crash"}, "join.token"},
		{[]string{"kubelet.crash", "boot.failed"}, "kubelet.crash"},
		{[]string{"apid.certs", "mem.small"}, "mem.small"},
		{[]string{"time.wait", "mem.small"}, "time.wait"},
		{[]string{"join.x509", "k8s.endpoint"}, "k8s.endpoint"},
		{[]string{"k8s.endpoint", "join.x509"}, "join.x509"},
		{[]string{"kubelet.arg", "join.x509"}, "kubelet.arg"},
		{[]string{"boot.task", "boot.reboot"}, "boot.reboot"},
		{[]string{"boot.version", "cfg.fetch"}, ""},
	} {
		if got := cause(boot(t, tc.ids...)); got != tc.want {
			t.Errorf("%v: cause %q, want %q", tc.ids, got, tc.want)
		}
	}
}

func TestRepeatedLinesAreOneFindingAtTheLatest(t *testing.T) {
	t.Parallel()
	r := bootlog.Parse(boot(t, "trustd.net", "apid.certs", "trustd.net"))
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprint(f.ID, " ", f.Line, " ", f.Count))
	}
	if diff := cmp.Diff([]string{"apid.certs 2 1", "trustd.net 3 2"}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestStagesBeforeTheWindowAreInferred(t *testing.T) {
	t.Parallel()
	r := bootlog.Parse("sources\": [\"aws\"]}\n" + boot(t, "kubelet.ok", "trustd.net"))
	const want = "kernel done, network done, config done, disk done, time done, kubelet done, healthy done, services failed, ready pending"
	if got := states(r); got != want {
		t.Errorf("stages\n%s, want\n%s", got, want)
	}
	if !r.Truncated {
		t.Error("the start is there")
	}
	if r.Stages[0].Line != 0 || r.Stages[6].Line != 2 {
		t.Errorf("lines of kernel and healthy: %d, %d", r.Stages[0].Line, r.Stages[6].Line)
	}
}

func TestOnlyThePresentBootCounts(t *testing.T) {
	t.Parallel()
	first := slices.Concat(healthyBoot()[:12], []string{"trustd.ca", "boot.failed", "boot.reboot"})
	r := bootlog.Parse(boot(t, append(first, "boot.cmdline", "boot.version", "net.address")...))
	const want = "kernel done, network done, config pending, disk pending, time pending, kubelet pending, healthy pending, services pending, ready pending"
	if got := states(r); got != want {
		t.Errorf("stages\n%s, want\n%s", got, want)
	}
	if f, bad := r.Cause(); bad {
		t.Errorf("cause %+v: it is of the boot before", f)
	}
	if notes := r.Notes(); len(notes) != 1 || notes[0].ID != "trustd.ca" || !notes[0].Before {
		t.Errorf("notes %+v, want what ended the boot before", notes)
	}
}

func TestBootsAreToldApart(t *testing.T) {
	t.Parallel()
	const fatal = "stat /var/lib: input/output error"
	for name, tc := range map[string]struct{ text, want string }{
		"command line":               {"[   1.0] [talos] x\n[   2.0] " + fatal + "\n[  3.0] Command line: talos.platform=aws\n", ""},
		"second command line":        {"[   1.0] Command line: a\n[   2.0] " + fatal + "\n[  3.0] Command line: a\n", ""},
		"version after Talos":        {"[   1.0] [talos] x\n[   2.0] " + fatal + "\n[  3.0] [talos] [initramfs] booting Talos v1.13.0\n", ""},
		"clock starts again":         {"[  40.0] " + fatal + "\n[   0.000000] Linux version 6.18.2-talos\n", ""},
		"clock far back":             {"[4221.0] " + fatal + "\n[   8.100000] [talos] something\n", ""},
		"version of the same boot":   {"[   0.0] Command line: a\n[   1.0] " + fatal + "\n[   2.0] [talos] [initramfs] booting Talos v1.13.0\n", "disk.io"},
		"lines out of order":         {"[  16.0] " + fatal + "\n[   9.1] [talos] something\n", "disk.io"},
		"lines without a clock":      {"[  16.0] " + fatal + "\nsomething\n[  17.0] else\n", "disk.io"},
		"early lines out of order":   {"[   1.5] " + fatal + "\n[   0.9] something\n", "disk.io"},
		"kernel's second, lowercase": {"[   0.0] Command line: a\n[   0.1] " + fatal + "\n[   0.2] Kernel command line: a\n", "disk.io"},
	} {
		if got := cause(tc.text); got != tc.want {
			t.Errorf("%s: cause %q, want %q", name, got, tc.want)
		}
	}
}

func TestWhatEndsConcernsTheSameThing(t *testing.T) {
	t.Parallel()
	const (
		sick = "[talos] service[apid](Running): Health check failed: connection refused"
		vol  = `[talos] volume status {"controller": "block.VolumeManagerController", "volume": "EPHEMERAL", "phase": "`
	)
	failed := vol + `waiting -> failed", "error": "no disks matched for volume: 1 have not enough space"}`
	for name, tc := range map[string]struct {
		lines []string
		want  string
	}{
		"another service recovers":    {[]string{sick, "[talos] service[cri](Running): Health check successful"}, "kubelet.sick"},
		"the service recovers":        {[]string{sick, "[talos] service[apid](Running): Health check successful"}, ""},
		"sick again":                  {[]string{sick, "[talos] service[apid](Running): Health check successful", sick}, "kubelet.sick"},
		"another one hides no first":  {[]string{sick, strings.ReplaceAll(sick, "apid", "cri"), "[talos] service[cri](Running): Health check successful"}, "kubelet.sick"},
		"another volume is ready":     {[]string{failed, strings.Replace(vol, "EPHEMERAL", "STATE", 1) + `waiting -> ready"}`}, "disk.space"},
		"the volume is ready":         {[]string{failed, vol + `failed -> ready"}`}, ""},
		"the volume waits again":      {[]string{failed, vol + `failed -> waiting"}`}, "disk.space"},
		"no disk lacks space":         {[]string{strings.Replace(failed, "1 have not", "0 have not", 1)}, "disk.volume"},
		"another diagnostic resolved": {[]string{samples()["diag.csr"], `[talos] diagnostic resolved {"id": "address-overlap"}`}, "diag.csr"},
		"the diagnostic resolved":     {[]string{samples()["diag.csr"], `[talos] diagnostic resolved {"id": "kubelet-csr"}`}, ""},
		"ready resolves nothing":      {[]string{samples()["diag.csr"], samples()["boot.ready"]}, "diag.csr"},
	} {
		if got := cause(console(append([]string{samples()["kubelet.ok"]}, tc.lines...)...)); got != tc.want {
			t.Errorf("%s: cause %q, want %q", name, got, tc.want)
		}
	}
}

func TestServicesCountOnceTheyAreLate(t *testing.T) {
	t.Parallel()
	line := samples()["boot.services"]
	at := func(seconds ...int) string {
		var out strings.Builder
		for _, s := range seconds {
			fmt.Fprintf(&out, "[%12.6f] %s\n", float64(s), line)
		}
		return out.String()
	}
	for text, want := range map[string]string{
		at(18, 33, 48): "", at(18, 33, 48, 63, 78): "boot.services", at(18) + "[ 30.0] " + samples()["boot.failed"]: "boot.services",
		at(18, 33, 48, 63, 78) + "[ 80.0] " + samples()["boot.done"]: "",
	} {
		if got := cause(text); got != want {
			t.Errorf("%s: cause %q, want %q", text, got, want)
		}
	}
}

func TestWindowThatLacksTheBootShowsByItsClockThatItIsOver(t *testing.T) {
	t.Parallel()
	query := func(uptime string) string { return "[ " + uptime + "] " + samples()["time.query"] + "\n" }
	for text, want := range map[string]string{
		query("9000.000000"): "", query("300.000000"): "time.query",
		"[ 9000.000000] " + samples()["net.dhcp"]: "net.dhcp", // without network, the boot never begins
	} {
		if got := cause(text); got != want {
			t.Errorf("%s: cause %q, want %q", text, got, want)
		}
	}
}

func TestSilentMachineIsExplainedByWhatWouldBeANote(t *testing.T) {
	t.Parallel()
	for want, ids := range map[string][]string{
		"oom.pod": {"cfg.warning", "boot.ready", "oom.pod"}, "time.query": {"boot.ready", "time.query"},
		"disk.io": {"boot.ready", "disk.io", "time.query"}, "": {"cfg.warning", "kubelet.multinic", "boot.ready"},
	} {
		if f, _ := bootlog.Parse(boot(t, ids...)).Suspect(); f.ID != want {
			t.Errorf("%v: suspect %q, want %q", ids, f.ID, want)
		}
	}
}

func TestEmptyConsoleHasOnlyPendingStages(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n\n", "\x1b[2J\x00"} {
		r := bootlog.Parse(text)
		if r.Lines != 0 || len(r.Findings) != 0 || strings.Count(states(r), "pending") != len(r.Stages) || len(r.Stages) == 0 {
			t.Errorf("%q: %+v", text, r)
		}
	}
}

func TestReportIsReadableJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(bootlog.Parse(boot(t, "trustd.net")).Findings[0])
	if err != nil || !strings.Contains(string(text), `"severity":"error","stage":"services"`) {
		t.Errorf("%s, %v", text, err)
	}
}
