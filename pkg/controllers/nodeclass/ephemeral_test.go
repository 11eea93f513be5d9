package nodeclass_test

import (
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

func volumes(sizes ...int32) []v1alpha1.BlockDeviceMapping {
	out := []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: sizes[0]}}}
	for _, size := range sizes[1:] {
		out = append(out, v1alpha1.BlockDeviceMapping{DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{VolumeSize: size}})
	}
	return out
}

func TestTheEphemeralVolumeIsCountedAsTheMachineConfigLimitsIt(t *testing.T) {
	const elsewhere = `diskSelector: {match: "!system_disk"}`
	for name, tt := range map[string]struct {
		provisioning string
		volumes      []v1alpha1.BlockDeviceMapping
		want, says   string
	}{
		"limit":                             {provisioning: "maxSize: 20GiB, grow: false", want: "20Gi"},
		"limit beyond the root":             {provisioning: "maxSize: 60GiB"},
		"minimum that fits":                 {provisioning: "minSize: 40GiB"},
		"minimum beyond the root":           {provisioning: "minSize: 70GiB", says: "VolumeConfig EPHEMERAL: minSize 70Gi does not fit on the root volume of 50 GiB"},
		"minimum next to Talos' partitions": {provisioning: "minSize: 49GiB", says: "minSize 49Gi"},
		"minimum of a larger root":          {provisioning: "minSize: 70GiB", volumes: volumes(80)},
		"small data volume":                 {provisioning: elsewhere, volumes: volumes(50, 10), want: "10Gi"},
		"large data volume":                 {provisioning: elsewhere + ", minSize: 70GiB", volumes: volumes(20, 100)},
		"minimum beyond the data volume":    {provisioning: elsewhere + ", minSize: 170GiB", volumes: volumes(20, 100), says: "minSize 170Gi"},
		"data volume without a word of it":  {provisioning: "maxSize: 40GiB", volumes: volumes(50, 10), want: "40Gi"},
		"nothing left of the root":          {provisioning: "maxSize: -50GiB", says: "maxSize leaves nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			region := &oapitest.Region{}
			class := newNodeClass(region)
			class.Spec.BlockDeviceMappings = tt.volumes
			class.Spec.Talos.Patches = []string{"apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning: {" + tt.provisioning + "}\n"}
			got, err := reconcileOnce(t, region, class, workerconfig.Secret(t))
			if err != nil {
				t.Fatal(err)
			}
			limit := ""
			if got.Status.EphemeralMax != nil {
				limit = got.Status.EphemeralMax.String()
			}
			condition := got.StatusConditions().Get(v1alpha1.ConditionTalosReady)
			if limit != tt.want || condition.IsTrue() != (tt.says == "") || !strings.Contains(condition.Message, tt.says) {
				t.Errorf("ephemeralMax %q, want %q; TalosReady is %s: %q, want %q", limit, tt.want, condition.Status, condition.Message, tt.says)
			}
		})
	}
}

func TestALimitThatWasTakenAwayIsForgotten(t *testing.T) {
	region := &oapitest.Region{}
	class := newNodeClass(region)
	class.Spec.Talos.Patches = []string{"apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning: {maxSize: 20GiB}\n"}
	secret := workerconfig.Secret(t)
	limited, err := reconcileOnce(t, region, class, secret)
	if err != nil || limited.Status.EphemeralMax == nil {
		t.Fatal(err, limited.Status.EphemeralMax)
	}
	limited.Spec.Talos.Patches = nil
	got, err := reconcileOnce(t, region, limited, secret)
	if err != nil || got.Status.EphemeralMax != nil {
		t.Errorf("ephemeralMax %v, error %v", got.Status.EphemeralMax, err)
	}
}
