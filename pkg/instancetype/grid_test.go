package instancetype_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

func TestDefaultGridIsSmallEnoughForTheScheduler(t *testing.T) {
	w := newWorld(t)
	list := w.types.List(nodeClass())
	if len(list) == 0 || len(list) > 200 {
		t.Errorf("%d types, want 1 to 200", len(list))
	}
	seen := map[string]bool{}
	for _, it := range list {
		if _, ok := vmtype.Parse(it.Name); !ok || seen[it.Name] {
			t.Errorf("type %q is not canonical or there twice", it.Name)
		}
		seen[it.Name] = true
	}
}

func TestGridStaysWithinTheBounds(t *testing.T) {
	w := newWorld(t)
	class := nodeClass()
	class.Spec.InstanceTypes = v1alpha1.InstanceTypes{
		Generations: []int32{6, 7}, Performances: []string{"medium", "highest"}, VCores: []int32{3}, MemoryPerVCore: []int32{1, 16},
	}
	var got []string
	for _, it := range w.types.List(class) {
		got = append(got, it.Name)
	}
	slices.Sort(got)
	want := []string{
		"tinav6.c3r3p1", "tinav6.c3r3p3", "tinav6.c3r48p1", "tinav6.c3r48p3", "tinav7.c3r3p1", "tinav7.c3r3p3", "tinav7.c3r48p1", "tinav7.c3r48p3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("grid (-want +got):\n%s", diff)
	}
}

func TestStaticTypesReplaceTheGrid(t *testing.T) {
	static, err := vmtype.ParseStatic([]byte("instanceTypes:\n- name: tinav6.c4r8p2\n- {name: tinav7.c2r4p1, pricePerHour: 0.5}\n- {name: inference7-l40.medium, vcores: 6, memoryGiB: 40, pricePerHour: 1.5}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []vmtype.Type{
		{Name: "tinav6.c4r8p2", Generation: 6, Performance: 2, VCores: 4, MemoryGiB: 8},
		{Name: "tinav7.c2r4p1", Generation: 7, Performance: 1, VCores: 2, MemoryGiB: 4, Price: 0.5},
		{Name: "inference7-l40.medium", VCores: 6, MemoryGiB: 40, Price: 1.5},
	}
	if diff := cmp.Diff(want, static); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	w := newWorld(t, static...)
	if list := w.types.List(nodeClass()); len(list) != 3 {
		t.Errorf("%d types", len(list))
	}
	for name, price := range map[string]float64{"tinav6.c4r8p2": 4*0.034 + 8*0.005, "tinav7.c2r4p1": 0.5, "inference7-l40.medium": 1.5} {
		// The root volume of 50 GiB gp2 comes on top.
		got := w.get(nodeClass(), name).Offerings[0].Price
		if want := price + 50*0.11/730; got < want-1e-6 || got > want+1e-6 || w.available(name) != "ab" {
			t.Errorf("%s costs %v, want %v; available in %q", name, got, want, w.available(name))
		}
	}
}
