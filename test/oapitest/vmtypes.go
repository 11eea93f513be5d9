package oapitest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	defaultType   = "t2.small"
	oldestTina    = 2
	newestTina    = 7
	mediumPerf    = 3
	highPerf      = 2
	highestPerf   = 1
	inferenceName = "inference7-"
)

// shape is what a VM type gives to a VM.
type shape struct {
	vcores             int
	memory             float32
	gpus               int
	generation, perf   int
	flexible, inferred bool
}

// gib is the memory in whole GiB, rounded up.
func (s shape) gib() int { return int(math.Ceil(float64(s.memory))) }

// performance is the word for the performance flag.
func (s shape) performance() string {
	switch s.perf {
	case highestPerf:
		return "highest"
	case mediumPerf:
		return "medium"
	}
	return "high"
}

// resolveType finds the shape of a type and the name that the API answers with.
func resolveType(name, performance string) (shape, string, error) {
	if strings.HasPrefix(name, "tina") {
		return resolveTina(name, performance)
	}
	for _, t := range predefined() {
		if t.name == name {
			return t.shape, name, nil
		}
	}
	return shape{}, "", fail("5024", "the VM type %q does not exist", name)
}

func resolveTina(name, performance string) (shape, string, error) {
	s, err := parseTina(name)
	if err != nil {
		return shape{}, "", err
	}
	if s.perf == 0 {
		s.perf = highPerf
		switch performance {
		case "highest":
			s.perf = highestPerf
		case "medium":
			s.perf = mediumPerf
		}
		name = fmt.Sprintf("%sp%d", name, s.perf)
	}
	return s, name, nil
}

// parseTina reads tinavG.cXrY[pZ].
func parseTina(name string) (shape, error) {
	unknown := fail("5024", "the VM type %q does not exist", name)
	rest, ok := strings.CutPrefix(name, "tinav")
	generation, size, dot := strings.Cut(rest, ".c")
	cores, size, hasRAM := strings.Cut(size, "r")
	ram, perf, hasPerf := strings.Cut(size, "p")
	if !ok || !dot || !hasRAM {
		return shape{}, unknown
	}
	s := shape{flexible: true, inferred: !hasPerf, generation: digits(generation), vcores: digits(cores), memory: float32(digits(ram)), perf: digits(perf)}
	maxCores, maxMemory := tinaBounds(s.generation)
	switch {
	case s.vcores < 1 || s.vcores > maxCores, s.memory < 1 || s.memory > maxMemory:
		return shape{}, unknown
	case hasPerf && (s.perf < highestPerf || s.perf > mediumPerf):
		return shape{}, unknown
	}
	return s, nil
}

// digits is the number in a text of digits without leading zeros, else zero.
func digits(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || strconv.Itoa(n) != text {
		return 0
	}
	return n
}

// tinaBounds are the largest shapes of a generation; zero means that it does not exist.
func tinaBounds(generation int) (cores int, memory float32) {
	switch {
	case generation < oldestTina || generation > newestTina:
		return 0, 0
	case generation <= 5:
		return 78, 1039
	case generation == 6:
		return 128, 1024
	}
	return 184, 2900
}

// predefinedType is one row of ReadVmTypes.
type predefinedType struct {
	name  string
	shape shape
}

// family is a series of types whose sizes follow each other.
type family struct {
	name             string
	generation, perf int
	sizes            []string
	vcores           []int
	memory           []float32
}

func predefined() []predefinedType {
	var out []predefinedType
	for _, f := range families() {
		for i, size := range f.sizes {
			out = append(out, predefinedType{name: f.name + "." + size, shape: shape{
				vcores: f.vcores[i], memory: f.memory[i], generation: f.generation, perf: f.perf,
			}})
		}
	}
	for _, g := range inferences() {
		g.shape.generation, g.shape.perf = newestTina, highestPerf
		out = append(out, predefinedType{name: inferenceName + g.name, shape: g.shape})
	}
	for generation := 4; generation <= newestTina; generation++ {
		for _, size := range []shape{{vcores: 1, memory: 1}, {vcores: 2, memory: 4}, {vcores: 4, memory: 8}, {vcores: 8, memory: 16}, {vcores: 16, memory: 64}} {
			for perf := highestPerf; perf <= highPerf; perf++ {
				size.generation, size.perf = generation, perf
				name := fmt.Sprintf("tinav%d.c%dr%dp%d", generation, size.vcores, int(size.memory), perf)
				out = append(out, predefinedType{name: name, shape: size})
			}
		}
	}
	return out
}

func families() []family {
	common := []string{"large", "xlarge", "2xlarge", "4xlarge", "8xlarge"}
	cores := []int{2, 4, 8, 16, 32}
	return []family{
		{
			"t2", 2, mediumPerf,
			[]string{"nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"},
			[]int{1, 1, 1, 2, 2, 4, 8},
			[]float32{0.5, 1, 2, 4, 8, 16, 32},
		},
		{"m3", 3, highPerf, []string{"medium", "large", "xlarge", "2xlarge"}, []int{1, 2, 4, 8}, []float32{3.75, 7.5, 15, 30}},
		{"m4", 4, highPerf, append(common[:4:4], "10xlarge"), []int{2, 4, 8, 16, 40}, []float32{8, 16, 32, 64, 160}},
		{"m5", 5, highPerf, append(common[:4:4], "12xlarge"), []int{2, 4, 8, 16, 48}, []float32{8, 16, 32, 64, 192}},
		{"c3", 3, highestPerf, common, cores, []float32{3.75, 7.5, 15, 30, 60}},
		{"c4", 4, highestPerf, common, []int{2, 4, 8, 16, 36}, []float32{3.75, 7.5, 15, 30, 60}},
		{"c5", 5, highestPerf, append(common[:4:4], "9xlarge"), []int{2, 4, 8, 16, 36}, []float32{4, 8, 16, 32, 72}},
		{"r3", 3, highPerf, common, cores, []float32{15.25, 30.5, 61, 122, 244}},
		{"r4", 4, highPerf, common, cores, []float32{15.25, 30.5, 61, 122, 244}},
		{"r5", 5, highPerf, common[:4], cores[:4], []float32{16, 32, 64, 128}},
	}
}

func inferences() []predefinedType {
	return []predefinedType{
		{name: "l40.medium", shape: shape{vcores: 8, memory: 64, gpus: 1}},
		{name: "l40.large", shape: shape{vcores: 16, memory: 128, gpus: 2}},
		{name: "h100.medium", shape: shape{vcores: 16, memory: 128, gpus: 1}},
		{name: "h100.large", shape: shape{vcores: 32, memory: 256, gpus: 2}},
		{name: "h100.xlarge", shape: shape{vcores: 64, memory: 512, gpus: 4}},
		{name: "h100.2xlarge", shape: shape{vcores: 128, memory: 512, gpus: 8}},
		{name: "h200.2xsmall", shape: shape{vcores: 16, memory: 256, gpus: 1}},
		{name: "h200.2xlarge", shape: shape{vcores: 126, memory: 1024, gpus: 8}},
	}
}

func readVMTypes(r *Region, c *call, q query) (reply, error) {
	var items []osc.VmType
	for _, t := range predefined() {
		item := osc.VmType{
			VmTypeName: new(t.name), VcoreCount: new(toInt32(t.shape.vcores)), MemorySize: new(t.shape.memory),
			MaxPrivateIps: new(toInt32(4 * t.shape.vcores)), VolumeCount: new(int32(0)), BsuOptimized: new(false),
			EphemeralsType: new(""),
		}
		if t.shape.gpus > 0 {
			item.Gpu = new(toInt32(t.shape.gpus))
		}
		items = append(items, item)
	}
	slices.SortFunc(items, func(a, b osc.VmType) int { return cmp.Compare(a.GetVmTypeName(), b.GetVmTypeName()) })
	return read(r, c, q, list[osc.VmType]{
		name: "VmTypes", items: items, key: func(t osc.VmType) string { return t.GetVmTypeName() }, filter: vmTypeFilters(),
	})
}

func vmTypeFilters() filters[osc.VmType] {
	return filters[osc.VmType]{paths: map[string]string{
		"BsuOptimized": "BsuOptimized", "EphemeralsTypes": "EphemeralsType", "Eths": "Eth", "Gpus": "Gpu",
		"MemorySizes": "MemorySize", "VcoreCounts": "VcoreCount", "VmTypeNames": "VmTypeName",
		"VolumeCounts": "VolumeCount", "VolumeSizes": "VolumeSize",
	}}
}
