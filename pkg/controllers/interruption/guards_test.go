package interruption_test

import (
	"encoding/json"
	"testing"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// The minute of patience begins when the VM is stopped: Talos may take minutes to stop.
func TestAVMThatTakesLongToStopIsWaitedForAllTheSame(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Timings: oapitest.Timings{ForceStop: 3 * time.Minute}}, 3)
	w.silence("default-01")
	id := w.vmOf("default-01")
	w.region.StopVM(id)
	w.sweepFor(3 * time.Minute)
	w.sweep()
	w.wantDeleting()
	w.region.StartVM(id)
	w.sweepFor(10 * time.Minute)
	w.wantDeleting()
}

// Whether a VM that is rebooted shows as stopped for a while has not been seen.
func TestAVMThatWeRebootIsNoInterruption(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	record, err := json.Marshal(v1alpha1.RebootRecord{Operation: "repair-1", SentAt: w.clock.Now(), Accepted: true})
	w.must(err)
	w.update("default-01", func(c *karpv1.NodeClaim) {
		c.Annotations = map[string]string{v1alpha1.AnnotationReboot: string(record)}
	})
	w.silence("default-01")
	w.region.StopVM(w.vmOf("default-01"))
	w.sweepFor(9 * time.Minute)
	w.wantDeleting()
	if len(w.said) != 0 {
		t.Errorf("said %q", w.said)
	}
	w.sweepFor(5 * time.Minute)
	w.wantDeleting("default-01")
}

func TestANodeClaimOfNoNodePoolIsLeftToItsOwner(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.update("default-01", func(c *karpv1.NodeClaim) { c.Labels = nil })
	w.silence("default-01")
	w.region.StopVM(w.vmOf("default-01"))
	w.sweepFor(10 * time.Minute)
	w.wantDeleting()
	w.wantSaid("NodeClaim/default-01 InterruptedNodeKept", "of no NodePool")
}

func TestAFleetOfWhichMuchStopsIsGivenTimeToComeBack(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 10)
	names := []string{"default-00", "default-01", "default-02", "default-03", "default-04"}
	w.silence(names...)
	for _, name := range names {
		w.region.StopVM(w.vmOf(name))
	}
	w.sweepFor(12 * time.Minute)
	w.wantDeleting()
	w.wantSaid("NodeClaim/default-02 InterruptedNodeWaits", "many others")
	w.sweepFor(10 * time.Minute)
	if deleting := w.deleting(); len(deleting) != 1 {
		t.Errorf("after a quarter of an hour %v are being deleted, want one of them", deleting)
	}
}

// The drain before a maintenance may wait for a PodDisruptionBudget for hours.
func TestADrainBeforeAMaintenanceKeepsNoStoppedVMWaiting(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, 3)
	w.plan("default-00", "system-reboot", 4*time.Hour+5*time.Minute)
	w.sweepFor(10 * time.Minute)
	w.wantDeleting("default-00")
	w.silence("default-01")
	w.region.StopVM(w.vmOf("default-01"))
	w.sweepFor(5 * time.Minute)
	w.wantDeleting("default-00", "default-01")
}
