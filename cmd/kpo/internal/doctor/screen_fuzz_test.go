package doctor

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/hostile"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func FuzzScreen(f *testing.F) {
	hostile.Fuzz(f, "doctor", false, func(s hostile.Screen) error {
		c := &command{Session: s.Session, out: output.Add(s.Session, &cobra.Command{}, output.FormatText)}
		return c.print(s.Snapshot, s.Report, []snapshot.Machine{s.Machine})
	})
}
