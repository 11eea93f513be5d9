package booting

import (
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/initializing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// symptom is a rule that the console decides.
type symptom struct {
	id    rule.ID
	title string
	// signatures are the IDs of pkg/bootlog that it stands for; a trailing dot means all that begin so.
	signatures []string
	doc        rule.Doc
}

// consoleRules sort the console's signatures by who has to act.
func consoleRules() []rule.Rule {
	var out []rule.Rule
	for _, s := range symptoms() {
		out = append(out, rule.Rule{
			ID: s.id, Title: s.title, Severity: rule.Error,
			Needs: []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs, snapshot.SourceConsoles},
			ExplainedBy: []rule.ID{
				VMNotRunning, OtherProviderID, TwinNodes, CertificateNotApproved, initializing.Uninitialized,
			},
			Patience: bootPatience, Doc: s.doc,
			Find: func(w *rule.World) rule.Verdict { return consoleFindings(w, s.id) },
		})
	}
	return out
}

func symptoms() []symptom { return append(configSymptoms(), joinSymptoms()...) }

// symptomOf returns the rule for a signature: one that names it, or else the one with the longest beginning of it.
func symptomOf(signature string) rule.ID {
	var best rule.ID
	length := 0
	for _, s := range symptoms() {
		for _, pattern := range s.signatures {
			fits := pattern == signature || strings.HasSuffix(pattern, ".") && strings.HasPrefix(signature, pattern)
			if fits && len(pattern) > length {
				best, length = s.id, len(pattern)
			}
		}
	}
	return best
}

// configSymptoms are those before the kubelet: the machine config, the disk, the network.
func configSymptoms() []symptom {
	return []symptom{
		{
			id: ConfigNotFetched, title: "machine config not fetched",
			signatures: []string{"cfg.imds", "net.meta"},
			doc: rule.Doc{
				Means:   "Talos does not get its machine config from the metadata service.",
				KnownBy: "The console.",
				Fix:     "Check the route to 169.254.169.254, and that the subnet's DHCP works.",
				FixedIf: "The console says that the machine config is loaded.",
			},
		},
		{
			id: NoConfig, title: "waiting for a machine config",
			signatures: []string{"cfg.missing", "boot.platform"},
			doc: rule.Doc{
				Means:   "Talos got no machine config and waits until someone applies one.",
				KnownBy: "The console.",
				Fix: "The OMI must be built for platform aws, and the worker config Secret must hold a " +
					"v1alpha1 config.",
				FixedIf: "The console says that the machine config is loaded.",
			},
		},
		{
			id: BadDisk, title: "disk not as Talos needs it",
			signatures: []string{"seq.install", "disk."},
			doc: rule.Doc{
				Means: "Talos finds its disk not as an OMI should have it, cannot make a volume on it, or " +
					"cannot read it.",
				KnownBy: "The console.",
				Fix: "The line names it. Not enough space: raise volumeSize of the root volume in " +
					"blockDeviceMappings of the NodeClass, or lower minSize of the VolumeConfig. Else build " +
					"the OMI from Talos' own disk image.",
				FixedIf: "The console passes the disk stage.",
			},
		},
		{
			id: NoNetwork, title: "no network, DNS or time",
			signatures: []string{"net.", "time.", "k8s.endpoint"},
			doc: rule.Doc{
				Means:   "The machine has no network, no DNS or no time. The kubelet waits for the time.",
				KnownBy: "The console.",
				Fix:     "Check DHCP options, DNS, egress, and UDP 123 to the NTP servers of the machine config.",
				FixedIf: "The console says that the time is adjusted.",
			},
		},
		{
			id: ConfigRefused, title: "machine config refused by Talos",
			signatures: []string{"cfg."},
			doc: rule.Doc{
				Means:   "Talos read a machine config and refused it.",
				KnownBy: "The console.",
				Fix: "The line names the field or document. The worker config may be for a newer Talos than " +
					"the OMI's.",
				FixedIf: "The console says that the machine config is loaded.",
			},
		},
	}
}

// joinSymptoms are those of the kubelet, and of its way to the control plane.
func joinSymptoms() []symptom {
	return []symptom{
		{
			id: ControlPlaneUnreachable, title: "control plane out of reach",
			signatures: []string{"trustd.net", "join.net", "apid."},
			doc: rule.Doc{
				Means:   "The machine does not reach the control plane.",
				KnownBy: "The console.",
				Fix:     "Open TCP 6443 and 50001 from the workers' security group to the control plane.",
				FixedIf: "The console says that apid is healthy, and a Node appears.",
			},
		},
		{
			id: JoinRefused, title: "join refused",
			signatures: []string{"join.", "trustd."},
			doc: rule.Doc{
				Means: "The control plane refuses the machine: a token or CA of another cluster, or one that " +
					"has expired.",
				KnownBy: "The console, and the CertificateSigningRequests: without one, the bootstrap token is " +
					"refused.",
				Fix: "Compare the worker config Secret with the cluster: cluster.token, cluster.ca, " +
					"machine.token, machine.ca. A bootstrap token lives as Secret in kube-system.",
				FixedIf: "A Node appears.",
			},
		},
		{
			id: KubeletDown, title: "kubelet does not run",
			signatures: []string{"kubelet.", "image.", "mem.", "oom.", "diag."},
			doc: rule.Doc{
				Means:   "The kubelet does not start, or does not stay up.",
				KnownBy: "The console.",
				Fix: "The line before names the flag, the label, the image or the address. Correct it in " +
					"spec.talos.patches or spec.kubelet.",
				FixedIf: "The console says that the kubelet is healthy, and a Node appears.",
			},
		},
		{
			id: Crashes, title: "machine crashes, hangs or reboots",
			signatures: []string{"boot.", "hang.", "gpu.", "stop."},
			doc: rule.Doc{
				Means:   "The machine crashes, hangs, or reboots again and again before its Node registers.",
				KnownBy: "The console.",
				Fix:     "Read the first error, not the last: kubectl kpo console TARGET --grep panic.",
				FixedIf: "The console ends with a boot sequence that is done.",
			},
		},
		{
			id: LabelsRefused, title: "labels or taints refused",
			signatures: []string{"node."},
			doc: rule.Doc{
				Means:   "The API server refuses labels or taints that the machine config wants to set.",
				KnownBy: "The console.",
				Fix: "Take machine.nodeTaints and labels of kubernetes.io out of the worker config; give them " +
					"to the NodePool.",
				FixedIf: "The line does not come again.",
			},
		},
	}
}
