package types

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/hostile"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
)

func FuzzScreen(f *testing.F) {
	hostile.Fuzz(f, "types", true, func(s hostile.Screen) error {
		c := &command{Session: s.Session, out: output.AddTable(s.Session, &cobra.Command{}, nil)}
		row := Row{Name: "tinav7.c4r8p1", NodeClass: s.Name, Subregions: []string{s.Text}}
		return c.print(s.Snapshot, typeList{rows: []Row{row}})
	})
}
