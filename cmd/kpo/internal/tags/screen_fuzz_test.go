package tags

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/hostile"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
)

func FuzzScreen(f *testing.F) {
	hostile.Fuzz(f, "tags", true, func(s hostile.Screen) error {
		c := &command{Session: s.Session, out: output.AddTable(s.Session, &cobra.Command{}, nil)}
		d := tags.Diff{VM: "i-7", NodeClaim: s.Name, Tag: "OscK8sNodeName", Want: s.Name, Have: s.Text}
		return c.print(s.Snapshot, tags.Report{Diffs: []tags.Diff{d}, Compared: 1, Young: 1})
	})
}
