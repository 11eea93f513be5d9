package orphans

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/hostile"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
)

func FuzzScreen(f *testing.F) {
	hostile.Fuzz(f, "orphans", true, func(s hostile.Screen) error {
		c := &command{Session: s.Session, out: output.AddTable(s.Session, &cobra.Command{}, nil)}
		l := clusterwide.Leftover{Verdict: clusterwide.Orphan, VM: s.Snapshot.VMs[0], NodeClaim: s.Name, Why: s.Text}
		return c.print(s.Snapshot, []clusterwide.Leftover{l})
	})
}
