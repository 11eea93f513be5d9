package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

const patch = "machine:\n  sysctls:\n    a: \"1\"\n    b: \"2\"\n"

func whole(s *spec) {
	s.Tags, s.KeypairName = map[string]string{"a": "1"}, "key"
	s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50, VolumeType: "gp2"}}}
	s.Talos.Patches, s.Talos.Hostname = []string{patch, "two"}, v1alpha1.HostnameNodeClaim
	s.Kubelet = v1alpha1.Kubelet{MaxPods: 110, KubeReserved: amounts{"cpu": "1", "memory": "1Gi"}}
}

func edited(edits ...func(*spec)) *v1alpha1.OutscaleNodeClass {
	return nodeClass(func(s *spec) {
		whole(s)
		for _, edit := range edits {
			edit(s)
		}
	})
}

func patched(text string) func(*spec) { return func(s *spec) { s.Talos.Patches[0] = text } }

func TestHashChangesWithWhatANodeIsMadeFrom(t *testing.T) {
	before := edited().Hash()
	seen := map[string]string{before: "nothing"}
	for name, edit := range map[string]func(*spec){
		"volumeSize":       func(s *spec) { s.BlockDeviceMappings[0].BSU.VolumeSize = 51 },
		"volumeType":       func(s *spec) { s.BlockDeviceMappings[0].BSU.VolumeType = "standard" },
		"order of patches": func(s *spec) { s.Talos.Patches = []string{"two", patch} },
		"a patch less":     func(s *spec) { s.Talos.Patches = s.Talos.Patches[:1] },
		"hostname":         func(s *spec) { s.Talos.Hostname = v1alpha1.HostnamePrivateIP },
		"workerConfig":     func(s *spec) { s.Talos.WorkerConfigSecretRef.Name = "other" },
		"key of it":        func(s *spec) { s.Talos.WorkerConfigSecretRef.Key = "other" },
		"maxPods":          func(s *spec) { s.Kubelet.MaxPods = 64 },
		"kubeReserved":     func(s *spec) { s.Kubelet.KubeReserved["cpu"] = "2" },
		"systemReserved":   func(s *spec) { s.Kubelet.SystemReserved = amounts{"cpu": "1", "memory": "1Gi"} },
		"evictionHard":     func(s *spec) { s.Kubelet.EvictionHard = amounts{"memory.available": "5%"} },
		"a threshold":      func(s *spec) { s.Kubelet.EvictionHard = amounts{"memory.available": "5"} },
		"placement":        func(s *spec) { s.Placement = &v1alpha1.Placement{RepulseServer: "web"} },
		"strict placement": func(s *spec) { s.Placement = &v1alpha1.Placement{RepulseServer: "web", Strict: true} },
		"a group":          func(s *spec) { s.Placement = &v1alpha1.Placement{AttractServer: "web"} },
		"kept volume":      func(s *spec) { s.BlockDeviceMappings[0].BSU.DeleteOnVMDeletion = new(false) },
		"more than one volume": func(s *spec) {
			s.BlockDeviceMappings = append(s.BlockDeviceMappings, v1alpha1.BlockDeviceMapping{DeviceName: "/dev/sdb"})
		},
		"value in a patch":        patched(strings.Replace(patch, `"2"`, `"3"`, 1)),
		"type of a value":         patched(strings.Replace(patch, `"2"`, `2`, 1)),
		"text of a number":        patched(strings.Replace(patch, `"2"`, `2.0`, 1)),
		"text of the same number": patched(strings.Replace(patch, `"2"`, `2.00`, 1)),
		"key in a patch":          patched(strings.Replace(patch, "b:", "c:", 1)),
		"document in a patch":     patched(patch + "---\nkind: A\n"),
		"list in a patch":         patched(patch + "list: [a, b]\n"),
		"order of a list":         patched(patch + "list: [b, a]\n"),
		"no YAML":                 patched(patch + "[\n"),
		"alias":                   patched("a: &x 1\nb: *x\n"),
		"anchor":                  patched("a: &x 1\nb: 1\n"),
	} {
		hash := edited(edit).Hash()
		if other, ok := seen[hash]; ok || hash == "" {
			t.Errorf("a change of %s gives the hash %q, as %s does", name, hash, other)
		}
		seen[hash] = name
	}
}

func TestHashIgnoresWhatChangesNoNode(t *testing.T) {
	want := edited().Hash()
	for name, edit := range map[string]func(*spec){
		"imageId":          func(s *spec) { s.ImageID = "ami-00000000" },
		"keypairName":      func(s *spec) { s.KeypairName = "" },
		"tags":             func(s *spec) { s.Tags["cost-centre"] = "7" },
		"subnetIds":        func(s *spec) { s.SubnetIDs = []string{"subnet-00000000"} },
		"securityGroupIds": func(s *spec) { s.SecurityGroupIDs = []string{"sg-00000000"} },
		"instanceTypes":    func(s *spec) { s.InstanceTypes.Generations = []int32{7} },
		"bootstrapToken":   func(s *spec) { s.Talos.BootstrapToken = v1alpha1.BootstrapTokenPerNodeClaim },
		"order of a map":   func(s *spec) { s.Kubelet.KubeReserved = amounts{"memory": "1Gi", "cpu": "1"} },
		"default maxPods":  func(s *spec) { s.Kubelet.MaxPods = 0 },
		"a default stated": func(s *spec) { s.Kubelet.SystemReserved = amounts{"cpu": "50m"} },
		"a quantity":       func(s *spec) { s.Kubelet.SystemReserved = amounts{"memory": "393216Ki", "cpu": "0.05"} },
		"plain bytes":      func(s *spec) { s.Kubelet.SystemReserved = amounts{"memory": "402653184"} },
		"a percentage":     func(s *spec) { s.Kubelet.EvictionHard = amounts{"nodefs.available": "10.0%"} },
		"default volumes":  func(s *spec) { s.BlockDeviceMappings = nil },
		"default hostname": func(s *spec) { s.Talos.Hostname = "" },
		"deleted volume":   func(s *spec) { s.BlockDeviceMappings[0].BSU.DeleteOnVMDeletion = new(true) },
		"defaults of a reference": func(s *spec) {
			s.Talos.WorkerConfigSecretRef.Namespace, s.Talos.WorkerConfigSecretRef.Key = "kube-system", "worker.yaml"
		},
		"a comment":          patched("# why\n" + patch + "# and how\n"),
		"a blank":            patched("\n" + strings.Replace(patch, "a: ", "a:   ", 1) + "\n"),
		"order of keys":      patched("machine:\n  sysctls:\n    b: \"2\"\n    a: \"1\"\n"),
		"style":              patched(`{machine: {sysctls: {a: '1', "b": "2"}}}`),
		"an empty document":  patched("---\n" + patch + "---\n# nothing\n"),
		"marks of documents": patched("---\n" + patch + "...\n"),
	} {
		if got := edited(edit).Hash(); got != want {
			t.Errorf("a change of %s gives another hash: the whole fleet is replaced", name)
		}
	}
	class := edited()
	class.Labels, class.Generation, class.Status.Image = map[string]string{"a": "b"}, 7, &v1alpha1.Image{ID: "ami-1"}
	if got := class.Hash(); got != want || len(class.Spec.SubnetIDs) == 0 {
		t.Errorf("hash %q, want %q; spec %+v", got, want, class.Spec)
	}
}

func TestOrderOfVolumesIsNoChange(t *testing.T) {
	volumes := []v1alpha1.BlockDeviceMapping{
		{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50}}, {DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{VolumeSize: 10}},
	}
	one := edited(func(s *spec) { s.BlockDeviceMappings = volumes })
	other := edited(func(s *spec) { s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{volumes[1], volumes[0]} })
	if one.Hash() != other.Hash() || other.Spec.BlockDeviceMappings[0].DeviceName != "/dev/sdb" {
		t.Errorf("hashes %s and %s; the spec now has %+v", one.Hash(), other.Hash(), other.Spec.BlockDeviceMappings)
	}
}

// A patch of aliases of aliases stands for a tree that no memory holds.
func TestHashOfAliasesEnds(t *testing.T) {
	bomb := "a: &a [" + strings.Repeat("x, ", 8) + "x]\n"
	for c := 'b'; c <= 'z'; c++ {
		before := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+before+", ", 9) + "*" + before + "]\n"
	}
	if hash := edited(patched(bomb)).Hash(); hash == edited().Hash() {
		t.Error("the patch is not in the hash")
	}
}

// A field that is new in a later version and not used must not replace the fleet.
func TestHashOfAnObjectIsThatOfTheReleaseBefore(t *testing.T) {
	if got, want := v1alpha1.HashVersion+"/"+edited().Hash(), "v2/8592fd471d12b53e"; got != want {
		t.Errorf("hash %q, want %q: raise HashVersion when this is meant", got, want)
	}
}
