package oapitest

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	osc "github.com/outscale/osc-sdk-go/v2"
)

// missing names filters of the OpenAPI file that the emulator refuses loudly, because nothing in it could match.
func missing() map[string][]string {
	return map[string][]string{
		"FiltersVm": {
			"NicLinkNicLinkNicDates", "NicLinkPublicIpLinkPublicIpIds", "NicLinkPublicIpPublicIpIds",
			"NicPrivateIpsLinkPublicIpAccountIds", "NicPrivateIpsLinkPublicIpIds",
		},
		"FiltersImage":  {"Hypervisors", "ProductCodeNames", "VirtualizationTypes"},
		"FiltersNet":    {"IsDefault"},
		"FiltersVolume": {"LinkVolumeLinkDates"},
		"FiltersNic": {
			"LinkPublicIpAccountIds", "LinkPublicIpLinkPublicIpIds", "LinkPublicIpPublicDnsNames", "LinkPublicIpPublicIpIds",
			"PrivateIpsLinkPublicIpAccountIds", "PrivateIpsLinkPublicIpPublicIps",
		},
		"FiltersFlexibleGpu": {"Tags"},
	}
}

func checkFilters[T any](t *testing.T, name string, f filters[T]) {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas[name].Value
	known := append(slices.Collect(maps.Keys(f.paths)), slices.Collect(maps.Keys(f.own))...)
	if hasTags(schema) && !slices.Contains(missing()[name], "Tags") {
		known = append(known, "Tags")
	}
	want := slices.Sorted(maps.Keys(schema.Properties))
	got := slices.Sorted(slices.Values(append(known, missing()[name]...)))
	if !slices.Equal(want, got) {
		t.Errorf("%s: the OpenAPI file has\n%v\nthe emulator\n%v", name, want, got)
	}
	for filter, path := range f.paths {
		if !reaches(reflect.TypeFor[T](), strings.Split(path, ".")) {
			t.Errorf("%s: the filter %s looks at %s, which does not exist", name, filter, path)
		}
	}
}

func hasTags(schema *openapi3.Schema) bool { return schema.Properties["Tags"] != nil }

func reaches(at reflect.Type, steps []string) bool {
	for at.Kind() == reflect.Pointer || at.Kind() == reflect.Slice {
		at = at.Elem()
	}
	if len(steps) == 0 {
		return at.Kind() != reflect.Struct
	}
	if at.Kind() != reflect.Struct {
		return false
	}
	field, ok := at.FieldByName(steps[0])
	return ok && reaches(field.Type, steps[1:])
}

func TestFiltersAreThoseOfTheOpenAPIFile(t *testing.T) {
	checkFilters(t, "FiltersVm", vmFilters())
	checkFilters(t, "FiltersVmsState", vmStateFilters())
	checkFilters(t, "FiltersVmsStopHistory", stopHistoryFilters())
	checkFilters(t, "FiltersImage", imageFilters())
	checkFilters(t, "FiltersSubnet", subnetFilters())
	checkFilters(t, "FiltersNet", netFilters())
	checkFilters(t, "FiltersSecurityGroup", securityGroupFilters())
	checkFilters(t, "FiltersVolume", volumeFilters())
	checkFilters(t, "FiltersNic", nicFilters())
	checkFilters(t, "FiltersVmType", vmTypeFilters())
	checkFilters(t, "FiltersApiLog", apiLogFilters())
	checkFilters(t, "FiltersFlexibleGpu", gpuFilters())
}

func TestEveryActionIsInTheOpenAPIFileAndPublicOnesAreDocumentedSo(t *testing.T) {
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range actions() {
		item := doc.Paths.Find("/" + name)
		if item == nil {
			t.Errorf("%s is not in the OpenAPI file", name)
			continue
		}
		if open := item.Post.Security != nil && len(*item.Post.Security) == 0; open != a.public {
			t.Errorf("%s: needs no signature: %t, documented %t", name, a.public, open)
		}
	}
}

func TestAnswersThatBreakTheContractAreReported(t *testing.T) {
	for body, broken := range map[string]bool{
		`{"Vms":[{"VmId":"i-1"}],"ResponseContext":{"RequestId":"x"}}`: false,
		`{"Vms":[{"VmID":"i-1"}]}`:                                     true,
		`{"Vms":[{"LaunchNumber":"0"}]}`:                               true,
		`{"Vms":null}`:                                                 true,
		`no JSON`:                                                      true,
	} {
		var reports []error
		r := &Region{ContractViolation: func(err error) { reports = append(reports, err) }}
		r.once.Do(r.setup)
		r.checkResponse("ReadVms", 200, []byte(body))
		if (len(reports) > 0) != broken {
			t.Errorf("%s: reports %v", body, reports)
		}
	}
}

func TestFilterValuesAreComparedAsText(t *testing.T) {
	item := osc.VmType{MemorySize: new(float32(3.75)), VcoreCount: new(int32(1000000)), BsuOptimized: new(true)}
	for path, want := range map[string]string{"MemorySize": "3.75", "VcoreCount": "1000000", "BsuOptimized": "true"} {
		if got := valuesAt(item, []string{path}); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
	if got, err := filterValues("VcoreCounts", []byte(`[1000000]`)); err != nil || got[0] != "1000000" {
		t.Errorf("value %v, error %v", got, err)
	}
}
