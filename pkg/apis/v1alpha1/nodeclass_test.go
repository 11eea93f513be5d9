package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

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
		v1alpha1.ConditionVolumesReady, v1alpha1.ConditionLaunchReady,
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
