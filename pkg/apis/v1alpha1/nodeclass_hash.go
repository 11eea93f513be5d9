package v1alpha1

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// HashVersion changes when Hash does. A node whose hash has another version is not compared: an upgrade of the provider
// must not replace the fleet. The NodeClass controller gives such a node the hash of today.
const HashVersion = "v2"

// DriftedNodeClass is the reason of a NodeClaim's condition Drifted when its hash is not that of its NodeClass.
const DriftedNodeClass = "NodeClassDrifted"

// HasDrifted reports whether a NodeClaim was found to have another hash than its NodeClass. This outlives a change of
// HashVersion, after which the hashes no longer say it.
func HasDrifted(claim *karpv1.NodeClaim) bool {
	drifted := claim.StatusConditions().Get(karpv1.ConditionTypeDrifted)
	return drifted.IsTrue() && drifted.Reason == DriftedNodeClass
}

// The root volume of a NodeClass without blockDeviceMappings.
const (
	// RootDevice is the device name of the root volume of every image.
	RootDevice = "/dev/sda1"
	// DefaultRootGiB is its size.
	DefaultRootGiB = 50
	// DefaultVolumeType is not Outscale's, which is slow.
	DefaultVolumeType = "gp2"
)

// hashed is what a node is made from and cannot change afterwards. A field that is new here must be omitted while it is
// empty, or the first release that knows it replaces every fleet.
type hashed struct {
	Volumes      []BlockDeviceMapping `json:"volumes"`
	WorkerConfig SecretKeyReference   `json:"workerConfig"`
	Patches      []string             `json:"patches,omitempty"`
	Hostname     HostnameMode         `json:"hostname"`
	Kubelet      hashedKubelet        `json:"kubelet"`
	Placement    map[string]string    `json:"placement,omitempty"`
}

type hashedKubelet struct {
	MaxPods        int32             `json:"maxPods"`
	SystemReserved map[string]string `json:"systemReserved"`
	KubeReserved   map[string]string `json:"kubeReserved"`
	EvictionHard   map[string]string `json:"evictionHard"`
}

// Hash covers what a node gets, by meaning and not by spelling: an edit that changes no node must not replace a fleet.
//
// The image is left out, since a NodeClaim records its own. So is what bounds the choices of new nodes (subnets,
// instance types), what has a life of its own (the Secret's content, the bootstrap token), what is changed on a VM that
// runs (tags), and what no node makes use of (the keypair: Talos has no SSH). Core itself replaces a node whose
// instance type or subregion the class no longer offers.
func (in *OutscaleNodeClass) Hash() string {
	talos := in.Spec.Talos
	kubelet := in.Spec.Kubelet.WithDefaults()
	static := hashed{
		Volumes: in.Spec.Volumes(),
		WorkerConfig: SecretKeyReference{
			Namespace: cmp.Or(talos.WorkerConfigSecretRef.Namespace, "kube-system"),
			Name:      talos.WorkerConfigSecretRef.Name,
			Key:       cmp.Or(talos.WorkerConfigSecretRef.Key, "worker.yaml"),
		},
		Hostname: cmp.Or(talos.Hostname, HostnameNodeClaim),
		Kubelet: hashedKubelet{
			MaxPods:        kubelet.MaxPods,
			SystemReserved: canonicalAmounts(kubelet.SystemReserved),
			KubeReserved:   canonicalAmounts(kubelet.KubeReserved),
			EvictionHard:   canonicalAmounts(kubelet.EvictionHard),
		},
		Placement: in.Spec.Placement.Tags(),
	}
	slices.SortFunc(static.Volumes, func(a, b BlockDeviceMapping) int { return cmp.Compare(a.DeviceName, b.DeviceName) })
	for _, patch := range talos.Patches {
		static.Patches = append(static.Patches, canonicalYAML(patch))
	}
	text, err := json.Marshal(static)
	if err != nil {
		// Strings, numbers and maps of them can be written: only a change of the types above could end up here.
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// VersionedHash is the hash with its version, in one text that has a single dash.
func (in *OutscaleNodeClass) VersionedHash() string { return HashVersion + "-" + in.Hash() }

// Volumes are the volumes of a VM, with defaults filled in.
func (in *OutscaleNodeClassSpec) Volumes() []BlockDeviceMapping {
	var out []BlockDeviceMapping
	for _, mapping := range in.BlockDeviceMappings {
		out = append(out, *mapping.DeepCopy())
	}
	if len(out) == 0 {
		out = []BlockDeviceMapping{{DeviceName: RootDevice, BSU: BSU{VolumeSize: DefaultRootGiB}}}
	}
	for i := range out {
		bsu := &out[i].BSU
		bsu.VolumeType = cmp.Or(bsu.VolumeType, DefaultVolumeType)
		if bsu.DeleteOnVMDeletion == nil {
			bsu.DeleteOnVMDeletion = new(true)
		}
	}
	return out
}

// canonicalAmounts spells equal amounts alike: 384Mi is 393216Ki.
func canonicalAmounts(in map[string]Amount) map[string]string {
	out := make(map[string]string, len(in))
	for key, value := range in {
		out[key] = canonicalAmount(string(value))
	}
	return out
}

// Equal reports whether two amounts are the same: 384Mi is 393216Ki.
func (a Amount) Equal(other Amount) bool {
	return canonicalAmount(string(a)) == canonicalAmount(string(other))
}

func canonicalAmount(value string) string {
	if number, found := strings.CutSuffix(value, "%"); found {
		if percent, err := strconv.ParseFloat(number, 64); err == nil {
			return strconv.FormatFloat(percent, 'f', -1, 64) + "%"
		}
		return value
	}
	quantity, err := resource.ParseQuantity(value)
	if err != nil {
		return value
	}
	return resource.NewDecimalQuantity(*quantity.AsDec(), resource.DecimalSI).String()
}
