package bootlog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

// wholeBoots are consoles in testdata and what each of them shows: the cause, and a word of its diagnosis and of its
// remedy. They are made by hand from the lines that Talos 1.11, 1.12 and 1.13 print. Each that fails has a near miss that
// does not: the same lines, and then the recovery.
func wholeBoots() map[string][3]string {
	return map[string][3]string{
		"bad-token-1.12":         {"join.token", "bootstrap token", "bootstrap-token-<id>"},
		"wrong-ca-1.13":          {"join.x509", "cluster.ca", "cluster.controlPlane.endpoint"},
		"unknown-endpoint-1.11":  {"k8s.endpoint", "does not resolve", "cluster.controlPlane.endpoint"},
		"no-route-1.12":          {"join.net", "no route to host", "TCP 6443"},
		"unknown-flag-1.13":      {"kubelet.flag", "--max-podz", "spec.talos.patches of the OutscaleNodeClass"},
		"forbidden-label-1.11":   {"kubelet.labels", "app.kubernetes.io/name", "spec.template.metadata.labels of the NodePool"},
		"restricted-label-1.12":  {"node.labelset", "node-restriction.kubernetes.io/team", "node-labels in machine.kubelet.extraArgs"},
		"bad-taint-1.13":         {"kubelet.taint", "dedicated=db", "spec.template.spec.taints of the NodePool"},
		"bad-taint-effect-1.12":  {"kubelet.taintpart", "Never is no effect", "registerWithTaints"},
		"small-ephemeral-1.13":   {"disk.space", "EPHEMERAL cannot be made: not enough space", "spec.blockDeviceMappings"},
		"extension-service-1.12": {"boot.services", `"ext-qemu-guest-agent"`, "ExtensionServiceConfig"},
		"no-time-server-1.11":    {"time.query", "NTP", "UDP 123"},
		"refused-config-1.13":    {"cfg.unknownkey", "does not know", "worker config"},
		"wrong-platform-1.12":    {"boot.platform", "nocloud", "spec.imageId"},
		"disk-error-1.13":        {"disk.io", "disk", "NodeClaim"},
		"hung-task-1.11":         {"hang.task", "hangs", "reboot the VM"},
		"soft-lockup-1.13":       {"hang.cpu", "hangs", "reboot the VM"},
		"window-failing-1.12":    {"trustd.ca", "machine.ca", "Secret"},
		"window-extension-1.13":  {"boot.services", `"ext-qemu-guest-agent"`, "ExtensionServiceConfig"},
		"window-recovered-1.12":  {},
		"window-booting-1.12":    {},
		"healthy-1.11":           {},
		"healthy-1.12":           {},
		"healthy-1.13-noisy":     {},
	}
}

func TestWholeBootsHaveTheirCause(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	parser, seen := bootlog.New(), map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".log")
		failing, recovered := strings.CutSuffix(name, "-recovered")
		want, known := wholeBoots()[failing]
		if !known {
			t.Errorf("%s: nothing says what it shows", name)
		}
		if recovered {
			want = [3]string{}
		}
		seen[name] = true
		r := parser.Parse(string(text))
		cause, _ := r.Cause()
		if cause.ID != want[0] || !strings.Contains(cause.Diagnosis, want[1]) || !strings.Contains(cause.Remedy, want[2]) {
			t.Errorf("%s: cause %q: %s\n%s\n%s\nwant %q", name, cause.ID, cause.Diagnosis, cause.Remedy, cause.Text, want)
		}
		if cut := strings.HasPrefix(name, "window-"); r.Truncated != cut {
			t.Errorf("%s: truncated %t, want %t", name, r.Truncated, cut)
		}
		if clean := parser.Clean(string(text)); strings.Contains(clean, "planted") {
			t.Errorf("%s shows its secret", name)
		}
	}
	for name, want := range wholeBoots() {
		window := strings.HasPrefix(name, "window-")
		if !seen[name] || want[0] != "" && !window && !seen[name+"-recovered"] {
			t.Errorf("%s: the file, or that of its near miss, is missing", name)
		}
	}
}

// TestHealthyBootHasNoCauseWhereverTheWindowStarts cuts the start of each console that has no cause.
func TestHealthyBootHasNoCauseWhereverTheWindowStarts(t *testing.T) {
	t.Parallel()
	parser := bootlog.New()
	for name, want := range wholeBoots() {
		if want[0] != "" {
			continue
		}
		lines := strings.SplitAfter(readBoot(t, name), "\n")
		for from := 1; from < 48; from += 6 {
			if cause, bad := parser.Parse(strings.Join(lines[from:], "")).Cause(); bad {
				t.Errorf("%s from line %d: cause %+v", name, from+1, cause)
			}
		}
	}
}

// TestBootThatIsUnderWayHasNoCause cuts the end of a healthy boot, after each of its lines.
func TestBootThatIsUnderWayHasNoCause(t *testing.T) {
	t.Parallel()
	parser, lines := bootlog.New(), strings.SplitAfter(readBoot(t, "healthy-1.12"), "\n")
	for to := range lines {
		if strings.Contains(lines[to], "phase diskSizeCheck (7/21): 1 tasks(s)") {
			continue // a machine that stands here has no disk, and this one goes on after half a second
		}
		if cause, bad := parser.Parse(strings.Join(lines[:to+1], "")).Cause(); bad {
			t.Errorf("after line %d: cause %+v", to+1, cause)
		}
	}
}

func readBoot(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
