package kube

import (
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// nodeSignatures are those of the Node.
func nodeSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "node.taints", Severity: signature.Error,
			Line:  `k8s\.NodeApplyController.*is not allowed to modify taints`,
			Stays: true,
			Means: "machine.nodeTaints is forbidden for workers, and takes nodeLabels and nodeAnnotations with it",
			Do: "remove machine.nodeTaints (spec.talos.patches of the OutscaleNodeClass, or the worker config " +
				"Secret); put the taints in spec.template.spec.taints of the NodePool",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"k8s.NodeApplyController", "error": "error updating node \"a\": nodes \"a\" is forbidden: node ` +
				`\"a\" is not allowed to modify taints"}`,
		},
		{
			ID: "node.labels", Severity: signature.Error,
			Line:  `k8s\.NodeApplyController.*is not allowed to modify labels: (?P<label>[^\\"]+)`,
			Stays: true,
			Means: "a node may not set the label ${label} on itself, and machine.nodeLabels has it",
			Do: "remove ${label} from machine.nodeLabels (spec.talos.patches of the OutscaleNodeClass, or the " +
				"worker config Secret); put it in spec.template.metadata.labels of the NodePool: Karpenter sets " +
				"it",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"k8s.NodeApplyController", "error": "error updating node \"a\": nodes \"a\" is forbidden: is ` +
				`not allowed to modify labels: node-role.kubernetes.io/worker"}`,
		},
		{
			ID: "node.labelset", Severity: signature.Error, Blocks: signature.Ready,
			Line:  `is not allowed to set the following labels: (?P<label>[^\\"]+)`,
			Means: "the API server refuses the Node: a kubelet may not set the label ${label}",
			Do: "remove ${label} from node-labels in machine.kubelet.extraArgs (spec.talos.patches of the " +
				"OutscaleNodeClass, or the worker config Secret); put it in spec.template.metadata.labels of the " +
				"NodePool: Karpenter sets it",
			Sample: `[talos] kubelet: Unable to register node with API server {"error": "nodes \"a\" is ` +
				`forbidden: node \"a\" is not allowed to set the following labels: ` +
				`node-restriction.kubernetes.io/team"}`,
		},
		{
			ID: "node.absent", Severity: signature.Warning, Blocks: signature.Ready,
			Line:  `k8s\.NodeApplyController.*error getting node: nodes \\?"([^"\\]+)\\?" not found`,
			Lasts: time.Minute,
			Means: "there is no Node: not yet registered, or deleted",
			Do:    "if it lasts, the registration failed, or somebody deletes the Node: look at the tags for the CCM",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"k8s.NodeApplyController", "error": "error getting node: nodes \"default-7xk2p\" not found"}`,
		},
	}
}

// reachSignatures are those of the way to the control plane.
func reachSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "k8s.endpoint", Severity: signature.Error, Blocks: signature.Ready,
			Line:      `k8s\.StaticEndpointController.*error resolving \\?"([^"\\]+)\\?"`,
			NoteAfter: signature.Ready,
			Means:     "the name of the control plane does not resolve",
			Do:        "look at DNS for the host in cluster.controlPlane.endpoint of the worker config",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"k8s.StaticEndpointController", "error": "error resolving \"nowhere.example\": lookup ` +
				`nowhere.example: no such host"}`,
		},
		{
			ID: "trustd.net", Severity: signature.Error, Blocks: signature.Services,
			Line: `failed to sign API server CSR: .*(connection refused|i/o timeout|DeadlineExceeded|no route to ` +
				`host|no children to pick from)`,
			NoteAfter: signature.Services,
			Means: "no way to port 50001 of the control plane; apid never starts and the node reboots after 70 " +
				"minutes",
			Do: "open TCP 50001 from the security group of the nodes to that of the control plane",
			Sample: `[talos] controller failed {"component": "controller-runtime", "controller": ` +
				`"secrets.APIController", "error": "failed to sign API server CSR: rpc error: code = Unavailable ` +
				`desc = dial tcp 10.0.1.10:50001: connect: connection refused"}`,
		},
		{
			ID: "apid.certs", Severity: signature.Note, Blocks: signature.Services, Explains: signature.Consequence,
			Line:   `service\[apid\]\(Waiting\): Waiting for .*api certificates`,
			Means:  "apid waits for its certificate",
			Do:     "look for the error of trustd; the kubelet does not wait for it",
			Sample: `[talos] service[apid](Waiting): Waiting for api certificates`,
		},
	}
}

// joinSignatures are those of the way to the API server.
func joinSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "join.401", Severity: signature.Error, Blocks: signature.Ready,
			Line:  `(?:kubernetes endpoint watch error|node watch error|error_count).*Unauthorized`,
			Means: "the API server does not know the certificate of the kubelet",
			Do:    "cluster.ca of the worker config is that of another cluster: write the Secret anew",
			Sample: `[talos] kubernetes endpoint watch error {"component": "controller-runtime", "controller": ` +
				`"k8s.EndpointController", "error": "failed to list *v1.EndpointSlice: Unauthorized"}`,
		},
		{
			ID: "join.x509", Severity: signature.Error, Blocks: signature.Ready,
			Line:  `(?:kubernetes endpoint watch error|node watch error).*x509: ([^"\\]+)`,
			Means: "the API server does not have a certificate of cluster.ca",
			Do: "cluster.ca or cluster.controlPlane.endpoint of the worker config is that of another cluster: " +
				"write the Secret anew",
			Sample: `[talos] kubernetes endpoint watch error {"component": "controller-runtime", "controller": ` +
				`"k8s.EndpointController", "error": "failed to list *v1.EndpointSlice: Get ` +
				`\"https://127.0.0.1:7445\": tls: failed to verify certificate: x509: certificate signed by ` +
				`unknown authority"}`,
		},
		{
			ID: "join.net", Severity: signature.Error, Blocks: signature.Ready,
			Line: `(?:kubernetes endpoint watch error|node watch error).*(?P<why>connection refused|i/o ` +
				`timeout|no route to host|network is unreachable|context deadline exceeded)`,
			NoteAfter: signature.Ready,
			Means:     "the API server does not answer: ${why}",
			Do: "compare cluster.controlPlane.endpoint of the worker config with the control plane; open TCP " +
				"6443 from the security group of the nodes to that of the control plane, and look at the route " +
				"tables",
			Sample: `[talos] kubernetes endpoint watch error {"component": "controller-runtime", "controller": ` +
				`"k8s.EndpointController", "error": "failed to list *v1.EndpointSlice: Get ` +
				`\"https://10.0.9.9:6443/apis/discovery.k8s.io/v1\": dial tcp 10.0.9.9:6443: connect: no route ` +
				`to host"}`,
		},
		{
			ID: "join.rename", Severity: signature.Warning,
			Line: `kubelet client certificate does not match expected nodename, removing .*"expected": ` +
				`"system:node:([^"]+)"`,
			Means: "the node name changed between two boots: there is a second Node",
			Do:    "keep talos.hostname of the OutscaleNodeClass",
			Sample: `[talos] kubelet client certificate does not match expected nodename, removing ` +
				`{"controller": "k8s.KubeletServiceController", "expected": "system:node:new", "actual": ` +
				`"system:node:old"}`,
		},
		{
			ID: "join.noca", Severity: signature.Fatal, Blocks: signature.Kubelet,
			Line:  `missing accepted Kubernetes CAs`,
			Means: "the machine config has no Kubernetes CA: the kubelet never starts",
			Do:    "set cluster.ca in the worker config to the CA of the cluster (ConfigMap kube-root-ca.crt)",
			Sample: `[talos] controller failed {"controller": "secrets.KubeletController", "error": "missing ` +
				`accepted Kubernetes CAs"}`,
		},
	}
}

// endSignatures are those of the end of a boot.
func endSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "boot.services", Severity: signature.Error, Blocks: signature.Services, Explains: signature.General,
			Line:  `task startAllServices \(1/1\): (?P<services>service .* to be "up".*)`,
			Lasts: time.Minute,
			Means: "Talos waits for ${services}, and reboots the machine 70 minutes after its boot",
			Do: "an ext- service belongs to an extension of the OMI: give it its ExtensionServiceConfig and " +
				"device, or build the OMI without it; apid waits for TCP 50001 of the control plane; the kubelet " +
				"has a line of its own",
			Sample: `[talos] task startAllServices (1/1): service "apid" to be "up", service "kubelet" to be "up"`,
		},
		{
			ID: "boot.done", Severity: signature.Info,
			Line:   `\[talos\] boot sequence: done`,
			Means:  "all services are healthy",
			Sample: `[talos] boot sequence: done: 41.2s`,
		},
		{
			ID: "boot.ready", Severity: signature.Info,
			Line:   `machine is running and ready`,
			Means:  "Talos sees the Node Ready",
			Sample: `[talos] machine is running and ready {"controller": "runtime.MachineStatusController"}`,
		},
		{
			ID: "boot.failed", Severity: signature.Fatal, Blocks: signature.Services, Explains: signature.Consequence,
			Line:   `\[talos\] (\w+) sequence: failed`,
			Means:  "a sequence failed and the machine reboots",
			Do:     "the task before says why",
			Sample: `[talos] boot sequence: failed`,
		},
		{
			ID: "boot.task", Severity: signature.Error, Blocks: signature.Services, Explains: signature.Consequence,
			Line:   `task (\w+) \(\d+/\d+\): failed: (.+)`,
			Means:  "a task of a sequence failed",
			Do:     "the reason is in the line",
			Sample: `[talos] task startAllServices (1/1): failed: context deadline exceeded`,
		},
		{
			ID: "boot.reboot", Severity: signature.Fatal, Blocks: signature.Services, Explains: signature.Consequence,
			Line:   `\[talos\](?: \[initramfs\])? rebooting in (\d+) seconds`,
			Means:  "the machine reboots because it failed",
			Do:     "the first error says why; a new NodeClaim fails in the same way",
			Sample: `[talos] rebooting in 10 seconds`,
		},
	}
}

// stopSignatures are those of the end of a machine.
func stopSignatures() []signature.Signature {
	return []signature.Signature{
		{
			ID: "stop.acpi", Severity: signature.Info,
			Line:   `shutdown via ACPI received`,
			Means:  "the cloud asked the machine to stop",
			Sample: `[talos] shutdown via ACPI received`,
		},
		{
			ID: "stop.kubelet", Severity: signature.Info,
			Line:   `shutting down kubelet gracefully`,
			Means:  "the kubelet ends its pods",
			Sample: `[talos] task stopAllPods (1/1): shutting down kubelet gracefully`,
		},
		{
			ID: "stop.inhibit", Severity: signature.Note,
			Line:   `failed waiting for inhibit shutdown lock: (.+)`,
			Means:  "the kubelet did not end its pods in time",
			Do:     "pods with a long grace period",
			Sample: `[talos] failed waiting for inhibit shutdown lock: context deadline exceeded`,
		},
		{
			ID: "stop.off", Severity: signature.Info,
			Line:   `reboot: (Power down|Restarting system|System halted)`,
			Means:  "the machine switched itself off or restarted",
			Do:     "somebody stopped the VM, or its guest did: a stopped VM stays, start it or delete its NodeClaim",
			Sample: `reboot: Power down`,
		},
	}
}
