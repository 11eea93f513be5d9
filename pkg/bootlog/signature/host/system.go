package host

import (
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// clockSignatures are those of the clock.
func clockSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "time.query", Severity: signature.Error, Blocks: signature.Clock,
			Line:      `time query error (?:with server "([^"]+)"|.*"server": "([^"]+)")`,
			NoteAfter: signature.Clock,
			Means:     "the NTP server does not answer",
			Do: "kubelet and apid wait until the clock is in sync: open UDP 123 to the internet, or name servers " +
				"that the subnet reaches in a TimeSyncConfig",
			Sample: `[talos] time query error {"component": "controller-runtime", "controller": ` +
				`"time.SyncController", "server": "169.254.169.123", "error": "i/o timeout"}`,
		},
		{
			ID: "time.dns", Severity: signature.Error, Blocks: signature.Clock,
			Line:      `failed looking up (?:"([^"]+)"|server), ignored`,
			NoteAfter: signature.Clock,
			Means:     "the name of the NTP server does not resolve",
			Do:        "look at DNS and the way out of the subnet",
			Sample: `[talos] failed looking up "time.cloudflare.com", ignored {"component": ` +
				`"controller-runtime", "controller": "time.SyncController", "error": "lookup ` +
				`time.cloudflare.com: no such host"}`,
		},
		{
			ID: "time.ok", Severity: signature.Info,
			Line:  `adjusting time \((slew|jump)\) by (\S+) via (\S+)`,
			Means: "the clock is in sync",
			Sample: `[talos] adjusting time (slew) by 1.52ms via 169.254.169.123, state TIME_OK, status STA_NANO ` +
				`{"component": "controller-runtime", "controller": "time.SyncController"}`,
		},
		{
			ID: "time.wait", Severity: signature.Error, Blocks: signature.Clock, Explains: signature.Consequence,
			Line:      `service\[(kubelet|apid)\]\(Waiting\): Waiting for .*time sync`,
			NoteAfter: signature.Clock,
			Means:     "a service waits for the clock",
			Do:        "look for the error of the NTP server",
			Sample:    `[talos] service[kubelet](Waiting): Waiting for service "cri" to be "up", time sync, network`,
		},
	}
}

// diskSignatures are those of the disk.
func diskSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "disk.small", Severity: signature.Warning,
			Line:   `WARNING: disk size is less than recommended`,
			Means:  "the system disk has less than 6 GiB for data",
			Do:     "raise the size of the root volume in the OutscaleNodeClass",
			Sample: `[talos] task diskSizeCheck (1/1): WARNING: disk size is less than recommended`,
		},
		{
			ID: "disk.wait", Severity: signature.Error, Blocks: signature.Disk,
			Line:   `phase diskSizeCheck \(\d+/\d+\): 1 tasks\(s\)\s*$`,
			Means:  "the system disk was not found",
			Do:     "look at the root device of the OMI and the block device mappings of the OutscaleNodeClass",
			Sample: `[talos] phase diskSizeCheck (7/21): 1 tasks(s)`,
		},
		{
			ID: "disk.space", Severity: signature.Fatal, Blocks: signature.Kubelet,
			Line: `volume status .*"volume": "(?P<volume>[^"]+)", "phase": "\w+ -> failed".*[1-9]\d* have not ` +
				`enough space`,
			Ends:  `volume status .*"volume": "([^"]+)", "phase": "\w+ -> (?:located|provisioned|prepared|ready)"`,
			Means: "volume ${volume} cannot be made: not enough space on the disk",
			Do: "raise volumeSize of the root volume (spec.blockDeviceMappings of the OutscaleNodeClass), or " +
				"lower minSize of the VolumeConfig ${volume} in spec.talos.patches or the worker config",
			Sample: `[talos] volume status {"component": "controller-runtime", "controller": ` +
				`"block.VolumeManagerController", "volume": "EPHEMERAL", "phase": "waiting -> failed", "error": ` +
				`"no disks matched for volume (1 matched selector): 1 have not enough space, 0 have wrong ` +
				`format, 0 have other issues"}`,
		},
		{
			ID: "disk.volume", Severity: signature.Error, Blocks: signature.Kubelet,
			Line:  `volume status .*"volume": "(?P<volume>[^"]+)", "phase": "\w+ -> failed"`,
			Ends:  `volume status .*"volume": "([^"]+)", "phase": "\w+ -> (?:located|provisioned|prepared|ready)"`,
			Means: "volume ${volume} cannot be made or opened",
			Do: "the line says why; look at the VolumeConfig ${volume} in spec.talos.patches of the " +
				"OutscaleNodeClass and in the worker config",
			Sample: `[talos] volume status {"component": "controller-runtime", "controller": ` +
				`"block.VolumeManagerController", "volume": "u-data", "phase": "waiting -> failed", "error": "no ` +
				`disks matched for volume"}`,
		},
		{
			ID: "disk.io", Severity: signature.Fatal,
			Line: `(I/O error,? (?:on )?dev (?:sd|vd|xvd|hd|nvme|dm-)\w*|XFS \([^)]+\): (?:Corruption|log I/O ` +
				`error|metadata I/O error|Filesystem has been shut down)|input/output error)`,
			Means:  "a volume fails: the machine cannot read or write its disk",
			Do:     "replace the node: delete its NodeClaim; what is on the volume may be lost",
			Sample: `I/O error, dev sda, sector 123456 op 0x1:(WRITE)`,
		},
	}
}

// memorySignatures are those of the memory and the kernel modules.
func memorySignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "mem.small", Severity: signature.Warning,
			Line:   `WARNING: memory size is less than recommended`,
			Means:  "the VM has less memory than Talos recommends",
			Do:     "use a type with at least 2 GiB",
			Sample: `[talos] task memorySizeCheck (1/1): WARNING: memory size is less than recommended`,
		},
		{
			ID: "mem.size", Severity: signature.Info,
			Line:   `(?:current total memory size is|task memorySizeCheck \(1/1\): memory size is) (\d+) MiB`,
			Means:  "memory in MiB that the kernel sees",
			Sample: `[talos] task memorySizeCheck (1/1): memory size is 7864 MiB`,
		},
		{
			ID: "oom.talos", Severity: signature.Error,
			Line:  `OOM controller triggered|Sending SIGKILL to cgroup .*"cgroup": "([^"]+)"`,
			Ends:  `service\[kubelet\]\(Running\): Health check successful|machine is running and ready`,
			Means: "Talos ran out of memory and killed a cgroup",
			Do:    "pods without memory limits, or too little memory reserved for the system",
			Sample: `[talos] Sending SIGKILL to cgroup {"controller": "runtime.OOMController", "cgroup": ` +
				`"/sys/fs/cgroup/kubepods/burstable"}`,
		},
		{
			ID: "oom.kernel", Severity: signature.Error,
			Line: `(?:Memory cgroup out|Out) of memory: Killed process (\d+) ` +
				`\((kubelet|containerd|machined|apid)\)|\bOut of memory: Killed process (\d+) \(([^)]+)\)`,
			Ends:  `service\[kubelet\]\(Running\): Health check successful|machine is running and ready`,
			Means: "the kernel ran out of memory and killed a process",
			Do: "give pods memory limits; if it was kubelet, containerd or machined, reserve more memory " +
				"(spec.kubelet.systemReserved of the OutscaleNodeClass)",
			Sample: `Out of memory: Killed process 4242 (java) total-vm:8000000kB, anon-rss:4000000kB`,
		},
		{
			ID: "oom.pod", Severity: signature.Warning,
			Line:      `Memory cgroup out of memory: Killed process (\d+) \(([^)]+)\)`,
			NoteAfter: signature.Kernel,
			Means:     "a pod reached its memory limit, and the kernel killed a process of it",
			Do:        "raise the memory limit of the pod",
			Sample: `Memory cgroup out of memory: Killed process 4242 (java) total-vm:8000000kB, ` +
				`anon-rss:4000000kB`,
		},
		{
			ID: "gpu.module", Severity: signature.Error,
			Line:  `error loading module \\?"([^"\\]+)`,
			Stays: true,
			Means: "a kernel module is not in the OMI",
			Do:    "build the OMI with the extension that has the module",
			Sample: `[talos] controller failed {"controller": "runtime.KernelModuleSpecController", "error": ` +
				`"error loading module \"nvidia\": module not found"}`,
		},
	}
}

// trustdSignatures are those of what trustd, which signs the certificate of apid, refuses.
func trustdSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "trustd.token", Severity: signature.Error, Blocks: signature.Services,
			Line:  `failed to sign API server CSR: .*Unauthenticated.*invalid token`,
			Means: "machine.token is not that of the cluster",
			Do:    "the worker config comes from other secrets, or they were rotated: write the Secret anew",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"secrets.APIController", "error": "failed to sign API server CSR: rpc error: code = ` +
				`Unauthenticated desc = invalid token"}`,
		},
		{
			ID: "trustd.ca", Severity: signature.Error, Blocks: signature.Services,
			Line:  `failed to sign API server CSR: .*signed by unknown authority`,
			Means: "machine.ca is not the CA of the Talos control plane",
			Do:    "the worker config comes from other secrets, or the CA was rotated: write the Secret anew",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"secrets.APIController", "error": "failed to sign API server CSR: rpc error: code = Unavailable ` +
				`desc = connection error: tls: failed to verify certificate: x509: certificate signed by unknown ` +
				`authority"}`,
		},
		{
			ID: "trustd.clock", Severity: signature.Error, Blocks: signature.Services,
			Line:  `failed to sign API server CSR: .*expired or is not yet valid`,
			Means: "a certificate is expired or not yet valid",
			Do:    "the clock of the node or of the control plane is wrong: look at NTP",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"secrets.APIController", "error": "failed to sign API server CSR: tls: failed to verify ` +
				`certificate: x509: certificate has expired or is not yet valid: current time ` +
				`2020-01-01T00:00:00Z is before 2026-01-01T00:00:00Z"}`,
		},
		{
			ID: "trustd.san", Severity: signature.Error, Blocks: signature.Services,
			Line:  `failed to sign API server CSR: .*certificate is valid for`,
			Means: "the certificate of the control plane does not have the address that the node dials",
			Do:    "add the address of the load balancer to machine.certSANs of the control plane",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"secrets.APIController", "error": "failed to sign API server CSR: tls: failed to verify ` +
				`certificate: x509: certificate is valid for 10.0.1.10, not 10.0.1.4"}`,
		},
	}
}
