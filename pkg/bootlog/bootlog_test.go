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
	if got := len(samples()); got != 73 {
		t.Errorf("%d samples, want 73", got)
	}
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
		{[]string{"oom.kernel", "boot.ready"}, "oom.kernel"},
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

func TestStagesAreThoseOfTheLatestBoot(t *testing.T) {
	t.Parallel()
	first := slices.Concat(healthyBoot()[:12], []string{"trustd.ca", "boot.failed", "boot.reboot"})
	r := bootlog.Parse(boot(t, append(first, "boot.cmdline", "boot.version", "net.address")...))
	const want = "kernel done, network done, config pending, disk pending, time pending, kubelet pending, healthy pending, services failed, ready pending"
	if got := states(r); got != want {
		t.Errorf("stages\n%s, want\n%s", got, want)
	}
	if f, _ := r.Cause(); f.ID != "trustd.ca" {
		t.Errorf("cause %q: the reboot hides why", f.ID)
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
