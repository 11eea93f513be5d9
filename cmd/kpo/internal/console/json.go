package console

import (
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/euro"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

// JSON is a console for machines. Moments on it are seconds since the kernel started, as on the console itself:
// a duration would be a bare number of nanoseconds.
type JSON struct {
	VM           string `json:"vm"`
	State        string `json:"state,omitempty"`
	StateReason  string `json:"stateReason,omitempty"`
	StateUnknown string `json:"stateUnknown,omitempty"`
	Report       struct {
		bootlog.Report

		Stages   []stageJSON   `json:"stages"`
		Findings []findingJSON `json:"findings"`
	} `json:"report"`
}

type stageJSON struct {
	bootlog.Stage

	// At takes the place of the duration.
	At        *struct{} `json:"at,omitempty"`
	AtSeconds float64   `json:"atSeconds,omitempty"`
}

type findingJSON struct {
	bootlog.Finding

	// At takes the place of the duration.
	At        *struct{} `json:"at,omitempty"`
	AtSeconds float64   `json:"atSeconds,omitempty"`
}

func (v *view) forMachines() JSON {
	out := JSON{VM: v.VM, State: v.State, StateReason: v.StateReason, StateUnknown: v.StateUnknown}
	out.Report.Report = v.Report
	out.Report.Stages = make([]stageJSON, 0, len(v.Report.Stages))
	for _, stage := range v.Report.Stages {
		out.Report.Stages = append(out.Report.Stages, stageJSON{Stage: stage, AtSeconds: euro.Decimal(stage.At.Seconds())})
	}
	out.Report.Findings = make([]findingJSON, 0, len(v.Report.Findings))
	for _, f := range v.Report.Findings {
		out.Report.Findings = append(out.Report.Findings, findingJSON{Finding: f, AtSeconds: euro.Decimal(f.At.Seconds())})
	}
	return out
}
