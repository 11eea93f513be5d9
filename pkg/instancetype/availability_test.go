package instancetype_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
)

const small, large = "tinav6.c2r4p2", "tinav6.c16r64p2"

func TestListIsTheCallersAndItsElementsAreShared(t *testing.T) {
	w := newWorld(t)
	first := w.types.List(nodeClass())
	kept := slices.Clone(first)
	slices.Reverse(first)
	first[0] = nil
	w.clock.Step(time.Hour)
	for i, it := range w.types.List(nodeClass()) {
		if it != kept[i] {
			t.Fatalf("element %d is another one, though nothing has changed", i)
		}
	}
}

// Karpenter computes what is available once per element: a change must bring new ones.
func TestEachChangeBringsNewElements(t *testing.T) {
	for name, change := range map[string]func(*world){
		"sold out":  func(w *world) { w.types.MarkSoldOut(small, "eu-west-2a") },
		"unsold":    func(w *world) { w.types.MarkUnsold(small) },
		"quota":     func(w *world) { w.types.Limit(instancetype.Room{VMs: 0, VCores: -1, MemoryGiB: -1}, small) },
		"new price": func(w *world) { w.load() },
	} {
		w := newWorld(t)
		before := w.get(nodeClass(), small)
		change(w)
		after := w.get(nodeClass(), small)
		if before == after {
			t.Errorf("%s: the element is the same", name)
		}
		if w.get(nodeClass(), small) != after {
			t.Errorf("%s: new elements without a change", name)
		}
	}
	w := newWorld(t)
	w.types.MarkSoldOut(small, "eu-west-2a")
	before := w.get(nodeClass(), small)
	w.clock.Step(3 * time.Minute)
	if w.get(nodeClass(), small) == before {
		t.Error("the time is over, and the element is the same")
	}
	class := nodeClass()
	before = w.get(class, small)
	class.Generation++
	if w.get(class, small) == before {
		t.Error("the NodeClass was edited, and the element is the same")
	}
	before = w.get(class, small)
	class.Status.Subnets = class.Status.Subnets[:1]
	if w.get(class, small) == before {
		t.Error("a subregion is gone, and the element is the same")
	}
}

func TestSoldOutIsOneTypeInOneSubregion(t *testing.T) {
	w := newWorld(t)
	w.types.MarkSoldOut(small, "eu-west-2a")
	if got := w.available(small); got != "b" {
		t.Errorf("available in %q, want b", got)
	}
	if got := w.available(large); got != "ab" {
		t.Errorf("another type is available in %q, want ab", got)
	}
	w.types.MarkLaunched(small, "eu-west-2b")
	if got := w.available(small); got != "b" {
		t.Errorf("a launch elsewhere: available in %q, want b", got)
	}
	w.types.MarkLaunched(small, "eu-west-2a")
	if got := w.available(small); got != "ab" {
		t.Errorf("after a launch: available in %q, want ab", got)
	}
}

func TestSoldOutLastsTwiceAsLongAfterEachRefusal(t *testing.T) {
	w := newWorld(t)
	for _, minutes := range []int{3, 6, 12, 24, 30, 30} {
		w.types.MarkSoldOut(small, "eu-west-2a")
		w.types.MarkSoldOut(small, "eu-west-2a") // launches that were refused at the same time are one refusal
		w.clock.Step(time.Duration(minutes)*time.Minute - 1)
		if got := w.available(small); got != "b" {
			t.Fatalf("before %d minutes: available in %q", minutes, got)
		}
		w.clock.Step(1)
		if got := w.available(small); got != "ab" {
			t.Fatalf("after %d minutes: available in %q, want one more try", minutes, got)
		}
	}
	w.types.MarkLaunched(small, "eu-west-2a")
	w.types.MarkSoldOut(small, "eu-west-2a")
	w.clock.Step(3 * time.Minute)
	if got := w.available(small); got != "ab" {
		t.Errorf("a launch has not cleared the memory: available in %q", got)
	}
}

func TestUnsoldTypeIsOutEverywhereForLong(t *testing.T) {
	w := newWorld(t)
	w.types.MarkUnsold(small)
	for range 12 {
		if got := w.available(small); got != "" {
			t.Fatalf("available in %q", got)
		}
		w.clock.Step(time.Hour)
	}
	if got := w.available(small); got != "ab" {
		t.Errorf("after 12 hours: available in %q", got)
	}
}

func TestQuotaKeepsOutWhatHasNoRoom(t *testing.T) {
	for name, tt := range map[string]struct {
		room                instancetype.Room
		small, large, other string
	}{
		"vCores":            {instancetype.Room{VMs: -1, VCores: 4, MemoryGiB: -1}, "ab", "", "ab"},
		"memory":            {instancetype.Room{VMs: -1, VCores: -1, MemoryGiB: 16}, "ab", "", "ab"},
		"memory of another": {instancetype.Room{VMs: 5, VCores: 100, MemoryGiB: 8}, "ab", "", ""},
		"VMs":               {instancetype.Room{VMs: 0, VCores: 100, MemoryGiB: 100}, "", "", ""},
		"no limit at all":   {instancetype.Room{VMs: -1, VCores: -1, MemoryGiB: -1}, "", "", ""}, // and yet refused: nothing is known
	} {
		w := newWorld(t)
		w.types.Limit(tt.room, large)
		for typeName, want := range map[string]string{small: tt.small, large: tt.large, "tinav6.c4r16p2": tt.other} {
			if got := w.available(typeName); got != want {
				t.Errorf("%s: %s is available in %q, want %q", name, typeName, got, want)
			}
		}
		w.clock.Step(2 * time.Minute)
		if got := w.available(large); got != "ab" {
			t.Errorf("%s: after two minutes available in %q", name, got)
		}
	}
}

func TestTypeWithoutAPriceIsShownAndNotAvailable(t *testing.T) {
	w := newWorld(t)
	class := nodeClass()
	class.Spec.InstanceTypes.Generations = []int32{6, 42}
	for _, offering := range w.get(class, "tinav42.c2r4p2").Offerings {
		if offering.Available {
			t.Errorf("available for %v", offering.Price)
		}
	}
	for _, offering := range w.get(class, small).Offerings {
		if !offering.Available {
			t.Error("a type with a price is not available")
		}
	}
	blind := instancetype.NewProvider(pricing.NewProvider(nil, w.clock.Now), nil, w.clock.Now)
	if available := blind.List(nodeClass()); slices.ContainsFunc(available, func(it *cloudprovider.InstanceType) bool { return len(it.Offerings.Available()) > 0 }) {
		t.Error("a type is available before the first price")
	}
}

func TestManyCallersMayAskAndMarkAtOnce(t *testing.T) {
	w := newWorld(t)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			switch i % 4 {
			case 0:
				w.types.MarkSoldOut(small, "eu-west-2a")
			case 1:
				w.types.MarkLaunched(small, "eu-west-2b")
			default:
				w.types.List(nodeClass())
			}
		})
	}
	group.Wait()
	if got := w.available(small); got != "b" {
		t.Errorf("available in %q, want b: the mark was lost", got)
	}
}
