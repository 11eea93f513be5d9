package cloudprovider_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func apart(c *v1alpha1.OutscaleNodeClass) {
	c.Spec.Placement = &v1alpha1.Placement{RepulseServer: "web", AttractCluster: "paris", Strict: true}
}

func TestThePlacementIsInTheCallThatMakesTheVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, apart)
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Fatal(err)
	}
	tags := w.machines()[0].Tags
	for key, group := range map[string]string{"osc.fcu.repulse_server_strict": "web", "osc.fcu.attract_cluster_strict": "paris"} {
		if tags[key] != group {
			t.Errorf("tag %s is %q, want %q", key, tags[key], group)
		}
	}
	if n := w.region.Calls()["CreateTags"]; n != 0 {
		t.Errorf("CreateTags was sent %d times: the server is chosen by then", n)
	}
}

// The servers of a strict class are full, and not those of the type: another class still has room.
func TestAClassThatIsStrictAboutServersSellsNothingOutForOthers(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, apart)
	for _, subnet := range w.region.Fixture().Subnets {
		w.region.SetServers(subnet.Subregion, 1)
	}
	w.addClass(t, "other", func(*v1alpha1.OutscaleNodeClass) {})
	before, made := w.offered(t, "other"), 0
	for _, name := range []string{"default-a1", "default-a2", "default-a3", "default-a4"} {
		_, err := w.Create(ctx(t), claim(name))
		switch {
		case err == nil:
			made++
		case !cloudprovider.IsInsufficientCapacityError(err):
			t.Errorf("%s: %v, want insufficient capacity", name, err)
		}
	}
	places := map[string]bool{}
	for _, subnet := range w.region.Fixture().Subnets {
		places[subnet.Subregion] = true
	}
	if made != len(places) {
		t.Errorf("%d VMs for one server in each of %d subregions", made, len(places))
	}
	if after := w.offered(t, "other"); after != before {
		t.Errorf("another class is offered %d of %d", after, before)
	}
	if _, err := w.Create(ctx(t), of("other", "other-a1")); err != nil {
		t.Errorf("another class: %v", err)
	}
}

func TestAPlacementWithoutTheSectionIsRefusedByName(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, apart)
	w.noSection = true
	w.restart(t)
	_, err := w.Create(ctx(t), claim("default-a1"))
	if !cloudprovider.IsNodeClassNotReadyError(err) || !strings.Contains(err.Error(), "settings.tagsInUserData") {
		t.Errorf("%v, want what to change", err)
	}
	if got := len(w.machines()); got != 0 {
		t.Errorf("%d VMs, placed anywhere", got)
	}
}
