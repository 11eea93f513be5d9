package tags

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Patience is how long the tags of a launch may take to appear.
const Patience = 30 * time.Second

// Diff is one tag that a VM lacks or has with another value.
type Diff struct {
	VM        string `json:"vm"`
	NodeClaim string `json:"nodeClaim"`
	Tag       string `json:"tag"`
	Want      string `json:"want"`
	Have      string `json:"have"`
}

// Report is what became of the comparison of tags.
type Report struct {
	Diffs []Diff
	// Compared counts VMs, Young those whose tags may still be on their way, Unknown those of which it is not known what
	// tags they should have: their NodeClass does not exist.
	Compared, Young, Unknown int
}

// Compare compares the tags of all machines that live.
func Compare(s *snapshot.Snapshot) Report {
	w := rule.NewWorld(s)
	var out Report
	for _, m := range w.Machines() {
		want := w.WantedTags(m)
		switch {
		case want == nil:
			if w.Lives(m) {
				out.Unknown++
			}
			continue
		case w.Since(m.VM.CreatedAt) < Patience:
			out.Young++
			continue
		}
		out.Compared++
		missing := vm.MissingTags(m.VM.Core(), want)
		for _, key := range slices.Sorted(maps.Keys(missing)) {
			out.Diffs = append(out.Diffs, Diff{VM: m.VM.ID, NodeClaim: m.Claim.Name, Tag: key, Want: missing[key], Have: m.VM.Tags[key]})
		}
	}
	return out
}

func ccmTags(w *rule.World) rule.Verdict {
	out := differ(isCCMs,
		"the Outscale CCM does not find the VM, and deletes its Node as soon as that is not Ready: seconds after it joins")(w)
	if w.Cluster.ID == "" {
		out.Unknown = append(out.Unknown, facts.UnknownClusterID)
	}
	return out
}

func isOwnership(key string) bool {
	return key == vm.TagManagedBy || key == vm.TagClusterUID || key == vm.TagNodeClaimUID
}

func isCCMs(key string) bool { return strings.HasPrefix(key, "OscK8s") }

func isOther(key string) bool { return !isOwnership(key) && !isCCMs(key) }

// differ makes a rule of the tags that it concerns.
func differ(concerns func(string) bool, cause string) func(*rule.World) rule.Verdict {
	return func(w *rule.World) rule.Verdict {
		var out rule.Verdict
		for _, m := range w.Machines() {
			want := w.WantedTags(m)
			if want == nil || w.Early(m.VM.CreatedAt) {
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
			evidence := []rule.Evidence{{Source: "vm", Text: facts.Short(m.VM.ID + ": " + strings.Join(texts, "; "))}}
			if len(others) > 0 {
				names := strings.Join(slices.Sorted(maps.Keys(others)), ", ")
				evidence = append(evidence, rule.Evidence{Source: "vm", Text: facts.Short("also wrong: " + names)})
			}
			out.Findings = append(out.Findings, rule.Finding{
				Subject: facts.ClaimRef(m, time.Time{}), Confidence: rule.Certain, Cause: cause,
				Evidence: evidence, Next: "kubectl kpo tags " + m.Claim.Name,
				Fix: "the controller puts them back within a minute; if it does not, it is down, or something else removes them",
			})
		}
		return out
	}
}
