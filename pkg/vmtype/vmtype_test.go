package vmtype_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

func TestCanonicalNameIsParsedBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := vmtype.Type{
			Generation: rapid.IntRange(1, 99).Draw(t, "generation"), Performance: rapid.IntRange(1, 3).Draw(t, "performance"),
			VCores: rapid.IntRange(1, 999).Draw(t, "vcores"), MemoryGiB: rapid.IntRange(1, 9999).Draw(t, "memory"),
		}
		want.Name = fmt.Sprintf("tinav%d.c%dr%dp%d", want.Generation, want.VCores, want.MemoryGiB, want.Performance)
		if got, ok := vmtype.Parse(want.Name); !ok || got != want {
			t.Fatalf("%+v, %t, want %+v", got, ok, want)
		}
	})
}

func TestOtherNamesAreNoCanonicalTypes(t *testing.T) {
	for _, name := range []string{
		"", "tinav6.c4r8", "tinav6.c4r8p0", "tinav6.c4r8p4", "tinav0.c4r8p2", "tinav6.c0r8p2", "tinav6.c4r0p2", "tinav6.c04r8p2", "tinav6.c4r8p22",
		"xtinav6.c4r8p2", "tinav6.c4r8p2 ", "TINAV6.c4r8p2", "m5.large", "inference7-l40.medium", "tinav6_c4r8p2",
	} {
		if got, ok := vmtype.Parse(name); ok {
			t.Errorf("%q was read as %+v", name, got)
		}
	}
}

func TestWrongStaticTypesAreNamed(t *testing.T) {
	for file, want := range map[string]string{
		"":                  "instanceTypes is empty",
		"instanceTypes: []": "instanceTypes is empty",
		"instanceTypes: 3":  "instanceTypes",
		"instanceType: []":  `"instanceType"`,
		"instanceTypes: [{name: tinav6.c4r8p2, price: 1}]":                                          `"price"`,
		"instanceTypes: [{name: tinav6.c4r8p2}, {name: tinav6.c4r8p2}]":                             "instanceTypes[1].name",
		"instanceTypes: [{name: tinav6.c4r8p2, vcores: 2}]":                                         "instanceTypes[0] \"tinav6.c4r8p2\" has 4 vCores",
		"instanceTypes: [{name: tinav6.c4r8p2, memoryGiB: 9}]":                                      "remove vcores and memoryGiB",
		"instanceTypes: [{name: tinav6.c4r8}]":                                                      "performance flag",
		"instanceTypes: [{name: m5.large, vcores: 2, memoryGiB: 8}]":                                "pricePerHour",
		"instanceTypes: [{name: m5.large, vcores: -2, memoryGiB: 8, pricePerHour: 1}]":              "vcores",
		"instanceTypes: [{vcores: 2, memoryGiB: 8, pricePerHour: 1}]":                               "name",
		"instanceTypes: [{name: tinav6.c4r8p2, pricePerHour: -1}]":                                  "instanceTypes[0].pricePerHour",
		"instanceTypes: [{name: tinav6.c4r8p2}, {name: tinav6.c2r4p2}, {name: x, pricePerHour: 1}]": "instanceTypes[2]",
	} {
		if _, err := vmtype.ParseStatic([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", file, err, want)
		}
	}
}

// A type that is no tina type has no flag, and a label must not be made of one.
func TestPerformanceHasAName(t *testing.T) {
	for performance, want := range map[int]string{0: "", 1: "highest", 2: "high", 3: "medium", 4: ""} {
		if got := (vmtype.Type{Performance: performance}).PerformanceName(); got != want {
			t.Errorf("p%d is %q, want %q", performance, got, want)
		}
	}
}
