package instancetype_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

func TestEveryWellKnownLabelIsInTheRequirements(t *testing.T) {
	static := vmtype.Type{Name: "inference7-l40.medium", VCores: 6, MemoryGiB: 40, Price: 1.5}
	for _, w := range []*world{newWorld(t), newWorld(t, static)} {
		for _, it := range w.types.List(nodeClass()) {
			for label := range karpv1.WellKnownLabels {
				if label != karpv1.NodePoolLabelKey && !it.Requirements.Has(label) {
					t.Fatalf("%s has no requirement %s", it.Name, label)
				}
			}
		}
	}
}

func TestRequirementsAreTheLabelsOfTheNode(t *testing.T) {
	w := newWorld(t)
	it := w.get(nodeClass(), "tinav6.c4r8p1")
	got := map[string][]string{}
	for key, requirement := range it.Requirements {
		values := requirement.Values()
		slices.Sort(values)
		got[key] = values
	}
	want := map[string][]string{
		corev1.LabelInstanceTypeStable: {"tinav6.c4r8p1"}, corev1.LabelArchStable: {"amd64"}, corev1.LabelOSStable: {"linux"},
		corev1.LabelTopologyZone: {"eu-west-2a", "eu-west-2b"}, corev1.LabelTopologyRegion: {"eu-west-2"},
		karpv1.CapacityTypeLabelKey: {"on-demand"}, corev1.LabelWindowsBuild: nil,
		v1alpha1.LabelCPU: {"4"}, v1alpha1.LabelMemory: {"8"}, v1alpha1.LabelGeneration: {"6"}, v1alpha1.LabelPerformance: {"highest"},
	}
	for key := range got {
		if len(got[key]) == 0 {
			got[key] = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
}

func TestOfferingsAreOnePerSubregion(t *testing.T) {
	w := newWorld(t)
	for _, it := range w.types.List(nodeClass()) {
		var zones []string
		for _, offering := range it.Offerings {
			zones = append(zones, offering.Zone())
			if offering.Price <= 0 || offering.CapacityType() != karpv1.CapacityTypeOnDemand {
				t.Errorf("%s in %s: price %v, %s", it.Name, offering.Zone(), offering.Price, offering.CapacityType())
			}
		}
		if diff := cmp.Diff([]string{"eu-west-2a", "eu-west-2b"}, zones); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", it.Name, diff)
		}
	}
}

// The kernel of a guest saw so many MiB of so many GiB (Clever Cloud, and one KVM guest).
func TestMemoryIsNeverMoreThanWasMeasured(t *testing.T) {
	class := nodeClass()
	class.Spec.InstanceTypes = v1alpha1.InstanceTypes{Generations: []int32{6}, Performances: []string{"high"}, VCores: []int32{1}, MemoryPerVCore: []int32{1, 2, 4, 8, 12, 16, 24, 64}}
	w := newWorld(t)
	for name, mib := range map[string]int64{
		"tinav6.c1r4p2": 3820, "tinav6.c1r8p2": 7751, "tinav6.c1r12p2": 11677, "tinav6.c1r16p2": 15614, "tinav6.c1r24p2": 24105,
	} {
		it := w.get(class, name)
		memory := it.Capacity[corev1.ResourceMemory]
		if got := memory.Value() >> 20; got > mib || got < mib*9/10 {
			t.Errorf("%s: %d MiB, measured were %d", name, got, mib)
		}
	}
	for _, it := range w.types.List(class) {
		for name, quantity := range it.Allocatable() {
			if quantity.Sign() <= 0 {
				t.Errorf("%s: allocatable %s is %s", it.Name, name, quantity.String())
			}
		}
	}
}

func TestAllocatableIsWhatTheKubeletWillLeave(t *testing.T) {
	for name, tt := range map[string]struct {
		kubelet v1alpha1.Kubelet
		rootGiB int32
		want    map[corev1.ResourceName]string
	}{
		"defaults": {
			// 8*1024*0.94-64 MiB less 384Mi and 100Mi.
			want: map[corev1.ResourceName]string{"cpu": "3950m", "memory": "7152Mi", "pods": "110"},
		},
		"all given": {
			kubelet: v1alpha1.Kubelet{
				MaxPods:        64,
				SystemReserved: map[string]v1alpha1.Amount{"cpu": "100m", "memory": "500Mi", "ephemeral-storage": "1Gi", "pid": "100"},
				KubeReserved:   map[string]v1alpha1.Amount{"cpu": "200m", "memory": "1Gi"},
				EvictionHard:   map[string]v1alpha1.Amount{"memory.available": "200Mi", "nodefs.available": "1Gi"},
			},
			want: map[corev1.ResourceName]string{"cpu": "3700m", "memory": "5912Mi", "pods": "64"},
		},
		"percentage": {
			kubelet: v1alpha1.Kubelet{EvictionHard: map[string]v1alpha1.Amount{"memory.available": "50%"}},
			want:    map[corev1.ResourceName]string{"cpu": "3950m", "memory": "3434Mi", "pods": "110"},
		},
	} {
		class := nodeClass()
		class.Spec.Kubelet = tt.kubelet
		it := newWorld(t).get(class, "tinav6.c4r8p2")
		allocatable := it.Allocatable()
		for resourceName, text := range tt.want {
			want, got := resource.MustParse(text), allocatable[resourceName]
			if got.Cmp(want) != 0 {
				t.Errorf("%s: %s is %s, want %s", name, resourceName, got.String(), text)
			}
		}
	}
}

func TestEphemeralStorageFollowsTheRootVolume(t *testing.T) {
	for size, wantMiB := range map[int32]int64{0: (50*1024 - 2202) * 98 / 100, 20: (20*1024 - 2202) * 98 / 100, 200: (200*1024 - 2202) * 98 / 100} {
		class := nodeClass()
		if size > 0 {
			class.Spec.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{
				{DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{VolumeSize: 999, VolumeType: "gp2"}},
				{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: size, VolumeType: "gp2"}},
			}
		}
		it := newWorld(t).get(class, "tinav6.c4r8p2")
		capacity := it.Capacity[corev1.ResourceEphemeralStorage]
		if got := capacity.Value() >> 20; got != wantMiB {
			t.Errorf("root of %d GiB: %d MiB, want %d", size, got, wantMiB)
		}
	}
}

func TestOverheadIsThereForEveryType(t *testing.T) {
	w := newWorld(t)
	for _, it := range w.types.List(nodeClass()) {
		if it.Overhead == nil || len(it.Allocatable()) == 0 {
			t.Errorf("%s has no overhead", it.Name)
		}
	}
}

func TestRegionIsTheSubregionWithoutItsLetter(t *testing.T) {
	for subregion, want := range map[string]string{"eu-west-2a": "eu-west-2", "cloudgouv-eu-west-1c": "cloudgouv-eu-west-1", "": ""} {
		if got := instancetype.Region(subregion); got != want {
			t.Errorf("%q: %q, want %q", subregion, got, want)
		}
	}
}

func TestPodsGetTheVolumesThatTheNodeClassLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		devices []string
		want    int
	}{
		"only the root volume of the image": {nil, 39},
		"its own root volume":               {[]string{"/dev/sda1"}, 39},
		"a data volume":                     {[]string{"/dev/xvdb"}, 38},
		"root and two data volumes":         {[]string{"/dev/sda1", "/dev/xvdb", "/dev/xvdc"}, 37},
	} {
		t.Run(name, func(t *testing.T) {
			w, class := newWorld(t), nodeClass()
			for _, device := range c.devices {
				class.Spec.BlockDeviceMappings = append(class.Spec.BlockDeviceMappings, v1alpha1.BlockDeviceMapping{DeviceName: device})
			}
			if got := w.get(class, "tinav6.c4r8p1").VolumeAttachmentLimits["bsu.csi.outscale.com"]; got != c.want {
				t.Errorf("%d volumes, want %d: a VM takes 40, its own included", got, c.want)
			}
		})
	}
}

func TestEphemeralStorageIsWhatTheMachineConfigAllows(t *testing.T) {
	w, class := newWorld(t), nodeClass()
	whole := w.get(class, "tinav6.c4r8p1").Capacity.StorageEphemeral().Value()
	for limit, want := range map[string]int64{"20Gi": (20 << 30) * 98 / 100, "1Ti": whole} {
		class.Status.EphemeralMax = new(resource.MustParse(limit))
		// The class has the same generation: the limit comes from a Secret.
		if got := w.get(class, "tinav6.c4r8p1").Capacity.StorageEphemeral().Value(); got != want {
			t.Errorf("limit %s: capacity %d, want %d", limit, got, want)
		}
	}
}
