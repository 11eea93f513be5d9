package owner_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func judged() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func home() vm.Cluster { return vm.Cluster{Name: "prod", ID: "prod-id", UID: "uid-1"} }

// twin has the name of home, as a cluster that was made anew does.
func twin() vm.Cluster { return vm.Cluster{Name: "prod", ID: "prod-id", UID: "uid-2"} }

func lost() vm.Owner { return vm.Owner{NodeClaim: "default-a", NodeClaimUID: "claim-1"} }

// leaked is a VM of ours that may be deleted: each case changes one fact of it.
func leaked(edits ...func(*owner.Facts)) owner.Facts {
	f := owner.Facts{Now: judged(), VM: vm.VM{
		ID: "i-00000001", State: vm.StateRunning, Tags: home().Tags(lost(), nil),
		ClientToken: home().Token(lost(), "tinav6.c2r4p2", "subnet-1"), CreatedAt: judged().Add(-time.Hour),
	}}
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

func untag(f *owner.Facts)     { f.VM.Tags = nil }
func loseToken(f *owner.Facts) { f.VM.ClientToken = "" }
func retag(f *owner.Facts)     { f.VM.Tags = twin().Tags(lost(), nil) }
func foreignToken(f *owner.Facts) {
	f.VM.ClientToken = twin().Token(lost(), "tinav6.c2r4p2", "subnet-1")
}
func state(s string) func(*owner.Facts) { return func(f *owner.Facts) { f.VM.State = s } }
func aged(d time.Duration) func(*owner.Facts) {
	return func(f *owner.Facts) { f.VM.CreatedAt = judged().Add(-d) }
}

func TestJudgement(t *testing.T) {
	for name, tt := range map[string]struct {
		facts owner.Facts
		whose owner.Whose
		keep  owner.Reason
		why   string
	}{
		"leaked":                     {leaked(), owner.Ours, "", "no NodeClaim"},
		"leaked, its token is gone":  {leaked(loseToken), owner.Ours, "", "no NodeClaim"},
		"leaked, its tags are lost":  {leaked(untag), owner.Ours, "", "without our tags"},
		"leaked and stopped":         {leaked(state(vm.StateStopped)), owner.Ours, "", ""},
		"leaked and quarantined":     {leaked(state(vm.StateQuarantine)), owner.Ours, "", ""},
		"retagged, our client token": {leaked(retag), owner.Ours, "", "without our tags"},
		"our tags, another's token":  {leaked(foreignToken), owner.Ours, "", ""},

		"another cluster of our name":   {leaked(retag, foreignToken), owner.Foreign, owner.NotOurs, "uid-2"},
		"another's UID and no token":    {leaked(retag, loseToken), owner.Foreign, owner.NotOurs, "uid-2"},
		"another's token, no tags":      {leaked(untag, foreignToken), owner.Unknown, owner.NotOurs, "neither"},
		"nothing at all":                {leaked(untag, loseToken), owner.Unknown, owner.NotOurs, "neither"},
		"our name only":                 {leaked(loseToken, without(vm.TagClusterUID)), owner.Unknown, owner.NotOurs, "neither"},
		"our UID only":                  {leaked(loseToken, without(vm.TagManagedBy)), owner.Unknown, owner.NotOurs, "neither"},
		"our name, an empty UID":        {leaked(loseToken, tagged(vm.TagClusterUID, "")), owner.Unknown, owner.NotOurs, "neither"},
		"our name in other letters":     {leaked(loseToken, tagged(vm.TagManagedBy, "Prod")), owner.Unknown, owner.NotOurs, "neither"},
		"a token that begins like ours": {leaked(untag, token("kpo-")), owner.Unknown, owner.NotOurs, "neither"},

		"shutting down":             {leaked(state(vm.StateShuttingDown)), owner.Ours, owner.Leaving, "deleting"},
		"terminated":                {leaked(state(vm.StateTerminated)), owner.Ours, owner.Leaving, "deleting"},
		"another's, shutting down":  {leaked(retag, loseToken, state(vm.StateShuttingDown)), owner.Foreign, owner.Leaving, "deleting"},
		"wanted":                    {leaked(claimed), owner.Ours, owner.Claimed, "default-b"},
		"wanted, its tags are lost": {leaked(claimed, untag), owner.Ours, owner.Claimed, "default-b"},
		"wanted, not ours":          {leaked(claimed, untag, loseToken), owner.Unknown, owner.NotOurs, "neither"},
		"its Node is Ready":         {leaked(ready), owner.Ours, owner.NodeReady, "node-1"},
		"its age is not known":      {leaked(ageless), owner.Ours, owner.AgeUnknown, "age"},
		"just launched":             {leaked(aged(0)), owner.Ours, owner.Young, "adopted"},
		"as old as a launch takes":  {leaked(aged(5 * time.Minute)), owner.Ours, owner.Young, "adopted"},
		"at the limit":              {leaked(aged(6 * time.Minute)), owner.Ours, owner.Young, "adopted"},
		"just over the limit":       {leaked(aged(6*time.Minute + time.Second)), owner.Ours, "", ""},
		"of tomorrow":               {leaked(aged(-24 * time.Hour)), owner.Ours, owner.Young, "adopted"},
		"protected":                 {leaked(protected), owner.Ours, owner.Protected, "DeletionProtection"},
		"protected and young":       {leaked(protected, aged(time.Minute)), owner.Ours, owner.Young, "adopted"},
	} {
		got := owner.Judge(home(), tt.facts)
		if got.Whose != tt.whose || got.Keep != tt.keep || !strings.Contains(got.Why, tt.why) {
			t.Errorf("%s: %+v, want %s, keep %q, because of %q", name, got, tt.whose, tt.keep, tt.why)
		}
		if want := tt.whose == owner.Ours && tt.keep == ""; got.MayDelete() != want {
			t.Errorf("%s: may be deleted is %t, want %t", name, got.MayDelete(), want)
		}
	}
}

func without(tag string) func(*owner.Facts) { return func(f *owner.Facts) { delete(f.VM.Tags, tag) } }

func tagged(tag, value string) func(*owner.Facts) {
	return func(f *owner.Facts) { f.VM.Tags[tag] = value }
}

func token(s string) func(*owner.Facts) { return func(f *owner.Facts) { f.VM.ClientToken = s } }

func claimed(f *owner.Facts)   { f.NodeClaim = "default-b" }
func ready(f *owner.Facts)     { f.ReadyNode = "node-1" }
func ageless(f *owner.Facts)   { f.VM.CreatedAt = time.Time{} }
func protected(f *owner.Facts) { f.Protected = true }

// A kpo that could not read kube-system compares the empty UID with tags that are not there.
func TestAClusterWithoutUIDOwnsNothing(t *testing.T) {
	nameless := home()
	nameless.UID = ""
	for name, f := range map[string]owner.Facts{
		"tags of no UID": leaked(loseToken, without(vm.TagClusterUID)),
		"all tags":       leaked(),
	} {
		if got := owner.Judge(nameless, f); got.MayDelete() || got.Whose != owner.Unknown {
			t.Errorf("%s: %+v, want unknown", name, got)
		}
	}
}

func TestANodeClaimWantsItsVMOrTheOneThatItMayAdopt(t *testing.T) {
	claim := func(name, uid, providerID string) karpv1.NodeClaim {
		out := karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid)}}
		out.Status.ProviderID = providerID
		return out
	}
	v := leaked().VM
	for name, tt := range map[string]struct {
		claim karpv1.NodeClaim
		v     vm.VM
		want  string
	}{
		"by provider ID":                 {claim("a", "other", "aws:///eu-west-2a/i-00000001"), v, "a"},
		"by the CCM's other spelling":    {claim("a", "other", "osc:///eu-west-2a/i-00000001"), v, "a"},
		"launching, by the tag":          {claim("a", "claim-1", ""), leaked(loseToken).VM, "a"},
		"launching, by the client token": {claim("a", "claim-1", ""), leaked(untag).VM, "a"},
		"launching, another's VM":        {claim("a", "claim-2", ""), v, ""},
		// Two VMs were launched for it, and it has the other one.
		"has another VM": {claim("a", "claim-1", "aws:///eu-west-2a/i-00000002"), v, ""},
	} {
		if got := owner.ClaimsOf(home(), []karpv1.NodeClaim{tt.claim}).Of(tt.v); got != tt.want {
			t.Errorf("%s: NodeClaim %q, want %q", name, got, tt.want)
		}
	}
}
