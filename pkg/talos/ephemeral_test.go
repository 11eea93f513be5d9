package talos_test

import (
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

const gib = 1 << 30

func ephemeral(provisioning string) string {
	return "apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning: {" + provisioning + "}\n"
}

func TestLimitsOfTheEphemeralVolumeAreRead(t *testing.T) {
	given := worker(t, nil)
	for provisioning, want := range map[string]struct {
		minSize, limit uint64
		selects        bool
	}{
		"":                            {},
		"maxSize: 20GiB, grow: false": {limit: 20 * gib},
		"maxSize: 20GB":               {limit: 20e9},
		"minSize: 70GiB":              {minSize: 70 * gib},
		"maxSize: 50%":                {limit: 20 * gib},
		"maxSize: -10GiB":             {limit: 30 * gib},
		"maxSize: -25%":               {limit: 30 * gib},
		"grow: false":                 {}, // it is made as large as the disk all the same
		`diskSelector: {match: "!system_disk"}, minSize: 1GiB`: {minSize: gib, selects: true},
		`diskSelector: {match: system_disk}`:                   {},
	} {
		config, patches := given, []string{ephemeral(provisioning)}
		if provisioning == "" {
			patches = nil
		}
		got, err := talos.ReadEphemeral(config, patches)
		if err != nil {
			t.Fatalf("%q: %v", provisioning, err)
		}
		limit, err := got.Max(40 * gib)
		if err != nil || got.Min != want.minSize || limit != want.limit || got.SelectsDisk != want.selects {
			t.Errorf("%q: min %d, max %d, %v, selects a disk %t, want %+v", provisioning, got.Min, limit, err, got.SelectsDisk, want)
		}
		render(t, config, patches, node())
	}
}

func TestAPatchOverridesTheEphemeralVolumeOfTheWorkerConfig(t *testing.T) {
	given := append(worker(t, nil), []byte("---\n"+ephemeral("maxSize: 20GiB"))...) //nolint:gocritic // a copy is wanted
	for patch, want := range map[string]uint64{ephemeral("maxSize: 30GiB"): 30 * gib, ephemeral("minSize: 1GiB"): 20 * gib} {
		got, err := talos.ReadEphemeral(given, []string{patch})
		if err != nil {
			t.Fatal(err)
		}
		if limit, err := got.Max(40 * gib); err != nil || limit != want {
			t.Errorf("%s: max %d, %v, want %d", patch, limit, err, want)
		}
	}
}

func TestAnEphemeralVolumeOfNothingIsRefused(t *testing.T) {
	got, err := talos.ReadEphemeral(worker(t, nil), []string{ephemeral("maxSize: -50GiB")})
	if err != nil {
		t.Fatal(err)
	}
	if limit, err := got.Max(40 * gib); err == nil {
		t.Errorf("max %d, want an error: nothing is left of the disk", limit)
	}
}
