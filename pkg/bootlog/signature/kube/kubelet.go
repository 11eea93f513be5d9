package kube

import (
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// kubeletConfigSignatures are those of what Talos refuses to give the kubelet.
func kubeletConfigSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "kubelet.config", Severity: signature.Fatal, Blocks: signature.Kubelet,
			Line:  `k8s\.KubeletSpecController.*strict decoding error: unknown field \\?"(?P<field>[^"\\]+)`,
			Means: "the kubelet does not know the field ${field} of machine.kubelet.extraConfig",
			Do: "remove or correct ${field}: look in spec.talos.patches of the OutscaleNodeClass, then in the " +
				"worker config Secret; talosctl validate does not see it",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"k8s.KubeletSpecController", "error": "error creating kubelet configuration: error ` +
				`unmarshalling extra kubelet configuration: strict decoding error: unknown field \"maxPodz\""}`,
		},
		{
			ID: "kubelet.arg", Severity: signature.Fatal, Blocks: signature.Kubelet,
			Line:  `extra arg \\?"(?P<flag>[^"\\]+)\\?" is not allowed`,
			Means: "Talos does not allow the kubelet flag --${flag}",
			Do: "remove ${flag} in machine.kubelet.extraArgs: look in spec.talos.patches of the " +
				"OutscaleNodeClass, then in the worker config Secret",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"k8s.KubeletSpecController", "error": "error merging arguments: 1 error occurred:\n * extra arg ` +
				`\"config\" is not allowed to be overridden"}`,
		},
		{
			ID: "kubelet.nodeip", Severity: signature.Fatal, Blocks: signature.Kubelet,
			Line:  `no suitable node IP found`,
			Means: "no address of the machine may be the node IP",
			Do:    "nodeIP.validSubnets leaves out the subnet, or the Net overlaps the pod or service network",
			Sample: `[talos] no suitable node IP found, please make sure .machine.kubelet.nodeIP filters and ` +
				`pod/service subnets are set up correctly {"controller": "k8s.NodeIPController"}`,
		},
		{
			ID: "kubelet.multinic", Severity: signature.Note,
			Line:  `node IP skipped, .*"address": "([^"]+)"`,
			Means: "several addresses: the first is the node IP",
			Do:    "set machine.kubelet.nodeIP.validSubnets",
			Sample: `[talos] node IP skipped, please use .machine.kubelet.nodeIP to provide explicit subnet ` +
				`{"controller": "k8s.NodeIPController", "address": "10.0.2.20"}`,
		},
		{
			ID: "image.pull", Severity: signature.Error, Blocks: signature.Kubelet,
			Line:      `retrying error: failed to pull image "([^"]+)": (.+)`,
			NoteAfter: signature.Kubelet,
			Means:     "an image cannot be pulled; Talos retries for 20 minutes",
			Do:        "look at the way out of the subnet (NAT), or set a RegistryMirrorConfig",
			Sample: `[talos] retrying error: failed to pull image "ghcr.io/siderolabs/kubelet:v1.35.4": failed ` +
				`to resolve reference: dial tcp 140.82.121.33:443: i/o timeout`,
		},
	}
}

// kubeletFlagSignatures are those of flags that the kubelet does not take. They come before what every crash prints.
func kubeletFlagSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "kubelet.flag", Severity: signature.Fatal, Blocks: signature.Healthy,
			Line:  `service\[kubelet\].*unknown flag: (?P<flag>--[\w.-]+)`,
			Means: "the kubelet does not know the flag ${flag}",
			Do: "remove ${flag} in machine.kubelet.extraArgs: look in spec.talos.patches of the " +
				"OutscaleNodeClass, then in the worker config Secret",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to parse kubelet flag: unknown flag: --max-podz\"")`,
		},
		{
			ID: "kubelet.taint", Severity: signature.Fatal, Blocks: signature.Healthy,
			Line:  `service\[kubelet\].*invalid taint spec: (?P<taint>[^"\\, ]+)`,
			Means: "the kubelet cannot read the taint ${taint}",
			Do: "a taint is KEY=VALUE:EFFECT: take it out of register-with-taints in machine.kubelet.extraArgs " +
				"(spec.talos.patches of the OutscaleNodeClass, or the worker config Secret), and put it in " +
				"spec.template.spec.taints of the NodePool",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to parse kubelet flag: invalid argument \\\"dedicated=db\\\" ` +
				`for \\\"--register-with-taints\\\" flag: invalid taint spec: dedicated=db\"")`,
		},
		{
			ID: "kubelet.taintpart", Severity: signature.Fatal, Blocks: signature.Healthy,
			Line:  `service\[kubelet\].*invalid taint (?P<part>key|value|effect): (?P<value>[^"\\, ]+)`,
			Means: "the kubelet refuses a taint: ${value} is no ${part} of a taint",
			Do: "correct registerWithTaints in machine.kubelet.extraConfig, or register-with-taints in extraArgs " +
				"(spec.talos.patches of the OutscaleNodeClass, or the worker config Secret); taints belong in " +
				"spec.template.spec.taints of the NodePool",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to validate kubelet configuration, error: invalid taint effect: ` +
				`Never, unsupported taint effect, path: /etc/kubernetes/kubelet.yaml\"")`,
		},
		{
			ID: "kubelet.value", Severity: signature.Fatal, Blocks: signature.Healthy,
			Line: `service\[kubelet\].*invalid argument \\*"(?P<value>[^"\\]*)\\*" for \\*"(?:-\w, ` +
				`)?(?P<flag>--[\w.-]+)`,
			Means: "the kubelet cannot read ${value} as the value of ${flag}",
			Do: "correct ${flag} in machine.kubelet.extraArgs: look in spec.talos.patches of the " +
				"OutscaleNodeClass, then in the worker config Secret",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to parse kubelet flag: invalid argument \\\"many\\\" for ` +
				`\\\"--max-pods\\\" flag: strconv.ParseInt: parsing \\\"many\\\": invalid syntax\"")`,
		},
	}
}

// kubeletLabelSignatures are those of feature gates and labels that the kubelet does not take.
func kubeletLabelSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "kubelet.gate", Severity: signature.Fatal, Blocks: signature.Healthy,
			Line:  `service\[kubelet\].*unrecognized feature gate: (?P<gate>\w+)`,
			Means: "the kubelet does not know the feature gate ${gate}",
			Do: "remove ${gate} from featureGates of machine.kubelet.extraConfig, or from feature-gates of " +
				"extraArgs: look in spec.talos.patches of the OutscaleNodeClass, then in the worker config Secret",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to set feature gates from initial flags-based config: ` +
				`unrecognized feature gate: Nope\"")`,
		},
		{
			ID: "kubelet.labels", Severity: signature.Fatal, Blocks: signature.Healthy,
			Line: `unknown 'kubernetes\.io' or 'k8s\.io' labels specified with --node-labels: ` +
				`\[(?P<label>[^\]]+)\]|--node-labels in the 'kubernetes\.io' namespace must begin with an ` +
				`allowed prefix`,
			Means: "the kubelet may not set a label of the kubernetes.io namespace on its Node: ${label}",
			Do: "remove ${label} from node-labels in machine.kubelet.extraArgs (spec.talos.patches of the " +
				"OutscaleNodeClass, or the worker config Secret); put it in spec.template.metadata.labels of the " +
				"NodePool: Karpenter sets it",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' ` +
				`labels specified with --node-labels: [app.kubernetes.io/name]\"")`,
		},
		{
			ID: "kubelet.labelform", Severity: signature.Fatal, Blocks: signature.Healthy,
			Line:  `service\[kubelet\].*invalid node labels: '(?P<label>[^']+)'`,
			Means: "the kubelet cannot read the label ${label}",
			Do: "correct ${label} of node-labels in machine.kubelet.extraArgs: look in spec.talos.patches of the " +
				"OutscaleNodeClass, then in the worker config Secret",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to validate kubelet flags: invalid node labels: 'a b' - a valid ` +
				`label must be an empty string or consist of alphanumeric characters\"")`,
		},
	}
}

// kubeletSignatures are those of the life of the kubelet. A refused token comes before what every crash prints.
func kubeletSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "join.token", Severity: signature.Fatal, Blocks: signature.Ready,
			Line: `No valid client certificate is found and the server is responsive|since a valid client cert ` +
				`was found and the server is responsive|cannot create certificate signing request: Unauthorized`,
			Means: "the bootstrap token is refused or expired, or no controller approves the certificate; the " +
				"kubelet looks healthy meanwhile",
			Do: "look at Secret bootstrap-token-<id> in kube-system: expiration, usage-bootstrap-authentication, " +
				"group system:bootstrappers:nodes; then at kubectl get csr",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"cannot create certificate: Unauthorized; No valid client certificate ` +
				`is found and the server is responsive, exiting\"")`,
		},
		{
			ID: "kubelet.prestage", Severity: signature.Fatal, Blocks: signature.Kubelet, Explains: signature.General,
			Line:   `service\[kubelet\]\(Failed\): (.+)`,
			Means:  "Talos gave up the kubelet",
			Do:     "the lines before say why",
			Sample: `[talos] service[kubelet](Failed): Failed to run pre stage: 1 error occurred`,
		},
		{
			ID: "kubelet.crash", Severity: signature.Fatal, Blocks: signature.Ready, Explains: signature.General,
			Line: `service\[kubelet\]\(Waiting\): Error running Containerd\(kubelet\), going to restart forever: ` +
				`(.+)`,
			Recovers: `service\[kubelet\]\(Running\): Health check successful`,
			Means:    "the kubelet exits again and again",
			Do:       "the reason is in (last log ...): a flag, a label, a feature gate or the API server",
			Sample: `[talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart ` +
				`forever: task "kubelet" failed: exit code 1 (last log "E0101 00:00:00.000000    2011 run.go:72] ` +
				`\"command failed\" err=\"failed to run Kubelet: invalid configuration: cgroup [kubepods] has ` +
				`some missing paths\"")`,
		},
		{
			ID: "kubelet.run", Severity: signature.Info,
			Line:   `service\[kubelet\]\(Running\): Started task kubelet`,
			Means:  "the kubelet started",
			Sample: `[talos] service[kubelet](Running): Started task kubelet (PID 2011) for container kubelet`,
		},
		{
			ID: "kubelet.ok", Severity: signature.Info,
			Line:   `service\[kubelet\]\(Running\): Health check successful`,
			Means:  "the kubelet is healthy, which does not mean that the node is registered",
			Sample: `[talos] service[kubelet](Running): Health check successful`,
		},
		{
			ID: "kubelet.sick", Severity: signature.Error, Blocks: signature.Healthy, Explains: signature.Consequence,
			Line:       `service\[(?P<service>kubelet|cri|containerd|apid)\]\(Running\): Health check failed: (.+)`,
			Ends:       `service\[(kubelet|cri|containerd|apid)\]\(Running\): Health check successful`,
			NoteBefore: signature.Healthy,
			Means:      "the service ${service} is not healthy",
			Do:         "the lines before say why",
			Sample: `[talos] service[kubelet](Running): Health check failed: Get ` +
				`"http://127.0.0.1:10248/healthz": connection refused`,
		},
	}
}

// diagnosticSignatures are those of what Talos finds out about itself.
func diagnosticSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "diag.overlap", Severity: signature.Fatal, Blocks: signature.Ready,
			Line:  `(?:new diagnostic|diagnostic still active) .*"id": "address-overlap"`,
			Ends:  `diagnostic resolved .*"id": "address-overlap"`,
			Stays: true,
			Means: "the Net overlaps the pod or service network",
			Do:    "use another range for the Net, or other cluster.network subnets",
			Sample: `[talos] new diagnostic {"controller": "runtime.DiagnosticsLoggerController", "id": ` +
				`"address-overlap", "message": "host and Kubernetes pod/service CIDR addresses overlap"}`,
		},
		{
			ID: "diag.csr", Severity: signature.Warning,
			Line:  `(?:new diagnostic|diagnostic still active) .*"id": "kubelet-csr"`,
			Ends:  `diagnostic resolved .*"id": "kubelet-csr"`,
			Stays: true,
			Means: "no controller approves the kubelet's serving certificate: logs and exec fail",
			Do:    "install a kubelet-serving-cert-approver, or remove rotate-server-certificates",
			Sample: `[talos] new diagnostic {"controller": "runtime.DiagnosticsLoggerController", "id": ` +
				`"kubelet-csr", "message": "kubelet server certificate rotation is enabled, but CSR is not ` +
				`approved"}`,
		},
	}
}
