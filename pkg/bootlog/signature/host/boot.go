package host

import (
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// kernelSignatures are those of the kernel and of what Talos does before its services.
func kernelSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "boot.platform", Severity: signature.Fatal, Blocks: signature.Config,
			Line: `Command line: ` +
				`.*\btalos\.platform=(?P<platform>aws\S+|aw?|a[^w\s]\S*|aw[^s\s]\S*|[b-z]\S*)(?:\s|$)`,
			Means: "the OMI was built for the platform ${platform}: such a Talos does not read the user data of " +
				"Outscale",
			Do: "build the OMI from the image of Talos for aws (talos.platform=aws), and set spec.imageId of the " +
				"OutscaleNodeClass",
			Sample: `Command line: BOOT_IMAGE=/A/vmlinuz talos.platform=nocloud console=ttyS0 net.ifnames=0`,
		},
		{
			ID: "boot.cmdline", Severity: signature.Info,
			Line:   `Command line: .*\btalos\.platform=(\S+)`,
			Means:  "platform that the image was built for",
			Do:     "it must be aws: images for other platforms do not read the user data of Outscale",
			Sample: `Command line: BOOT_IMAGE=/A/vmlinuz talos.platform=aws console=ttyS0 net.ifnames=0`,
		},
		{
			ID: "boot.version", Severity: signature.Info,
			Line:   `\[talos\] \[initramfs\] booting (?:Talos )?\S*?\s?(v\d\S+)`,
			Means:  "version of Talos that booted",
			Do:     "compare it with the version that the OutscaleNodeClass and the name of the OMI promise",
			Sample: `[talos] [initramfs] booting Talos v1.13.0`,
		},
		{
			ID: "boot.cpu", Severity: signature.Fatal, Blocks: signature.Kernel,
			Line:   `x86_64 microarchitecture level (\d+) or higher is required, halting`,
			Means:  "the CPU of this VM type is too old for Talos, which halts",
			Do:     "use a newer generation of tina types",
			Sample: `[talos] [initramfs] x86_64 microarchitecture level 2 or higher is required, halting`,
		},
		{
			ID: "boot.extension", Severity: signature.Info,
			Line:   `enabling system extension (\S+) (\S+)`,
			Means:  "system extension in the OMI",
			Do:     "for GPU nodes look for the nvidia extensions here",
			Sample: `[talos] [initramfs] enabling system extension nvidia-container-toolkit 570.140.08-v1.17.8`,
		},
		{
			ID: "boot.panic", Severity: signature.Fatal, Blocks: signature.Kernel,
			Line:   `Kernel panic - not syncing: (.+)`,
			Means:  "kernel panic",
			Do:     "the OMI is broken or does not fit the VM type: build the OMI again",
			Sample: `Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)`,
		},
		{
			ID: "boot.recovered", Severity: signature.Fatal, Blocks: signature.Kernel,
			Line:   `\[talos\] \[initramfs\] recovered from: (.+)`,
			Means:  "Talos failed before it could start the system",
			Do:     "build the OMI again from a Talos disk image",
			Sample: `[talos] [initramfs] recovered from: runtime error: index out of range`,
		},
	}
}

// hangSignatures are those of a machine that does not get on.
func hangSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "hang.task", Severity: signature.Error, Blocks: signature.Ready,
			Line:  `INFO: task (?P<task>.+:\d+) blocked for more than \d+ seconds`,
			Ends:  `service\[kubelet\]\(Running\): Health check successful|machine is running and ready`,
			Means: "the machine hangs: a process waits for its disk or for the kernel",
			Do: "reboot the VM, or delete the NodeClaim; if it comes again, look at the volume (IOPS) and at the " +
				"host: Outscale support has its log",
			Sample: `INFO: task containerd:1500 blocked for more than 122 seconds.`,
		},
		{
			ID: "hang.cpu", Severity: signature.Error, Blocks: signature.Ready,
			Line:  `(?P<what>soft lockup|hard LOCKUP)|rcu.* detected stall|rcu.*self-detected stall`,
			Ends:  `service\[kubelet\]\(Running\): Health check successful|machine is running and ready`,
			Means: "the machine hangs: a CPU does not answer",
			Do: "reboot the VM, or delete the NodeClaim; if it comes again, look at the host: Outscale support " +
				"has its log",
			Sample: `watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [kubelet:1900]`,
		},
		{
			ID: "seq.install", Severity: signature.Error, Blocks: signature.Disk,
			Line:   `\[talos\] install sequence: \d+ phase\(s\)`,
			Means:  "Talos takes the disk for not installed: its META partition is missing",
			Do:     "write the OMI from a Talos disk image, not from an installer or an ISO",
			Sample: `[talos] install sequence: 3 phase(s)`,
		},
		{
			ID: "seq.start", Severity: signature.Info,
			Line:   `\[talos\] (\w+) sequence: (\d+) phase\(s\)`,
			Means:  "a sequence started",
			Sample: `[talos] boot sequence: 21 phase(s)`,
		},
	}
}

// networkSignatures are those of the network.
func networkSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "net.dhcp", Severity: signature.Error, Blocks: signature.Network,
			Line:      `DHCP request/renew failed`,
			NoteAfter: signature.Ready,
			Means:     "no answer from DHCP",
			Do:        "look at the subnet, its DHCP options and the NIC of the VM",
			Sample: `[talos] DHCP request/renew failed {"component": "controller-runtime", "controller": ` +
				`"network.OperatorSpecController", "operator": "dhcp4", "link": "eth0"}`,
		},
		{
			ID: "net.address", Severity: signature.Info,
			Line:  `assigned address .*"address": "([0-9.]+)/\d+", "link": "(\S+)"`,
			Means: "the network is up",
			Sample: `[talos] assigned address {"component": "controller-runtime", "controller": ` +
				`"network.AddressSpecController", "address": "10.0.1.20/24", "link": "eth0"}`,
		},
		{
			ID: "net.hostname", Severity: signature.Info,
			Line:  `setting hostname .*"hostname": "([^"]*)"`,
			Means: "host name, which is the node name unless registerWithFQDN is set",
			Do:    "it must equal the node name of the NodeClaim and the tag OscK8sNodeName",
			Sample: `[talos] setting hostname {"component": "controller-runtime", "controller": ` +
				`"network.HostnameSpecController", "hostname": "default-7xk2p", "domainname": ""}`,
		},
		{
			ID: "net.meta", Severity: signature.Warning, Blocks: signature.Network,
			Line:      `restarting platform network config`,
			NoteAfter: signature.Ready,
			Means:     "the metadata service does not answer as it should",
			Do:        "169.254.169.254 must be reachable from the subnet",
			Sample: `[talos] restarting platform network config {"component": "controller-runtime", ` +
				`"controller": "network.PlatformConfigController", "error": "failed"}`,
		},
	}
}

// configSignatures are those of the way to the machine config.
func configSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "cfg.fetch", Severity: signature.Info,
			Line:   `fetching machine config from AWS`,
			Means:  "asking for the user data",
			Sample: `[talos] fetching machine config from AWS`,
		},
		{
			ID: "cfg.imds", Severity: signature.Error, Blocks: signature.Config,
			Line:  `retrying error: failed to fetch EC2 userdata: (.+)`,
			Means: "the user data cannot be read; Talos retries for up to 3 hours",
			Do: "look at the metadata service: a token request that is answered with 400 never falls back to " +
				"version 1",
			Sample: `[talos] retrying error: failed to fetch EC2 userdata: operation error ec2imds: GetUserData, ` +
				`http response error StatusCode: 400`,
		},
		{
			ID: "cfg.loaded", Severity: signature.Info,
			Line: `machine config loaded successfully .*"sources": \[([^\]]*)\]`,
			Means: "the machine config was accepted; sources \"state\" means that the user data was not read " +
				"again",
			Sample: `[talos] machine config loaded successfully {"component": "controller-runtime", ` +
				`"controller": "config.AcquireController", "sources": ["aws"]}`,
		},
		{
			ID: "cfg.missing", Severity: signature.Fatal, Blocks: signature.Config, Explains: signature.General,
			Line: `entering maintenance service`,
			Means: "no user data, or none with a v1alpha1 document: the machine waits until someone applies a " +
				"config",
			Do: "the user data must be a base64 machine config, and the OMI must have platform aws; the open " +
				"port 50000 lets anyone in the security group take the machine",
			Sample: `[talos] entering maintenance service {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController"}`,
		},
		{
			ID: "cfg.warning", Severity: signature.Note,
			Line:  `config validation warning .*"warning": "([^"]*)"`,
			Means: "warning about the machine config",
			Do:    "talosctl validate --mode cloud says the same about the worker config",
			Sample: `[talos] config validation warning {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "platform": "aws", "warning": "use \"HostnameConfig\" instead"}`,
		},
		{
			ID: "cfg.k8sver", Severity: signature.Fatal, Blocks: signature.Config,
			Line: `kubelet image is not valid: version of Kubernetes (\S+) is too (new|old) to be used with ` +
				`Talos ([\w.+-]+)`,
			Means: "this version of Talos does not run this version of the kubelet",
			Do:    "change machine.kubelet.image in the worker config, or use another OMI",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "error": "failed to runtime validate config acquired via platform ` +
				`aws: 1 error occurred:\n * kubelet image is not valid: version of Kubernetes 1.37.0 is too new ` +
				`to be used with Talos 1.13.0\n\n"}`,
		},
	}
}

// refusedSignatures are those of machine configs that Talos does not take.
func refusedSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "cfg.unknownkey", Severity: signature.Fatal, Blocks: signature.Config,
			Line:  `failed to load config via platform \w+: .*unknown keys found during decoding`,
			Means: "the machine config has a key that this version of Talos does not know",
			Do:    "fix the typo in the patch, or write the worker config for the version of the OMI",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "error": "failed to load config via platform aws: error decoding ` +
				`document v1alpha1/ (line 1): unknown keys found during decoding:\nmachine:\n    tokenn: ` +
				`hunter2\n"}`,
		},
		{
			ID: "cfg.unknowndoc", Severity: signature.Fatal, Blocks: signature.Config,
			Line:  `failed to load config via platform \w+: .*\\"(\w+)\\" \\"\w+\\": not registered`,
			Means: "the machine config has a document of a kind that this version of Talos does not know",
			Do:    "write the worker config for the version of the OMI, or use a newer OMI",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "error": "failed to load config via platform aws: error decoding ` +
				`document v1alpha1/VRFConfig/ (line 60): \"VRFConfig\" \"v1alpha1\": not registered"}`,
		},
		{
			ID: "cfg.section", Severity: signature.Fatal, Blocks: signature.Config,
			Line: `failed to load config via platform \w+: .*mapping values are not allowed`,
			Means: "the user data is not valid YAML: either the OUTSCALE section, which Outscale takes out, is still in " +
				"it, or the worker config is broken",
			Do: "start the controller with --tags-in-user-data=false; if it comes again, check the worker config with " +
				"talosctl validate --mode cloud",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "error": "failed to load config via platform aws: decode error: yaml: ` +
				`line 4, column 8: mapping values are not allowed in this context"}`,
		},
		{
			ID: "cfg.notmc", Severity: signature.Fatal, Blocks: signature.Config,
			Line: `failed to load config via platform \w+: .*(missing kind|expected a YAML document|decode error)`,
			Means: "the user data is not a Talos machine config, but for instance cloud-config, a script or " +
				"base64 twice",
			Do: "put the output of talosctl gen config (worker.yaml) into the Secret of the OutscaleNodeClass",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "error": "failed to load config via platform aws: error decoding ` +
				`document /v1alpha1/ (line 1): missing kind"}`,
		},
		{
			ID: "cfg.gzip", Severity: signature.Fatal, Blocks: signature.Config,
			Line:  `error unzipping machine config`,
			Means: "the gzip of the user data is cut or corrupt",
			Do:    "the user data is larger than the limit, or was encoded twice",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "error": "error unzipping machine config: unexpected EOF"}`,
		},
		{
			ID: "cfg.invalid", Severity: signature.Fatal, Blocks: signature.Config,
			Line:  `failed to (?:runtime )?validate config acquired via platform \w+: (.+)`,
			Means: "Talos rejects the machine config",
			Do:    "talosctl validate --mode cloud says the same about the worker config",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"config.AcquireController", "error": "failed to validate config acquired via platform aws: 1 ` +
				`error occurred:\n * invalid cluster endpoint: \n\n"}`,
		},
	}
}
