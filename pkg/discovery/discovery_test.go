package discovery_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func newProvider(t *testing.T) (*oapitest.Region, *discovery.Provider) {
	t.Helper()
	region := &oapitest.Region{Subregions: 3}
	return region, discovery.NewProvider(account.Client(t, region))
}

func fail(t *testing.T, region *oapitest.Region, call, code string) {
	t.Helper()
	region.ClearFaults()
	if err := region.AddFault(oapitest.Fault{Call: call, Kind: oapitest.FaultError, Code: code, Status: http.StatusBadRequest}); err != nil {
		t.Fatal(err)
	}
}

func TestImageTellsItsTalosVersionAndItsRoot(t *testing.T) {
	region, provider := newProvider(t)
	fixture := region.Fixture()
	image, found, err := provider.Image(t.Context(), fixture.ImageID)
	want := discovery.Image{ID: fixture.ImageID, Name: "talos-v1.13.0-amd64", State: "available", TalosVersion: "v1.13.0", RootGiB: image.RootGiB}
	if diff := cmp.Diff(want, image); diff != "" || !found || err != nil || image.RootGiB <= 0 {
		t.Errorf("%t, %v, image (-want +got):\n%s", found, err, diff)
	}
	if other, found, err := provider.Image(t.Context(), fixture.OtherImageID); err != nil || !found || other.TalosVersion != "" {
		t.Errorf("an image of another system: %+v, %t, %v", other, found, err)
	}
}

func TestTalosVersionIsReadFromTheNameWhereThereIsNoTag(t *testing.T) {
	for name, want := range map[string]string{
		"talos-v1.12.4-amd64": "v1.12.4", "Talos-outscale-v1.13.0": "v1.13.0", "talos-latest": "", "my-talos-v1.12.4": "", "talos-v1.13": "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"Images":[{"ImageId":"ami-00000001","ImageName":"` + name + `","State":"pending"}]}`))
		}))
		provider := discovery.NewProvider(account.ClientAt(t, &oapitest.Region{}, server.URL))
		if image, found, err := provider.Image(t.Context(), "ami-00000001"); image.TalosVersion != want || !found || err != nil || image.State != "pending" || image.RootGiB != 0 {
			t.Errorf("%s: %+v, %t, %v, want %q", name, image, found, err, want)
		}
		server.Close()
	}
}

func TestSubnetsComeInTheOrderAskedWithoutTheMissing(t *testing.T) {
	region, provider := newProvider(t)
	fixture := region.Fixture()
	ids := []string{fixture.Subnets[2].ID, "subnet-00000000", fixture.Subnets[0].ID}
	subnets, err := provider.Subnets(t.Context(), ids)
	if err != nil || len(subnets) != 2 {
		t.Fatalf("%+v, %v", subnets, err)
	}
	for i, want := range []oapitest.Subnet{fixture.Subnets[2], fixture.Subnets[0]} {
		got := subnets[i]
		if got.ID != want.ID || got.Subregion != want.Subregion || got.CIDR != want.CIDR || got.NetID != fixture.NetID || got.AvailableIPs < 200 || got.AvailableIPs > 251 {
			t.Errorf("subnet %d: %+v, want %+v", i, got, want)
		}
	}
}

func TestSecurityGroupsAndKeypairsAreFoundOrNot(t *testing.T) {
	region, provider := newProvider(t)
	fixture := region.Fixture()
	groups, err := provider.SecurityGroups(t.Context(), []string{fixture.WorkerSecurityGroupID, "sg-00000000"})
	want := []discovery.SecurityGroup{{ID: fixture.WorkerSecurityGroupID, Name: "workers", NetID: fixture.NetID}}
	if diff := cmp.Diff(want, groups); diff != "" || err != nil {
		t.Errorf("%v, groups (-want +got):\n%s", err, diff)
	}
	for name, want := range map[string]bool{fixture.KeypairName: true, "nobody": false} {
		if got, err := provider.HasKeypair(t.Context(), name); err != nil || got != want {
			t.Errorf("keypair %s: %t, %v", name, got, err)
		}
	}
}

// An ID that no longer exists is a finding, whichever way the API words it; anything else means that the look failed.
func TestMissingIsNotAnErrorAndAnErrorIsNotMissing(t *testing.T) {
	region, provider := newProvider(t)
	ctx := t.Context()
	lookups := []struct {
		call, missing, what string
		do                  func() (bool, error)
	}{
		{"ReadImages", "5023", "ami-00000000", func() (bool, error) {
			_, found, err := provider.Image(ctx, "ami-00000000")
			return found, err
		}},
		{"ReadSubnets", "5057", "subnet-00000000", func() (bool, error) {
			found, err := provider.Subnets(ctx, []string{"subnet-00000000"})
			return len(found) > 0, err
		}},
		{"ReadSecurityGroups", "5020", "sg-00000000", func() (bool, error) {
			found, err := provider.SecurityGroups(ctx, []string{"sg-00000000"})
			return len(found) > 0, err
		}},
		{"ReadSnapshots", "5054", "snap-00000000", func() (bool, error) {
			found, err := provider.Snapshots(ctx, []string{"snap-00000000"})
			return len(found) > 0, err
		}},
		{"ReadKeypairs", "5071", "nobody", func() (bool, error) { return provider.HasKeypair(ctx, "nobody") }},
	}
	for _, l := range lookups {
		region.ClearFaults()
		if found, err := l.do(); found || err != nil {
			t.Errorf("%s with an empty answer: %t, %v", l.call, found, err)
		}
		fail(t, region, l.call, l.missing)
		if found, err := l.do(); found || err != nil {
			t.Errorf("%s with code %s: %t, %v", l.call, l.missing, found, err)
		}
		fail(t, region, l.call, "4104")
		if found, err := l.do(); found || err == nil || !strings.Contains(err.Error(), l.what) {
			t.Errorf("%s with code 4104: %t, %v, want an error that names %s", l.call, found, err, l.what)
		}
	}
}
