package instancetype_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
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
		"sold out": func(w *world) { w.soldOut(small, "eu-west-2a") },
		"unsold":   func(w *world) { w.refusals.Refuse(availability.Blame{Type: small}, availability.Class{}, "5024") },
		"quota": func(w *world) {
			w.refusals.Limit(availability.Room{VMs: 0, VCores: -1, MemoryGiB: -1}, availability.Class{}, "10042")
		},
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
	w.soldOut(small, "eu-west-2a")
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
	w.soldOut(small, "eu-west-2a")
	if got := w.available(small); got != "b" {
		t.Errorf("available in %q, want b", got)
	}
	if got := w.available(large); got != "ab" {
		t.Errorf("another type is available in %q, want ab", got)
	}
	w.launched(small, "eu-west-2b")
	if got := w.available(small); got != "b" {
		t.Errorf("a launch elsewhere: available in %q, want b", got)
	}
	w.launched(small, "eu-west-2a")
	if got := w.available(small); got != "ab" {
		t.Errorf("after a launch: available in %q, want ab", got)
	}
}

func TestSoldOutLastsTwiceAsLongAfterEachRefusal(t *testing.T) {
	w := newWorld(t)
	for _, minutes := range []int{3, 6, 12, 24, 30, 30} {
		w.soldOut(small, "eu-west-2a")
		w.soldOut(small, "eu-west-2a") // launches that were refused at the same time are one refusal
		w.clock.Step(time.Duration(minutes)*time.Minute - 1)
		if got := w.available(small); got != "b" {
			t.Fatalf("before %d minutes: available in %q", minutes, got)
		}
		w.clock.Step(1)
		if got := w.available(small); got != "ab" {
			t.Fatalf("after %d minutes: available in %q, want one more try", minutes, got)
		}
	}
	w.launched(small, "eu-west-2a")
	w.soldOut(small, "eu-west-2a")
	w.clock.Step(3 * time.Minute)
	if got := w.available(small); got != "ab" {
		t.Errorf("a launch has not cleared the memory: available in %q", got)
	}
}

func TestUnsoldTypeIsOutEverywhereForLong(t *testing.T) {
	w := newWorld(t)
	w.refusals.Refuse(availability.Blame{Type: small}, availability.Class{}, "5024")
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
		room                availability.Room
		small, large, other string
	}{
		"vCores":            {availability.Room{VMs: -1, VCores: 4, MemoryGiB: -1}, "ab", "", "ab"},
		"memory":            {availability.Room{VMs: -1, VCores: -1, MemoryGiB: 16}, "ab", "", "ab"},
		"memory of another": {availability.Room{VMs: 5, VCores: 100, MemoryGiB: 8}, "ab", "", ""},
		"VMs":               {availability.Room{VMs: 0, VCores: 100, MemoryGiB: 100}, "", "", ""},
		"nothing is known":  {availability.Room{}, "", "", ""},
	} {
		w := newWorld(t)
		w.refusals.Limit(tt.room, availability.Class{}, "10042")
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
	blind := instancetype.NewProvider(pricing.NewProvider(nil, w.clock.Now), w.refusals, nil)
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
				w.soldOut(small, "eu-west-2a")
			case 1:
				w.launched(small, "eu-west-2b")
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

func TestASubnetThatIsFullIsNotOnOffer(t *testing.T) {
	for name, full := range map[string]func(*world, *v1alpha1.OutscaleNodeClass){
		"a launch was refused": func(w *world, class *v1alpha1.OutscaleNodeClass) {
			w.refusals.Refuse(availability.Blame{Subnet: "subnet-1"}, instancetype.Class(class), "10021")
		},
		"a read shows no free address": func(_ *world, class *v1alpha1.OutscaleNodeClass) {
			class.Status.Subnets[0].AvailableIPs = new(int32(0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			class := nodeClass()
			w.get(class, small) // so that an old list could be handed out
			full(w, class)
			for _, offering := range w.get(class, small).Offerings {
				if want := offering.Zone() == "eu-west-2a"; offering.Available != want {
					t.Errorf("%s is available: %t, want %t", offering.Zone(), offering.Available, want)
				}
			}
		})
	}
	w := newWorld(t)
	w.refusals.Refuse(availability.Blame{Subnet: "subnet-2"}, availability.Class{}, "10021")
	if got := w.available(small); got != "ab" {
		t.Errorf("one of two subnets of eu-west-2a is full: available in %q, want ab", got)
	}
}

func TestARefusalOfOneClassLeavesTheOthersAlone(t *testing.T) {
	w := newWorld(t)
	bad, good, edited := nodeClass(), nodeClass(), nodeClass()
	good.UID, good.Name, edited.Generation = "another", "another", 2
	w.refusals.Refuse(availability.Blame{Class: instancetype.Class(bad)}, instancetype.Class(bad), "4078")
	for name, tt := range map[string]struct {
		class *v1alpha1.OutscaleNodeClass
		want  int
	}{"bad": {bad, 0}, "another": {good, 2}, "edited": {edited, 2}} {
		if got := len(w.get(tt.class, small).Offerings.Available()); got != tt.want {
			t.Errorf("%s: %d offerings are available, want %d", name, got, tt.want)
		}
	}
}
