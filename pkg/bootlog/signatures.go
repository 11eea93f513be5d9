package bootlog

import (
	"regexp"
	"slices"
)

// signature is a line that Talos, its kernel or its kubelet prints.
type signature struct {
	id       string
	severity Severity
	// stage cannot be passed while the line holds.
	stage             string
	directness        directness
	pattern           *regexp.Regexp
	diagnosis, remedy string
}

// directness tells how well a line explains itself.
type directness int

// A consequence follows from something that has a line of its own. A general line may have a reason of its own.
const (
	consequence directness = iota
	general
	direct
)

// signatures returns the table. The first that matches a line is its meaning, so that the specific come before the general.
// Patterns hold for the lines that Talos 1.12 to 1.14 prints.
func signatures() []signature {
	return slices.Concat(configSignatures(), hostSignatures(), trustdSignatures(), kubeletSignatures(), joinSignatures())
}

// configSignatures returns the signatures of the kernel, the network and the way to the machine config.
func configSignatures() []signature {
	re := regexp.MustCompile
	return []signature{
		{"boot.cmdline", Info, "", direct, re(`Command line: .*\btalos\.platform=(\S+)`), "platform that the image was built for", "it must be aws: images for other platforms do not read the user data of Outscale"},
		{"boot.version", Info, "", direct, re(`\[talos\] \[initramfs\] booting (?:Talos )?\S*?\s?(v\d\S+)`), "version of Talos that booted", "compare it with the version that the OutscaleNodeClass and the name of the OMI promise"},
		{"boot.cpu", Fatal, kernel, direct, re(`x86_64 microarchitecture level (\d+) or higher is required, halting`), "the CPU of this VM type is too old for Talos, which halts", "use a newer generation of tina types"},
		{"boot.extension", Info, "", direct, re(`enabling system extension (\S+) (\S+)`), "system extension in the OMI", "for GPU nodes look for the nvidia extensions here"},
		{"boot.panic", Fatal, kernel, direct, re(`Kernel panic - not syncing: (.+)`), "kernel panic", "the OMI is broken or does not fit the VM type: build the OMI again"},
		{"boot.recovered", Fatal, kernel, direct, re(`\[talos\] \[initramfs\] recovered from: (.+)`), "Talos failed before it could start the system", "build the OMI again from a Talos disk image"},
		{"seq.install", Error, disk, direct, re(`\[talos\] install sequence: \d+ phase\(s\)`), "Talos takes the disk for not installed: its META partition is missing", "write the OMI from a Talos disk image, not from an installer or an ISO"},
		{"seq.start", Info, "", direct, re(`\[talos\] (\w+) sequence: (\d+) phase\(s\)`), "a sequence started", ""},
		{"net.dhcp", Error, network, direct, re(`DHCP request/renew failed`), "no answer from DHCP", "look at the subnet, its DHCP options and the NIC of the VM"},
		{"net.address", Info, "", direct, re(`assigned address .*"address": "([0-9.]+)/\d+", "link": "(\S+)"`), "the network is up", ""},
		{"net.hostname", Info, "", direct, re(`setting hostname .*"hostname": "([^"]*)"`), "host name, which is the node name unless registerWithFQDN is set", "it must equal the node name of the NodeClaim and the tag OscK8sNodeName"},
		{"net.meta", Warning, network, direct, re(`restarting platform network config`), "the metadata service does not answer as it should", "169.254.169.254 must be reachable from the subnet"},
		{"cfg.fetch", Info, "", direct, re(`fetching machine config from AWS`), "asking for the user data", ""},
		{"cfg.imds", Error, config, direct, re(`retrying error: failed to fetch EC2 userdata: (.+)`), "the user data cannot be read; Talos retries for up to 3 hours", "look at the metadata service: a token request that is answered with 400 never falls back to version 1"},
		{"cfg.loaded", Info, "", direct, re(`machine config loaded successfully .*"sources": \[([^\]]*)\]`), "the machine config was accepted; sources \"state\" means that the user data was not read again", ""},
		{"cfg.missing", Fatal, config, direct, re(`entering maintenance service`), "no user data, or none with a v1alpha1 document: the machine waits for ever for somebody to apply a config", "the user data must be a base64 machine config, and the OMI must have platform aws; the open port 50000 lets anyone in the security group take the machine"},
		{"cfg.unknownkey", Fatal, config, direct, re(`failed to load config via platform \w+: .*unknown keys found during decoding`), "the machine config has a key that this version of Talos does not know", "fix the typo in the patch, or write the worker config for the version of the OMI"},
		{"cfg.unknowndoc", Fatal, config, direct, re(`failed to load config via platform \w+: .*\\"(\w+)\\" \\"\w+\\": not registered`), "the machine config has a document of a kind that this version of Talos does not know", "write the worker config for the version of the OMI, or use a newer OMI"},
		{"cfg.notmc", Fatal, config, direct, re(`failed to load config via platform \w+: .*(missing kind|expected a YAML document|decode error)`), "the user data is not a Talos machine config, but for instance cloud-config, a script or base64 twice", "put the output of talosctl gen config (worker.yaml) into the Secret of the OutscaleNodeClass"},
		{"cfg.gzip", Fatal, config, direct, re(`error unzipping machine config`), "the gzip of the user data is cut or corrupt", "the user data is larger than the limit, or was encoded twice"},
		{"cfg.k8sver", Fatal, config, direct, re(`kubelet image is not valid: version of Kubernetes (\S+) is too (new|old) to be used with Talos ([\w.+-]+)`), "this version of Talos does not run this version of the kubelet", "change machine.kubelet.image in the worker config, or use another OMI"},
		{"cfg.invalid", Fatal, config, direct, re(`failed to (?:runtime )?validate config acquired via platform \w+: (.+)`), "Talos rejects the machine config", "talosctl validate --mode cloud says the same about the worker config"},
		{"cfg.warning", Warning, "", direct, re(`config validation warning .*"warning": "([^"]*)"`), "warning about the machine config", "talosctl validate --mode cloud says the same about the worker config"},
	}
}

// hostSignatures returns the signatures of clock, memory and disk.
func hostSignatures() []signature {
	re := regexp.MustCompile
	return []signature{
		{"time.query", Error, clock, direct, re(`time query error (?:with server "([^"]+)"|.*"server": "([^"]+)")`), "the NTP server does not answer; kubelet and apid wait for the clock for ever", "open UDP 123 to the internet, or name servers that the subnet reaches in a TimeSyncConfig"},
		{"time.dns", Error, clock, direct, re(`failed looking up (?:"([^"]+)"|server), ignored`), "the name of the NTP server does not resolve", "look at DNS and the way out of the subnet"},
		{"time.ok", Info, "", direct, re(`adjusting time \((slew|jump)\) by (\S+) via (\S+)`), "the clock is in sync", ""},
		{"time.wait", Error, clock, consequence, re(`service\[(kubelet|apid)\]\(Waiting\): Waiting for .*time sync`), "a service waits for the clock", "look for the error of the NTP server"},
		{"mem.small", Warning, "", direct, re(`WARNING: memory size is less than recommended`), "the VM has less memory than Talos recommends", "use a type with at least 2 GiB"},
		{"mem.size", Info, "", direct, re(`(?:current total memory size is|task memorySizeCheck \(1/1\): memory size is) (\d+) MiB`), "memory in MiB that the kernel sees", ""},
		{"disk.small", Warning, "", direct, re(`WARNING: disk size is less than recommended`), "the system disk has less than 6 GiB for data", "raise the size of the root volume in the OutscaleNodeClass"},
		{"disk.wait", Error, disk, direct, re(`phase diskSizeCheck \(\d+/\d+\): 1 tasks\(s\)\s*$`), "the system disk was not found", "look at the root device of the OMI and the block device mappings of the OutscaleNodeClass"},
		{"disk.io", Error, "", direct, re(`(I/O error, dev \S+|XFS \([^)]+\): (?:Corruption|log I/O error|Filesystem has been shut down))`), "a volume fails", "replace the node; the volume is lost"},
		{"oom.talos", Error, "", direct, re(`OOM controller triggered|Sending SIGKILL to cgroup .*"cgroup": "([^"]+)"`), "Talos ran out of memory and killed a cgroup", "pods without memory limits, or too little memory reserved for the system"},
		{"oom.kernel", Error, "", direct, re(`(Memory cgroup out|Out) of memory: Killed process (\d+) \(([^)]+)\)`), "the kernel ran out of memory and killed a process", "a pod reached its limit; if it was kubelet, containerd or machined, reserve more memory for the system"},
		{"gpu.module", Error, "", direct, re(`error loading module \\?"([^"\\]+)`), "a kernel module is not in the OMI", "build the OMI with the extension that has the module"},
	}
}

// trustdSignatures returns the signatures of the way to the control plane: name, trustd and the certificate of apid.
func trustdSignatures() []signature {
	re := regexp.MustCompile
	return []signature{
		{"k8s.endpoint", Error, ready, direct, re(`k8s\.StaticEndpointController.*error resolving \\?"([^"\\]+)\\?"`), "the name of the control plane does not resolve", "look at DNS for the host in cluster.controlPlane.endpoint of the worker config"},
		{"trustd.token", Error, services, direct, re(`failed to sign API server CSR: .*Unauthenticated.*invalid token`), "machine.token is not that of the cluster", "the worker config comes from other secrets, or they were rotated: write the Secret anew"},
		{"trustd.ca", Error, services, direct, re(`failed to sign API server CSR: .*signed by unknown authority`), "machine.ca is not the CA of the Talos control plane", "the worker config comes from other secrets, or the CA was rotated: write the Secret anew"},
		{"trustd.clock", Error, services, direct, re(`failed to sign API server CSR: .*expired or is not yet valid`), "a certificate is expired or not yet valid", "the clock of the node or of the control plane is wrong: look at NTP"},
		{"trustd.san", Error, services, direct, re(`failed to sign API server CSR: .*certificate is valid for`), "the certificate of the control plane does not have the address that the node dials", "add the address of the load balancer to machine.certSANs of the control plane"},
		{"trustd.net", Error, services, direct, re(`failed to sign API server CSR: .*(connection refused|i/o timeout|DeadlineExceeded|no route to host|no children to pick from)`), "no way to port 50001 of the control plane; apid never starts and the node reboots after 70 minutes", "open TCP 50001 from the security group of the nodes to that of the control plane"},
		{"apid.certs", Warning, services, consequence, re(`service\[apid\]\(Waiting\): Waiting for .*api certificates`), "apid waits for its certificate", "look for the error of trustd; the kubelet does not wait for it"},
	}
}

// kubeletSignatures returns the signatures of the kubelet until it is healthy. What names a reason comes before what every crash prints.
func kubeletSignatures() []signature {
	re := regexp.MustCompile
	return []signature{
		{"kubelet.config", Fatal, kubelet, direct, re(`k8s\.KubeletSpecController.*strict decoding error: unknown field \\?"([^"\\]+)`), "machine.kubelet.extraConfig has a field that the kubelet does not know", "fix the typo; talosctl validate does not see it"},
		{"kubelet.arg", Fatal, kubelet, direct, re(`extra arg \\?"([^"\\]+)\\?" is not allowed`), "machine.kubelet.extraArgs has a flag that Talos does not allow", "remove the flag"},
		{"kubelet.nodeip", Fatal, kubelet, direct, re(`no suitable node IP found`), "no address of the machine may be the node IP", "nodeIP.validSubnets leaves out the subnet, or the Net overlaps the pod or service network"},
		{"kubelet.multinic", Warning, "", direct, re(`node IP skipped, .*"address": "([^"]+)"`), "several addresses: the first is the node IP", "set machine.kubelet.nodeIP.validSubnets"},
		{"diag.overlap", Fatal, ready, direct, re(`new diagnostic .*"id": "address-overlap"`), "the Net overlaps the pod or service network", "use another range for the Net, or other cluster.network subnets"},
		{"diag.csr", Warning, "", direct, re(`new diagnostic .*"id": "kubelet-csr"`), "no controller approves the kubelet's serving certificate: logs and exec fail", "install a kubelet-serving-cert-approver, or remove rotate-server-certificates"},
		{"image.pull", Error, kubelet, direct, re(`retrying error: failed to pull image "([^"]+)": (.+)`), "an image cannot be pulled; Talos retries for 20 minutes", "look at the way out of the subnet (NAT), or set a RegistryMirrorConfig"},
		{"kubelet.labels", Fatal, healthy, direct, re(`unknown 'kubernetes\.io' or 'k8s\.io' labels specified with --node-labels: \[([^\]]+)\]|--node-labels in the 'kubernetes\.io' namespace must begin with an allowed prefix`), "the kubelet may not set a label of the kubernetes.io namespace", "remove it from node-labels; a label in the template of the NodePool is set by Karpenter"},
		{"join.token", Fatal, ready, direct, re(`No valid client certificate is found and the server is responsive|since a valid client cert was found and the server is responsive|cannot create certificate signing request: Unauthorized`), "the bootstrap token is refused or expired, or no controller approves the certificate; the kubelet looks healthy meanwhile", "look at Secret bootstrap-token-<id> in kube-system: expiration, usage-bootstrap-authentication, group system:bootstrappers:nodes; then at kubectl get csr"},
		{"kubelet.prestage", Fatal, kubelet, general, re(`service\[kubelet\]\(Failed\): (.+)`), "Talos gave up the kubelet", "the lines before say why"},
		{"kubelet.crash", Fatal, ready, general, re(`service\[kubelet\]\(Waiting\): Error running Containerd\(kubelet\), going to restart forever: (.+)`), "the kubelet exits again and again", "the reason is in (last log ...): a flag, a label, a feature gate or the API server"},
		{"kubelet.run", Info, "", direct, re(`service\[kubelet\]\(Running\): Started task kubelet`), "the kubelet started", ""},
		{"kubelet.ok", Info, "", direct, re(`service\[kubelet\]\(Running\): Health check successful`), "the kubelet is healthy, which does not mean that the node is registered", ""},
		{"kubelet.sick", Error, healthy, consequence, re(`service\[(kubelet|cri|containerd|apid)\]\(Running\): Health check failed: (.+)`), "a service is not healthy", "the lines before say why"},
	}
}

// joinSignatures returns the signatures of the node: registration, labels and the end of the boot.
func joinSignatures() []signature {
	re := regexp.MustCompile
	return []signature{
		{"node.taints", Error, "", direct, re(`k8s\.NodeApplyController.*is not allowed to modify taints`), "machine.nodeTaints is forbidden for workers, and takes nodeLabels and nodeAnnotations with it", "remove machine.nodeTaints; taints belong in the NodePool"},
		{"node.labels", Error, "", direct, re(`k8s\.NodeApplyController.*is not allowed to modify labels: ([^\\"]+)`), "machine.nodeLabels has a label that a node may not set on itself", "move the label to the template of the NodePool"},
		{"node.absent", Warning, ready, direct, re(`k8s\.NodeApplyController.*error getting node: nodes \\?"([^"\\]+)\\?" not found`), "there is no Node: not yet registered, or deleted", "if it lasts, the registration failed, or somebody deletes the Node: look at the tags for the CCM"},
		{"join.401", Error, ready, direct, re(`(?:kubernetes endpoint watch error|node watch error|error_count).*Unauthorized`), "the API server does not know the certificate of the kubelet", "cluster.ca of the worker config is that of another cluster: write the Secret anew"},
		{"join.x509", Error, ready, direct, re(`(?:kubernetes endpoint watch error|node watch error).*x509: ([^"\\]+)`), "the API server does not have a certificate of cluster.ca", "cluster.ca or cluster.controlPlane.endpoint of the worker config is that of another cluster: write the Secret anew"},
		{"join.rename", Warning, "", direct, re(`kubelet client certificate does not match expected nodename, removing .*"expected": "system:node:([^"]+)"`), "the node name changed between two boots: there is a second Node", "keep talos.hostname of the OutscaleNodeClass"},
		{"join.noca", Fatal, kubelet, direct, re(`missing accepted Kubernetes CAs`), "the machine config has no Kubernetes CA: the kubelet never starts", "set cluster.ca in the worker config to the CA of the cluster (ConfigMap kube-root-ca.crt)"},
		{"boot.services", Warning, services, consequence, re(`task startAllServices \(1/1\): ((?:service|\w).* to be "up".*)`), "services are not up yet", "Talos waits for 70 minutes; the services that are named keep it"},
		{"boot.done", Info, "", direct, re(`\[talos\] boot sequence: done`), "all services are healthy", ""},
		{"boot.ready", Info, "", direct, re(`machine is running and ready`), "Talos sees the Node Ready", ""},
		{"boot.failed", Fatal, services, consequence, re(`\[talos\] (\w+) sequence: failed`), "a sequence failed and the machine reboots", "the task before says why"},
		{"boot.task", Error, services, consequence, re(`task (\w+) \(\d+/\d+\): failed: (.+)`), "a task of a sequence failed", "the reason is in the line"},
		{"boot.reboot", Fatal, services, consequence, re(`\[talos\](?: \[initramfs\])? rebooting in (\d+) seconds`), "the machine reboots because it failed", "the first error says why; a new NodeClaim will fail in the same way"},
		{"stop.acpi", Info, "", direct, re(`shutdown via ACPI received`), "the cloud asked the machine to stop", ""},
		{"stop.kubelet", Info, "", direct, re(`shutting down kubelet gracefully`), "the kubelet ends its pods", ""},
		{"stop.inhibit", Warning, "", direct, re(`failed waiting for inhibit shutdown lock: (.+)`), "the kubelet did not end its pods in time", "pods with a long grace period"},
		{"stop.off", Info, "", direct, re(`reboot: (Power down|Restarting system|System halted)`), "the machine switched itself off or restarted", "somebody stopped the VM, or its guest did: a stopped VM stays, start it or delete its NodeClaim"},
	}
}
