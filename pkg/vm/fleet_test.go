package vm

import (
	"fmt"
	"testing"
	"time"
)

// The region cannot refuse a deletion after it has accepted it: what a real one may do is played here.
func TestDeletionThatHadNoEffectIsNotBelievedForEver(t *testing.T) {
	f, now, c := newFleet(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Cluster{Name: "prod", UID: "uid-1"}
	running := VM{ID: "i-00000001", State: StateRunning, Tags: c.Tags(Owner{}, nil)}
	state := func(after time.Duration) string {
		f.update(c, []VM{running}, now.Add(after))
		v, _ := f.get(running.ID)
		return v.State
	}
	if got := state(0); got != StateRunning {
		t.Fatalf("before: %s", got)
	}
	f.deleted(running.ID, now.Add(time.Second))
	if got := state(30 * time.Second); got != StateShuttingDown {
		t.Errorf("a read that lags brought it back: %s", got)
	}
	if got := state(2 * time.Minute); got != StateRunning {
		t.Errorf("it still runs, and is not deleted again: %s", got)
	}
}

func TestReadThatBeganBeforeAWriteKnowsLess(t *testing.T) {
	f, now, c := newFleet(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Cluster{Name: "prod", UID: "uid-1"}
	running := VM{ID: "i-00000001", State: StateRunning, Tags: c.Tags(Owner{}, nil)}
	f.launched(VM{ID: "i-00000002", State: StatePending}, now.Add(time.Second))
	f.update(c, []VM{running}, now)
	f.deleted(running.ID, now.Add(2*time.Second))
	f.update(c, []VM{running, {ID: "i-00000002", State: StateTerminated}}, now.Add(time.Second))
	if v, _ := f.get(running.ID); v.State != StateShuttingDown {
		t.Errorf("the deletion was forgotten: %s", v.State)
	}
	f.launched(VM{ID: "i-00000003", State: StatePending, Tags: c.Tags(Owner{}, nil)}, now.Add(3*time.Second))
	f.update(c, []VM{running, {ID: "i-00000003", State: StatePending}}, now.Add(2*time.Second))
	if v, _ := f.get("i-00000003"); v.Tags[TagManagedBy] != "prod" {
		t.Errorf("the tags of the launch were forgotten: %v", v.Tags)
	}
}

// Many VMs that were deleted on purpose and are no longer remembered as terminated are no reason for doubt.
func TestEndOfDeletedVMsIsBelieved(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var vms []VM
	for i := range 10 {
		vms = append(vms, VM{ID: fmt.Sprintf("i-%08x", i), State: StateShuttingDown, Tags: map[string]string{}})
	}
	for after, want := range map[time.Duration]int{time.Second: 10, 12 * time.Second: 0} {
		f := newFleet()
		f.update(Cluster{}, vms, start)
		f.update(Cluster{}, nil, start.Add(time.Second))
		f.update(Cluster{}, nil, start.Add(after))
		if err := f.doubted(); err != nil || len(f.list(Cluster{})) != want {
			t.Errorf("after %s: %d VMs, want %d; error %v", after, len(f.list(Cluster{})), want, err)
		}
	}
}
