package v1alpha1_test

import (
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

func TestTroubleIsWhatTheConditionsSayThatAreNotTrue(t *testing.T) {
	nodeClass := &v1alpha1.OutscaleNodeClass{}
	conditions := nodeClass.StatusConditions()
	for _, condition := range conditions.List() {
		conditions.SetTrue(condition.Type)
	}
	if got := nodeClass.Trouble(); got != "" {
		t.Errorf("trouble of a class that is ready: %q", got)
	}
	conditions.SetFalse(v1alpha1.ConditionImageReady, "ImageNotFound", "spec.imageId: no image")
	conditions.SetUnknownWithReason(v1alpha1.ConditionSubnetsReady, "Unreadable", "spec.subnetIds: not read")
	if got, want := nodeClass.Trouble(), "spec.imageId: no image; spec.subnetIds: not read"; got != want {
		t.Errorf("got %q, want %q: Ready only lists names", got, want)
	}
}
