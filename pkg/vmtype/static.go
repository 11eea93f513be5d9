package vmtype

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// ParseStatic reads the file that replaces the grid: a list of types under the key instanceTypes, each with name,
// and optionally vcores, memoryGiB (for a name that is not a tina type) and pricePerHour in EUR.
func ParseStatic(file []byte) ([]Type, error) {
	var content struct {
		InstanceTypes []struct {
			Name         string  `json:"name"`
			VCores       int     `json:"vcores"`
			MemoryGiB    int     `json:"memoryGiB"`
			PricePerHour float64 `json:"pricePerHour"`
		} `json:"instanceTypes"`
	}
	if err := yaml.UnmarshalStrict(file, &content); err != nil {
		return nil, fmt.Errorf("reading instance types: %w", err)
	}
	if len(content.InstanceTypes) == 0 {
		return nil, errors.New("reading instance types: instanceTypes is empty, remove the file to use the grid of the NodeClass")
	}
	seen := map[string]bool{}
	out := make([]Type, 0, len(content.InstanceTypes))
	for i, in := range content.InstanceTypes {
		t, ok := Parse(in.Name)
		switch {
		case seen[in.Name]:
			return nil, fmt.Errorf("reading instance types: instanceTypes[%d].name %q is there twice", i, in.Name)
		case ok && (in.VCores != 0 && in.VCores != t.VCores || in.MemoryGiB != 0 && in.MemoryGiB != t.MemoryGiB):
			return nil, fmt.Errorf("reading instance types: instanceTypes[%d] %q has %d vCores and %d GiB by its name: remove vcores and memoryGiB", i, in.Name, t.VCores, t.MemoryGiB)
		case !ok && strings.HasPrefix(in.Name, "tinav"):
			return nil, fmt.Errorf("reading instance types: instanceTypes[%d].name %q: a tina type is written tinav6.c4r8p2, with its performance flag, as Outscale returns it", i, in.Name)
		case !ok && (in.Name == "" || in.VCores <= 0 || in.MemoryGiB <= 0 || in.PricePerHour <= 0):
			return nil, fmt.Errorf("reading instance types: instanceTypes[%d] %q is no tina type with a performance flag (tinav6.c4r8p2): it needs name, vcores, memoryGiB and pricePerHour", i, in.Name)
		case in.PricePerHour < 0:
			return nil, fmt.Errorf("reading instance types: instanceTypes[%d].pricePerHour is %v, want EUR/h", i, in.PricePerHour)
		case !ok:
			t = Type{Name: in.Name, VCores: in.VCores, MemoryGiB: in.MemoryGiB}
		}
		t.Price = in.PricePerHour
		seen[in.Name] = true
		out = append(out, t)
	}
	return out, nil
}
