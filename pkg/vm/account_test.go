package vm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// elsewhere is a process with the key of another account, or the endpoint of another region.
func elsewhere(t *testing.T, fleet []string) *world {
	t.Helper()
	w := newWorld(t, &oapitest.Region{Seed: 99})
	w.elsewhere = true
	w.vms.Remember(named(fleet...)...)
	return w
}

// wantDoubt lists and gets for the time, and fails when the fleet is taken for gone.
func (w *world) wantDoubt(id string, d time.Duration) {
	w.t.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); w.clock.Step(d / 20) {
		if vms, err := w.vms.List(w.t.Context()); !errors.Is(err, vm.ErrNotBelieved) {
			w.t.Fatalf("List gives %d VMs, %v, want ErrNotBelieved", len(vms), err)
		}
		if v, err := w.vms.Get(w.t.Context(), id); !errors.Is(err, vm.ErrNotBelieved) || errors.Is(err, vm.ErrNotFound) {
			w.t.Fatalf("Get gives %q, %v, want ErrNotBelieved", v.State, err)
		}
	}
}

func TestFleetOfAnotherAccountIsNeverTakenForGone(t *testing.T) {
	for _, n := range []int{1, 10} {
		fleet := fleetOf(newWorld(t, &oapitest.Region{}), n)
		w := elsewhere(t, fleet)
		_, _ = w.vms.List(t.Context())
		w.clock.Step(70 * time.Second)
		w.wantDoubt(fleet[0], 10*time.Hour)
		_, err := w.vms.List(t.Context())
		for _, part := range []string{"OSC_ACCESS_KEY", "OSC_REGION"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say to check %s", err, part)
			}
		}
	}
}

func TestFleetIsNotTakenForGoneWhileTheWitnessCannotLook(t *testing.T) {
	w := elsewhere(t, []string{"i-00000000"})
	w.elsewhere, w.witnessErr = false, errors.New("out of order")
	w.list()
	w.clock.Step(time.Minute)
	w.wantDoubt("i-00000000", time.Hour)
	if _, err := w.vms.List(t.Context()); !errors.Is(err, w.witnessErr) {
		t.Errorf("%v does not say why", err)
	}
}

// The only VM ended days ago, while the controller was down: no read shows it, nor any other.
func TestOnlyVMIsGoneOnceTheWitnessConfirmsTheAccount(t *testing.T) {
	w := elsewhere(t, []string{"i-00000000"})
	w.list()
	w.clock.Step(time.Minute)
	w.wantDoubt("i-00000000", time.Minute)
	w.elsewhere, w.asked = false, 0
	w.clock.Step(time.Minute)
	if v, err := w.vms.Get(t.Context(), "i-00000000"); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("VM %q, %v, want ErrNotFound", v.State, err)
	}
	w.clock.Step(time.Minute)
	w.list(named("i-00000001")...)
	w.clock.Step(time.Minute)
	if vms := w.list(); len(vms) != 0 || w.asked != 1 {
		t.Errorf("listed %v, the witness was asked %d times, want once", ids(vms), w.asked)
	}
}

// Outscale lists a terminated VM for an hour, which shows the account too.
func TestTerminatedVMShowsTheAccount(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	id := fleetOf(w, 1)[0]
	w.KillVM(id)
	w.elsewhere = true
	restarted := w.another("uid-1")
	for range 3 {
		if _, err := restarted.List(t.Context(), named(id, "i-00000000")...); err != nil {
			t.Fatal(err)
		}
		w.clock.Step(30 * time.Second)
	}
	for _, id := range []string{id, "i-00000000"} {
		if v, err := restarted.Get(t.Context(), id); !errors.Is(err, vm.ErrNotFound) {
			t.Errorf("VM %s: %q, %v, want ErrNotFound", id, v.State, err)
		}
	}
	if w.asked != 0 {
		t.Error("the witness was asked, and nothing was in doubt")
	}
}

func TestAnyVMOfTheClusterShowsTheAccount(t *testing.T) {
	w := newWorld(t, &oapitest.Region{})
	fleetOf(w, 1)
	w.elsewhere = true
	restarted := w.another("uid-1")
	if _, err := restarted.List(t.Context(), named("i-00000000")...); err != nil {
		t.Fatal(err)
	}
	w.clock.Step(time.Minute)
	if v, err := restarted.Get(t.Context(), "i-00000000"); !errors.Is(err, vm.ErrNotFound) {
		t.Errorf("VM %q, %v, want ErrNotFound", v.State, err)
	}
}
