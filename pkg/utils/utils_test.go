package utils_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
)

func TestProviderIDIsWhatTheCCMWrites(t *testing.T) {
	if got, want := utils.ProviderID("eu-west-2a", "i-0a1b2c3d"), "aws:///eu-west-2a/i-0a1b2c3d"; got != want {
		t.Errorf("provider ID %q, want %q", got, want)
	}
}

func TestProviderIDIsParsedBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subregion := rapid.StringMatching(`[a-z]{2,8}-[a-z]{4,5}-[12][abc]`).Draw(t, "subregion")
		id := rapid.StringMatching(`i-[0-9a-f]{8}`).Draw(t, "id")
		got, err := utils.ParseProviderID(utils.ProviderID(subregion, id))
		if err != nil || got != id {
			t.Fatalf("parsed %q, %v, want %q", got, err, id)
		}
	})
}

func TestEveryFormInUseNamesTheVM(t *testing.T) {
	for _, form := range []string{
		"aws:///eu-west-2a/i-0a1b2c3d", "osc:///eu-west-2a/i-0a1b2c3d", "aws://eu-west-2a/i-0a1b2c3d", "aws:///i-0a1b2c3d", "i-0a1b2c3d",
	} {
		if got, err := utils.ParseProviderID(form); err != nil || got != "i-0a1b2c3d" {
			t.Errorf("%q: %q, %v", form, got, err)
		}
	}
}

func TestForeignProviderIDNamesNoVM(t *testing.T) {
	for _, foreign := range []string{
		"", "aws:///eu-west-2a/", "Provider:///AZ/i-01234567890123456", "kwok://node-1", "gce:///eu-west-2a/i-0a1b2c3d", "AWS:///eu-west-2a/i-0a1b2c3d",
		"aws:///eu-west-2a/vol-0a1b2c3d", "i-0a1b2c3", "i-0A1B2C3D", "i-0a1b2c3d4", "aws:///eu-west-1a/i-0a1b2c3d4e5f60718", "i-0a1b2c3d\n", "xi-0a1b2c3d", "i-0a1b2c3d/",
	} {
		if id, err := utils.ParseProviderID(foreign); err == nil {
			t.Errorf("%q was taken for VM %q", foreign, id)
		} else if !strings.Contains(err.Error(), "aws:///<subregion>/<vm-id>") {
			t.Errorf("%q: the error does not say what is wanted: %v", foreign, err)
		}
	}
}

func TestShortNodeClaimGivesItsNameToTheNode(t *testing.T) {
	for _, name := range []string{"default-x7k2p", strings.Repeat("a", 63)} {
		if got := utils.NodeName(name); got != name {
			t.Errorf("node name %q, want %q", got, name)
		}
	}
}

func TestNodeNameIsAHostnameWhateverTheNodeClaim(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	rapid.Check(t, func(t *rapid.T) {
		name := drawName(t, "name")
		if got := utils.NodeName(name); !label.MatchString(got) || got != utils.NodeName(name) {
			t.Fatalf("node name of %q is %q", name, got)
		}
	})
}

func TestTwoNodeClaimsNeverShareANodeName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.StringMatching(`[a-z0-9]{55,66}`).Draw(t, "start")
		a, b := start+drawName(t, "a"), start+drawName(t, "b")
		if a != b && utils.NodeName(a) == utils.NodeName(b) {
			t.Fatalf("%q and %q are both %q", a, b, utils.NodeName(a))
		}
	})
	if utils.NodeName("a.b") == utils.NodeName("a-b") {
		t.Error("a.b and a-b share a node name")
	}
}

// drawName draws a name that Kubernetes takes for a NodeClaim.
func drawName(t *rapid.T, label string) string {
	name := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?){0,4}`).Draw(t, label)
	return name[:min(len(name), 253)]
}

func TestHostnameOfAnAddressIsTheMetadataServices(t *testing.T) {
	for ip, want := range map[string]string{
		"10.0.1.88": "ip-10-0-1-88", "10.0.0.4": "ip-10-0-0-4", "": "", "fd00::1": "", "10.0.1": "", "10.0.1.256": "", "::ffff:10.0.1.88": "", "10.0.1.88/24": "",
	} {
		if got := utils.IPToHostname(ip); got != want {
			t.Errorf("%q: %q, want %q", ip, got, want)
		}
	}
}
