package diagnose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// TagPatience is how long the tags of a launch may take to appear.
const TagPatience = 30 * time.Second

// TagDiff is one tag that a VM lacks or has with another value.
type TagDiff struct {
	VM        string `json:"vm"`
	NodeClaim string `json:"nodeClaim"`
	Tag       string `json:"tag"`
	Want      string `json:"want"`
	Have      string `json:"have"`
}

// TagReport is what became of the comparison of tags.
type TagReport struct {
	Diffs []TagDiff
	// Compared counts VMs, Young those whose tags may still be on their way, Unknown those of which it is not known what
	// tags they should have: their NodeClass does not exist.
	Compared, Young, Unknown int
}

// Tags compares the tags of all machines that live.
func Tags(s *fleet.Snapshot) TagReport {
	w := newWorld(s)
	var out TagReport
	for _, m := range w.machines {
		want := w.wantedTags(m)
		switch {
		case want == nil:
			if lives(m) {
				out.Unknown++
			}
			continue
		case w.tagsAreYoung(m):
			out.Young++
			continue
		}
		out.Compared++
		missing := vm.MissingTags(m.VM.Core(), want)
		for _, key := range slices.Sorted(maps.Keys(missing)) {
			out.Diffs = append(out.Diffs, TagDiff{VM: m.VM.ID, NodeClaim: m.Claim.Name, Tag: key, Want: missing[key], Have: m.VM.Tags[key]})
		}
	}
	return out
}

// tagsAreYoung reports whether the launch may still be setting the tags.
func (w *World) tagsAreYoung(m fleet.Machine) bool { return w.since(m.VM.CreatedAt) < TagPatience }

// lives reports whether the machine has a VM that stays.
func lives(m fleet.Machine) bool {
	return m.Claim != nil && m.VM != nil && m.Claim.DeletionTimestamp.IsZero() && !m.VM.Core().Leaving()
}

// wantedTags are the tags that the operator's own code would set, nil for a machine that does not live. They must not be
// changed.
func (w *World) wantedTags(m fleet.Machine) map[string]string {
	if m.Claim == nil {
		return nil
	}
	want, known := w.wanted[m.Claim.Name]
	if !known {
		want = w.makeTags(m)
		w.wanted[m.Claim.Name] = want
	}
	return want
}

func (w *World) makeTags(m fleet.Machine) map[string]string {
	switch {
	case !lives(m) || m.Claim.Spec.NodeClassRef == nil,
		w.Cluster.Name == "" || w.Cluster.UID == "":
		return nil
	}
	class := w.classes[m.Claim.Spec.NodeClassRef.Name]
	if class == nil {
		return nil
	}
	want := w.Cluster.Owned().Tags(owner.WithHash(m.Claim, class, m.VM.PrivateIP, w.hashes[class.Name]), nil)
	if w.Cluster.ID == "" {
		maps.DeleteFunc(want, func(key, _ string) bool { return strings.HasPrefix(key, fleet.TagClusterID) })
	}
	return want
}

func tagChecks() []Check {
	needs := []fleet.Source{fleet.SourceVMs, fleet.SourceNodeClaims, fleet.SourceNodeClasses, fleet.SourceClusterUID, fleet.SourceClusterNames}
	return []Check{
		{ID: "KPO405", Title: "ownership tags missing", Severity: Error, Needs: needs, Find: tagFindings(isOwnership,
			"without karpenter.sh/managed-by the controller does not list the VM, and Karpenter deletes its NodeClaim as if it were gone")},
		{ID: "KPO406", Title: "CCM tags missing", Severity: Error, Needs: needs, ExplainedBy: []string{"KPO405"}, Find: ccmTags},
		{ID: "KPO407", Title: "other tags differ", Severity: Warning, Needs: needs, ExplainedBy: []string{"KPO405", "KPO406"}, Find: tagFindings(func(key string) bool { return !isOwnership(key) && !isCCMs(key) },
			"tags for people and tools differ from what the controller sets")},
	}
}

// unknownClusterID is why the tag of the CCM's cluster ID is not compared.
const unknownClusterID = "the controller's cluster ID is not known: neither its Deployment nor the tags of its VMs tell it; use --cluster-id"

func ccmTags(w *World) Verdict {
	out := tagFindings(isCCMs,
		"the Outscale CCM does not find the VM, and deletes its Node as soon as that is not Ready: seconds after it joins")(w)
	if w.Cluster.ID == "" {
		out.Unknown = append(out.Unknown, unknownClusterID)
	}
	return out
}

func isOwnership(key string) bool {
	return key == vm.TagManagedBy || key == vm.TagClusterUID || key == vm.TagNodeClaimUID
}

func isCCMs(key string) bool { return strings.HasPrefix(key, "OscK8s") }

func tagFindings(concerns func(string) bool, cause string) func(*World) Verdict {
	return func(w *World) Verdict {
		var out Verdict
		for _, m := range w.machines {
			want := w.wantedTags(m)
			if want == nil || w.tagsAreYoung(m) {
				continue
			}
			missing := vm.MissingTags(m.VM.Core(), want)
			others := maps.Clone(missing)
			maps.DeleteFunc(others, func(key, _ string) bool { return concerns(key) })
			maps.DeleteFunc(missing, func(key, _ string) bool { return !concerns(key) })
			if len(missing) == 0 {
				continue
			}
			var texts []string
			for _, key := range slices.Sorted(maps.Keys(missing)) {
				texts = append(texts, fmt.Sprintf("%s is %q, want %q", key, m.VM.Tags[key], missing[key]))
			}
			evidence := []Evidence{{Source: "vm", Text: short(m.VM.ID + ": " + strings.Join(texts, "; "))}}
			if len(others) > 0 {
				names := strings.Join(slices.Sorted(maps.Keys(others)), ", ")
				evidence = append(evidence, Evidence{Source: "vm", Text: short("also wrong: " + names)})
			}
			out.Findings = append(out.Findings, Finding{
				Subject: claimRef(m, time.Time{}), Confidence: Certain, Cause: cause,
				Evidence: evidence, Next: "kubectl kpo tags " + m.Claim.Name,
				Fix: "the controller puts them back within a minute; if it does not, it is down, or something else removes them",
			})
		}
		return out
	}
}
