package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

func whole(s *spec) {
	s.Tags, s.KeypairName = map[string]string{"a": "1"}, "key"
	s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50, VolumeType: "gp2"}}}
	s.Talos.Patches, s.Talos.Hostname = []string{"one", "two"}, v1alpha1.HostnameNodeClaim
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

func TestHashChangesWithWhatANodeIsMadeFrom(t *testing.T) {
	before := edited().Hash()
	seen := map[string]string{before: "nothing"}
	for name, edit := range map[string]func(*spec){
		"imageId":          func(s *spec) { s.ImageID = "ami-00000000" },
		"keypairName":      func(s *spec) { s.KeypairName = "" },
		"tags":             func(s *spec) { s.Tags["a"] = "2" },
		"volumeSize":       func(s *spec) { s.BlockDeviceMappings[0].BSU.VolumeSize = 51 },
		"volumeType":       func(s *spec) { s.BlockDeviceMappings[0].BSU.VolumeType = "standard" },
		"patches":          func(s *spec) { s.Talos.Patches[0] = "three" },
		"order of patches": func(s *spec) { s.Talos.Patches = []string{"two", "one"} },
		"hostname":         func(s *spec) { s.Talos.Hostname = v1alpha1.HostnamePrivateIP },
		"workerConfig":     func(s *spec) { s.Talos.WorkerConfigSecretRef.Name = "other" },
		"maxPods":          func(s *spec) { s.Kubelet.MaxPods = 64 },
		"kubeReserved":     func(s *spec) { s.Kubelet.KubeReserved["cpu"] = "2" },
		"systemReserved":   func(s *spec) { s.Kubelet.SystemReserved = amounts{"cpu": "1", "memory": "1Gi"} },
		"kept volume":      func(s *spec) { s.BlockDeviceMappings[0].BSU.DeleteOnVMDeletion = new(true) },
		"more than one volume": func(s *spec) {
			s.BlockDeviceMappings = append(s.BlockDeviceMappings, v1alpha1.BlockDeviceMapping{DeviceName: "/dev/sdb"})
		},
	} {
		hash := edited(edit).Hash()
		if other, ok := seen[hash]; ok || hash == "" {
			t.Errorf("a change of %s gives the hash %q, as %s does", name, hash, other)
		}
		seen[hash] = name
	}
}

func TestHashIgnoresWhatOnlyBoundsNewNodes(t *testing.T) {
	want := edited().Hash()
	for name, edit := range map[string]func(*spec){
		"subnetIds":        func(s *spec) { s.SubnetIDs = []string{"subnet-00000000"} },
		"securityGroupIds": func(s *spec) { s.SecurityGroupIDs = []string{"sg-00000000"} },
		"instanceTypes":    func(s *spec) { s.InstanceTypes.Generations = []int32{7} },
		"bootstrapToken":   func(s *spec) { s.Talos.BootstrapToken = v1alpha1.BootstrapTokenPerNodeClaim },
		"order of a map":   func(s *spec) { s.Kubelet.KubeReserved = amounts{"memory": "1Gi", "cpu": "1"} },
	} {
		if got := edited(edit).Hash(); got != want {
			t.Errorf("a change of %s gives another hash", name)
		}
	}
	class := edited()
	class.Labels, class.Generation, class.Status.ImageName = map[string]string{"a": "b"}, 7, "talos"
	if got := class.Hash(); got != want || len(class.Spec.SubnetIDs) == 0 {
		t.Errorf("hash %q, want %q; spec %+v", got, want, class.Spec)
	}
}

// A field that is new in a later version and not used must not replace the fleet.
func TestHashOfAnObjectIsThatOfTheReleaseBefore(t *testing.T) {
	if got, want := v1alpha1.HashVersion+"/"+edited().Hash(), "v1/12962221739454855308"; got != want {
		t.Errorf("hash %q, want %q: raise HashVersion when this is meant", got, want)
	}
}

func TestKubeletIsCompletedKeyByKey(t *testing.T) {
	given := v1alpha1.Kubelet{SystemReserved: amounts{"memory": "1Gi"}, EvictionHard: amounts{"nodefs.available": "5%"}}
	want := v1alpha1.Kubelet{
		MaxPods: 110, KubeReserved: amounts{},
		SystemReserved: amounts{"cpu": "50m", "memory": "1Gi", "ephemeral-storage": "256Mi", "pid": "100"},
		EvictionHard: amounts{
			"memory.available": "100Mi", "nodefs.available": "5%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%",
		},
	}
	if diff := cmp.Diff(want, given.WithDefaults()); diff != "" {
		t.Errorf("kubelet (-want +got):\n%s", diff)
	}
	if len(given.SystemReserved) != 1 || given.MaxPods != 0 {
		t.Errorf("the given one was changed: %+v", given)
	}
}

func TestKarpenterKnowsTheLabels(t *testing.T) {
	for _, label := range []string{v1alpha1.LabelCPU, v1alpha1.LabelMemory, v1alpha1.LabelGeneration, v1alpha1.LabelPerformance} {
		if !karpv1.WellKnownLabels.Has(label) || karpv1.IsRestrictedLabel(label) != nil {
			t.Errorf("%s is not well known", label)
		}
	}
	if karpv1.IsRestrictedLabel("karpenter.outscale.com/misspelt") == nil {
		t.Error("a misspelt label of ours is taken for one of the user")
	}
	if got := karpv1.NormalizedLabels["topology.bsu.csi.outscale.com/zone"]; got != corev1.LabelTopologyZone {
		t.Errorf("the CSI driver's zone is %q: pods with a volume would never be scheduled", got)
	}
}

func TestColumnsOfTheTable(t *testing.T) {
	crd := apis.CRDs[0]
	if crd.Name != "outscalenodeclasses.karpenter.outscale.com" || crd.Spec.Scope != "Cluster" || len(crd.Spec.Versions) != 1 || crd.Spec.Names.ShortNames[0] != "oscnc" {
		t.Fatalf("CRD %s", crd.Name)
	}
	var columns []string
	for _, column := range crd.Spec.Versions[0].AdditionalPrinterColumns {
		columns = append(columns, column.Name)
	}
	if diff := cmp.Diff([]string{"Ready", "Image", "Age", "Subregions", "Image-ID", "Talos", "Reason"}, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

func TestReadyNeedsEveryCondition(t *testing.T) {
	conditions := []string{
		v1alpha1.ConditionImageReady, v1alpha1.ConditionSubnetsReady, v1alpha1.ConditionSecurityGroupsReady, v1alpha1.ConditionKeypairReady, v1alpha1.ConditionTalosReady,
	}
	class := edited()
	for _, condition := range conditions {
		if class.StatusConditions().Get("Ready").IsTrue() {
			t.Errorf("ready before %s", condition)
		}
		class.StatusConditions().SetTrue(condition)
	}
	if !class.StatusConditions().Get("Ready").IsTrue() {
		t.Errorf("not ready: %+v", class.Status.Conditions)
	}
}
