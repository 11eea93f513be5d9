package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// Shape is the size of a tina type. The operator's own instancetype.Type is not used: with it kpo would link Karpenter's
// operator; a test holds the two together.
type Shape struct {
	Name                                       string
	Generation, Performance, VCores, MemoryGiB int
}

// ParseShape reads a tina name, and is false for any other.
func ParseShape(name string) (Shape, bool) {
	match := regexp.MustCompile(`^tinav([1-9]\d?)\.c([1-9]\d*)r([1-9]\d*)p([1-3])$`).FindStringSubmatch(name)
	if match == nil {
		return Shape{}, false
	}
	var n [4]int
	for i := range n {
		n[i], _ = strconv.Atoi(match[i+1])
	}
	return Shape{Name: name, Generation: n[0], VCores: n[1], MemoryGiB: n[2], Performance: n[3]}, true
}

// Shapes returns the grid of types that a NodeClass offers.
func Shapes(bounds v1alpha1.InstanceTypes) []Shape {
	var out []Shape
	for _, generation := range orDefault(bounds.Generations, 5, 6, 7) {
		for i, performance := range []string{"highest", "high", "medium"} {
			if len(bounds.Performances) > 0 && !slices.Contains(bounds.Performances, performance) {
				continue
			}
			for _, cores := range orDefault(bounds.VCores, 2, 4, 8, 16, 32, 48, 64) {
				for _, ratio := range orDefault(bounds.MemoryPerVCore, 2, 4, 8) {
					shape, _ := ParseShape(fmt.Sprintf("tinav%d.c%dr%dp%d", generation, cores, cores*ratio, i+1))
					out = append(out, shape)
				}
			}
		}
	}
	return out
}

func orDefault(given []int32, defaults ...int32) []int32 {
	if len(given) == 0 {
		return defaults
	}
	return given
}
