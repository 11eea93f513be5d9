package machines_test

import "testing"

// signature is the regular expression of the fact sheet on Talos for one line of the console.
func signature(t *testing.T, id string) string {
	t.Helper()
	pattern, ok := map[string]string{
		"boot.cmdline":   `Command line: .*\btalos\.platform=(\S+)`,
		"boot.version":   `\[talos\] \[initramfs\] booting (?:Talos )?\S*?\s?(v\d\S+)`,
		"seq.start":      `\[talos\] (\w+) sequence: (\d+) phase\(s\)`,
		"net.address":    `assigned address .*"address": "([0-9.]+)/\d+", "link": "(\S+)"`,
		"net.hostname":   `setting hostname .*"hostname": "([^"]*)"`,
		"cfg.fetch":      `fetching machine config from AWS`,
		"cfg.loaded":     `machine config loaded successfully .*"sources": \[([^\]]*)\]`,
		"cfg.missing":    `entering maintenance service`,
		"cfg.unknownkey": `failed to load config via platform \w+: .*unknown keys found during decoding`,
		"cfg.unknowndoc": `failed to load config via platform \w+: .*\\"(\w+)\\" \\"\w+\\": not registered`,
		"cfg.notmc":      `failed to load config via platform \w+: .*(missing kind|expected a YAML document|decode error)`,
		"cfg.gzip":       `error unzipping machine config`,
		"cfg.k8sver":     `kubelet image is not valid: version of Kubernetes (\S+) is too (new|old) to be used with Talos (\S+)`,
		"cfg.invalid":    `failed to (?:runtime )?validate config acquired via platform \w+: (.+)`,
		"time.query":     `time query error (?:with server "([^"]+)"|.*"server": "([^"]+)")`,
		"time.ok":        `adjusting time \((slew|jump)\) by (\S+) via (\S+)`,
		"time.wait":      `service\[(kubelet|apid)\]\(Waiting\): Waiting for .*time sync`,
		"mem.small":      `WARNING: memory size is less than recommended`,
		"mem.size":       `(?:current total memory size is|task memorySizeCheck \(1/1\): memory size is) (\d+) MiB`,
		"disk.small":     `WARNING: disk size is less than recommended`,
		"k8s.endpoint":   `k8s\.StaticEndpointController.*error resolving \\?"([^"\\]+)\\?"`,
		"trustd.token":   `failed to sign API server CSR: .*Unauthenticated.*invalid token`,
		"trustd.ca":      `failed to sign API server CSR: .*signed by unknown authority`,
		"trustd.net":     `failed to sign API server CSR: .*(connection refused|i/o timeout|DeadlineExceeded|no route to host|no children to pick from)`,
		"apid.certs":     `service\[apid\]\(Waiting\): Waiting for .*api certificates`,
		"kubelet.config": `k8s\.KubeletSpecController.*strict decoding error: unknown field \\?"([^"\\]+)`,
		"kubelet.arg":    `extra arg \\?"([^"\\]+)\\?" is not allowed`,
		"kubelet.nodeip": `no suitable node IP found`,
		"diag.overlap":   `new diagnostic .*"id": "address-overlap"`,
		"kubelet.crash":  `service\[kubelet\]\(Waiting\): Error running Containerd\(kubelet\), going to restart forever: (.+)`,
		"kubelet.labels": `unknown 'kubernetes\.io' or 'k8s\.io' labels specified with --node-labels: \[([^\]]+)\]`,
		"kubelet.run":    `service\[kubelet\]\(Running\): Started task kubelet`,
		"kubelet.ok":     `service\[kubelet\]\(Running\): Health check successful`,
		"node.taints":    `k8s\.NodeApplyController.*is not allowed to modify taints`,
		"node.labels":    `k8s\.NodeApplyController.*is not allowed to modify labels: ([^\\"]+)`,
		"join.x509":      `(?:kubernetes endpoint watch error|node watch error).*x509: ([^"\\]+)`,
		"join.rename":    `kubelet client certificate does not match expected nodename, removing .*"expected": "system:node:([^"]+)"`,
		"join.noca":      `missing accepted Kubernetes CAs`,
		"join.token":     `No valid client certificate is found and the server is responsive|since a valid client cert was found and the server is responsive|cannot create certificate signing request: Unauthorized`,
		"boot.services":  `task startAllServices \(1/1\): ((?:service|\w).* to be "up".*)`,
		"boot.done":      `\[talos\] boot sequence: done`,
		"boot.ready":     `machine is running and ready`,
		"boot.failed":    `\[talos\] (\w+) sequence: failed`,
		"boot.task":      `task (\w+) \(\d+/\d+\): failed: (.+)`,
		"boot.reboot":    `\[talos\](?: \[initramfs\])? rebooting in (\d+) seconds`,
		"stop.acpi":      `shutdown via ACPI received`,
		"stop.kubelet":   `shutting down kubelet gracefully`,
		"stop.inhibit":   `failed waiting for inhibit shutdown lock: (.+)`,
		"stop.off":       `reboot: (Power down|Restarting system|System halted)`,
	}[id]
	if !ok {
		t.Fatalf("no signature %q", id)
	}
	return pattern
}
