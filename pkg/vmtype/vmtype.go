// Package vmtype knows the VM types of Outscale: their names, their sizes and the grid of those that a NodeClass offers.
package vmtype

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// Type is one VM type.
type Type struct {
	// Name is canonical, as ReadVms returns it: tinav6.c4r8p2.
	Name string
	// Generation of the processor and Performance (1 highest, 2 high, 3 medium) decide the price of a vCore.
	Generation, Performance int
	VCores                  int
	// MemoryGiB is nominal.
	MemoryGiB int
	// Price in EUR/h overrides the catalogue when it is not 0.
	Price float64
}

// Bounds are the lists that a grid is made of. An empty one means its default.
type Bounds struct {
	Generations []int32
	// Performances are names, see Type.PerformanceName.
	Performances   []string
	VCores         []int32
	MemoryPerVCore []int32
}

// performances are the names of the flags p1, p2 and p3.
func performances() []string { return []string{"highest", "high", "medium"} }

// PerformanceName returns highest, high or medium, or "" for a type that is no tina type.
func (t Type) PerformanceName() string {
	if t.Performance < 1 || t.Performance > len(performances()) {
		return ""
	}
	return performances()[t.Performance-1]
}

// tinaName is the name of a tina type with its performance flag.
var tinaName = regexp.MustCompile(`^tinav([1-9]\d?)\.c([1-9]\d*)r([1-9]\d*)p([1-3])$`)

// Parse reads a tina name. It is false for any other name, and for a name without a performance flag, which Outscale
// would echo with one.
func Parse(name string) (Type, bool) {
	match := tinaName.FindStringSubmatch(name)
	if match == nil {
		return Type{}, false
	}
	var n [4]int
	for i := range n {
		n[i], _ = strconv.Atoi(match[i+1])
	}
	return Type{Name: name, Generation: n[0], VCores: n[1], MemoryGiB: n[2], Performance: n[3]}, true
}

// Grid returns the tina types within bounds: Outscale sells any combination, and Karpenter's scheduler is slow with
// thousands of types. The default grid has 189.
func Grid(bounds Bounds) []Type {
	generations := orDefault(bounds.Generations, 5, 6, 7)
	vcores := orDefault(bounds.VCores, 2, 4, 8, 16, 32, 48, 64)
	ratios := orDefault(bounds.MemoryPerVCore, 2, 4, 8)
	var out []Type
	for _, generation := range generations {
		for i, performance := range performances() {
			if len(bounds.Performances) > 0 && !slices.Contains(bounds.Performances, performance) {
				continue
			}
			for _, cores := range vcores {
				for _, ratio := range ratios {
					out = append(out, newTina(int(generation), i+1, int(cores), int(cores*ratio)))
				}
			}
		}
	}
	return out
}

func newTina(generation, performance, vcores, memoryGiB int) Type {
	return Type{
		Name:       fmt.Sprintf("tinav%d.c%dr%dp%d", generation, vcores, memoryGiB, performance),
		Generation: generation, Performance: performance, VCores: vcores, MemoryGiB: memoryGiB,
	}
}

func orDefault(given []int32, defaults ...int32) []int32 {
	if len(given) == 0 {
		return defaults
	}
	return given
}
