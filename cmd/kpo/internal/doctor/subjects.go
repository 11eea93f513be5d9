package doctor

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// subjectsOf names what has problems, for the next command of a pipe.
func subjectsOf(report diagnose.Report) []output.Name {
	resources := map[string]string{
		"NodeClaim": output.NodeClaim, "Node": output.Node, "VM": output.VM,
		"NodePool": "nodepool.karpenter.sh", "OutscaleNodeClass": "outscalenodeclass." + v1alpha1.Group,
	}
	var out []output.Name
	for _, p := range report.Problems {
		for _, subject := range p.Subjects {
			if resource := resources[subject.Kind]; resource != "" { // a cluster or an account is no target
				out = append(out, output.NameOf(resource, subject.Name))
			}
		}
	}
	return out
}

// goneText says of a VM that is no more what Outscale and the events still tell.
func goneText(t *render.Theme, s *snapshot.Snapshot, v snapshot.VM) string {
	text := "the VM is " + v.State
	if v.StateReason != "" {
		text += " (" + v.StateReason + ")"
	}
	if !v.CreatedAt.IsZero() {
		text += ", it was launched at " + v.CreatedAt.Format(time.RFC3339) + ", " + t.Age(v.CreatedAt) + " ago"
	}
	claim := v.Tags[vm.TagNodeClaim]
	var last corev1.Event
	for _, event := range s.Events {
		named := event.InvolvedObject.Name
		if named != "" && (named == claim || named == v.Tags[vm.TagNodeName]) && snapshot.Seen(event).After(snapshot.Seen(last)) {
			last = event
		}
	}
	if last.Reason != "" {
		text += fmt.Sprintf("; last event of %s %s at %s: %s %s", last.InvolvedObject.Kind, last.InvolvedObject.Name,
			snapshot.Seen(last).UTC().Format(time.RFC3339), last.Reason, last.Message)
	}
	return text
}
