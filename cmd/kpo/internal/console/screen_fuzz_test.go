package console

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/hostile"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

func FuzzScreen(f *testing.F) {
	hostile.Fuzz(f, "console", false, func(s hostile.Screen) error {
		c := &command{Session: s.Session, out: output.Add(s.Session, &cobra.Command{}, output.FormatText)}
		stages := []bootlog.Stage{{Name: "ready", Title: "node ready", State: bootlog.Failed}}
		finding := bootlog.Finding{
			ID: "join.token", Severity: bootlog.Fatal, Stage: "ready", Text: s.Text, Diagnosis: s.Text, Remedy: s.Text,
		}
		report := bootlog.Report{Lines: 1, Stages: stages, Findings: []bootlog.Finding{finding}}
		c.print(view{VM: "i-7", State: s.Text, StateReason: s.Text, Report: report}, s.Name)
		c.print(view{VM: "i-7", StateUnknown: s.Text, Report: bootlog.Report{Stages: stages}}, s.Name)
		return nil
	})
}
