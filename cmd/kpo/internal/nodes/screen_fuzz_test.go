package nodes

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/hostile"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func FuzzScreen(f *testing.F) {
	hostile.Fuzz(f, "nodes", true, func(s hostile.Screen) error {
		c := &command{Session: s.Session, out: output.AddTable(s.Session, &cobra.Command{}, nil)}
		rows := machineRows(s.Snapshot, []snapshot.Machine{s.Machine})
		rows[0].Notes = append(rows[0].Notes, s.Text)
		return c.print(s.Snapshot, rows)
	})
}
