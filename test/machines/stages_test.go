package machines_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
)

func zip(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestUserDataDecidesHowFarTalosBoots(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	good := c.worker(t)
	tooNew := c
	tooNew.kubernetes = "1.37.0"
	noTalosCA := strings.Replace(good, "\n    ca:\n", "\n    acceptedCAs: []\n    unused:\n", 1)
	if noTalosCA == good {
		t.Fatal("the generated config has no machine.ca to remove")
	}
	cases := map[string]struct {
		data    string
		wants   []string
		refuses []string
	}{
		"plain config":           {good, []string{"boot.cmdline", "boot.version", "seq.start", "net.address", "net.hostname", "cfg.fetch", "cfg.loaded", "mem.size", "time.ok"}, []string{"cfg.missing", "mem.small", "disk.small"}},
		"gzip":                   {zip(t, good), []string{"cfg.loaded"}, nil},
		"nothing":                {"", []string{"cfg.fetch", "cfg.missing"}, []string{"cfg.loaded"}},
		"white space":            {" \n\t\n", []string{"cfg.missing"}, []string{"cfg.loaded"}},
		"no v1alpha1 document":   {"apiVersion: v1alpha1\nkind: HostnameConfig\nauto: off\nhostname: lost\n", []string{"cfg.missing"}, []string{"cfg.loaded"}},
		"unknown key":            {strings.Replace(good, "    token: ", "    tokenn: ", 1), []string{"cfg.unknownkey"}, []string{"cfg.loaded", "cfg.missing"}},
		"unknown kind":           {good + "---\napiVersion: v1alpha1\nkind: DiscoveryServiceConfig\n", []string{"cfg.unknowndoc"}, []string{"cfg.loaded", "cfg.missing"}},
		"cloud-config":           {"#cloud-config\nruncmd:\n  - reboot\n", []string{"cfg.notmc"}, []string{"cfg.loaded", "cfg.missing"}},
		"script":                 {"#!/bin/sh\nexec reboot\n", []string{"cfg.notmc"}, []string{"cfg.loaded", "cfg.missing"}},
		"secrets file":           {"cluster:\n  id: a\nsecrets:\n  bootstraptoken: b\n", []string{"cfg.unknownkey"}, []string{"cfg.loaded", "cfg.missing"}},
		"Base64 twice":           {base64.StdEncoding.EncodeToString([]byte(good)), []string{"cfg.notmc"}, []string{"cfg.loaded", "cfg.missing"}},
		"truncated gzip":         {zip(t, good)[:200], []string{"cfg.gzip"}, []string{"cfg.loaded", "cfg.missing"}},
		"kubelet too new":        {tooNew.worker(t), []string{"cfg.k8sver", "cfg.invalid"}, []string{"cfg.loaded", "cfg.missing"}},
		"cluster without a name": {strings.Replace(good, "endpoint: https://127.0.0.1:1", "endpoint: \"\"", 1), []string{"cfg.invalid"}, []string{"cfg.loaded", "cfg.missing"}},
		"section in the way":     {"-----BEGIN OUTSCALE SECTION-----\ntags.a=b\n-----END OUTSCALE SECTION-----\n" + good, []string{"cfg.notmc"}, []string{"cfg.loaded", "cfg.missing"}},
		"filtered section":       {"-----BEGIN OUTSCALE SECTION-----\nfilter_private_section=true\ntags.a=b\n-----END OUTSCALE SECTION-----\n" + good, []string{"cfg.loaded"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			vm := w.launch(tc.data)
			w.expectConsole(vm, tc.wants...)
			w.refuseConsole(vm, tc.refuses...)
		})
	}
}

func TestMachineConfigDecidesHowFarTheKubeletGets(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	cases := map[string]struct {
		patch   string
		wants   []string
		refuses []string
	}{
		"subnets exclude the address": {"machine: {kubelet: {nodeIP: {validSubnets: [192.0.2.0/24]}}}", []string{"kubelet.nodeip"}, []string{"kubelet.run"}},
		"pods overlap the net":        {"cluster: {network: {podSubnets: [10.0.0.0/8]}}", []string{"diag.overlap", "kubelet.nodeip"}, []string{"kubelet.run"}},
		"typo in extraConfig":         {"machine: {kubelet: {extraConfig: {maxPodz: 5}}}", []string{"kubelet.config"}, []string{"kubelet.run"}},
		"forbidden argument":          {"machine: {kubelet: {extraArgs: {config: /tmp/x}}}", []string{"kubelet.arg"}, []string{"kubelet.run"}},
		"forbidden label":             {"machine: {kubelet: {extraArgs: {node-labels: \"app.kubernetes.io/name=x\"}}}", []string{"kubelet.run", "kubelet.labels", "kubelet.crash"}, []string{"kubelet.ok"}},
		"role label":                  {"machine: {kubelet: {extraArgs: {node-labels: \"node-role.kubernetes.io/worker=\"}}}", []string{"kubelet.labels"}, []string{"kubelet.ok"}},
		"unknown flag":                {"machine: {kubelet: {extraArgs: {max-podz: \"5\"}}}", []string{"kubelet.crash"}, []string{"kubelet.ok", "kubelet.labels"}},
		"unreadable flag":             {"machine: {kubelet: {extraArgs: {max-pods: many}}}", []string{"kubelet.crash"}, []string{"kubelet.ok"}},
		"unknown reservation":         {"machine: {kubelet: {extraConfig: {systemReserved: {gpu: \"1\"}}}}", []string{"kubelet.crash"}, []string{"kubelet.ok"}},
		"bad taint effect":            {"machine: {kubelet: {extraConfig: {registerWithTaints: [{key: a, effect: Never}]}}}", []string{"kubelet.crash"}, []string{"kubelet.ok"}},
		"name that does not resolve":  {"cluster: {controlPlane: {endpoint: \"https://nowhere.example:6443\"}}", []string{"k8s.endpoint"}, []string{"kubelet.run"}},
		"allowed labels":              {"machine: {kubelet: {extraArgs: {node-labels: \"karpenter.sh/nodepool=a,topology.kubernetes.io/zone=b,node.kubernetes.io/c=d\"}}}", []string{"kubelet.ok"}, []string{"kubelet.crash"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			vm := w.launch(c.worker(t, tc.patch))
			w.expectConsole(vm, append([]string{"cfg.loaded"}, tc.wants...)...)
			w.refuseConsole(vm, tc.refuses...)
		})
	}
}

func TestNoClusterCAKeepsTheKubeletDown(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	config := c.worker(t)
	before, after, ok := strings.Cut(config, "cluster:\n")
	start := strings.Index(after, "    ca:\n")
	if !ok || start < 0 {
		t.Fatal("the generated config has no cluster.ca")
	}
	rest := after[start:]
	lines := strings.SplitN(rest, "\n", 4) // ca:, crt:, key:, the rest
	w := newWorld(t, nil)
	vm := w.launch(before + "cluster:\n" + after[:start] + lines[3])
	w.expectConsole(vm, "cfg.loaded", "join.noca")
	w.refuseConsole(vm, "kubelet.run")
}

func TestUnreachableTimeServersBlockTheKubelet(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	w := newWorld(t, func(f *machines.Fleet) { f.NTPServers = []string{"192.0.2.123"} })
	stuck := w.launch(c.worker(t))
	w.expectConsole(stuck, "time.query", "time.wait")
	w.refuseConsole(stuck, "time.ok", "kubelet.run")
	synced := w.launch(c.worker(t, "apiVersion: v1alpha1\nkind: TimeSyncConfig\nntp: {servers: [192.0.2.123]}\n"))
	w.expectConsole(synced, "time.ok", "kubelet.run")
}

func TestImageDecidesWhatTalosUnderstands(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	w := newWorld(t, func(f *machines.Fleet) {
		f.Images = map[string]string{f.Region.Fixture().OldImageID: "v1.11.5"}
	})
	old := func(r *osc.CreateVmsRequest) { r.ImageId = w.region.Fixture().OldImageID }
	vm := w.launch(c.worker(t), old)
	w.expectConsole(vm, "cfg.unknowndoc")
	w.refuseConsole(vm, "cfg.loaded")
	c.contract, c.kubernetes = "v1.11.0", "1.34.0"
	w.expectConsole(w.launch(c.worker(t), old), "cfg.loaded")
	c.kubernetes = "1.35.0"
	w.expectConsole(w.launch(c.worker(t), old), "cfg.k8sver")
}

func TestTrustdRefusalKeepsApidDownUntilTheMachineReboots(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	trustd := &machines.Trustd{CA: c.talosCA, Token: machineToken}
	cases := map[string]struct {
		change func(*cluster)
		want   string
	}{
		"token": {func(c *cluster) { c.machineToken = unknownToken }, "trustd.token"},
		"CA":    {func(c *cluster) { c.talosCA = newCA(t) }, "trustd.ca"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(f *machines.Fleet) { f.Trustd, f.BootTimeout = trustd, 2*time.Second })
			wrong := c
			tc.change(&wrong)
			vm := w.launch(wrong.worker(t))
			w.expectConsole(vm, "apid.certs", tc.want, "kubelet.ok", "boot.task", "boot.failed", "boot.reboot")
			if !eventually(t.Context(), func() bool { return strings.Contains(w.console(vm), `"sources": ["state"]`) }) {
				t.Errorf("after the reboot the config does not come from the disk:\n%s", w.console(vm))
			}
			w.refuseConsole(vm, "boot.done")
			w.expectConsole(w.launch(c.worker(t)), "boot.done")
		})
	}
}

func TestStopPressesThePowerButtonAndStartReadsTheDisk(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	w := newWorld(t, nil)
	vm := w.launch(c.worker(t))
	w.expectConsole(vm, "kubelet.ok")
	w.stop(vm)
	w.expectConsole(vm, "stop.acpi", "stop.kubelet", "stop.off")
	w.awaitState(vm, "stopped")
	w.start(vm)
	if !eventually(t.Context(), func() bool { return strings.Contains(w.console(vm), `"sources": ["state"]`) }) {
		t.Errorf("the second boot read its user data again:\n%s", w.console(vm))
	}
}

func TestForcedStopAndHostFailureLeaveNoLastWords(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	w := newWorld(t, nil)
	stopped, killed := w.launch(c.worker(t)), w.launch(c.worker(t))
	w.expectConsole(stopped, "kubelet.ok")
	w.expectConsole(killed, "kubelet.ok")
	w.region.StopVM(stopped)
	w.region.KillVM(killed)
	w.awaitState(stopped, "stopped")
	w.refuseConsole(stopped, "stop.acpi", "stop.off")
	w.refuseConsole(killed, "stop.acpi", "stop.off")
}

func TestSmallMachineWarns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(f *machines.Fleet) { f.MemoryShare = 0.1 })
	w.expectConsole(w.launch(newCluster(t).worker(t)), "mem.small", "mem.size")
}

func TestFixturesHaveNoMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.expectConsole(w.launch(""), "cfg.missing")
	for _, vm := range w.region.VMs() {
		if vm.Fixture && w.console(vm.ID) != "" {
			t.Errorf("a machine runs in the fixture %s", vm.ID)
		}
	}
}

func TestImageNewerThanTheMachineryIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	fleet := &machines.Fleet{Region: w.region, Images: map[string]string{"ami-00000000": "v1.14.0"}}
	if err := fleet.Run(t.Context()); err == nil {
		t.Error("no error for an image that this machinery cannot judge")
	}
}
