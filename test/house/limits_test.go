package house

import "flag"

var update = flag.Bool("update", false, "write the table of docs/architecture.md anew")

const (
	maxLines    = 1000
	maxExported = 25
)

// larger are the packages above the limits, each with its reason.
var larger = map[string]string{ //nolint:gochecknoglobals // a table
	"pkg/apis/v1alpha1": "the API is one package for Kubernetes' tools",
	"pkg/ledger":        "the reasons of decisions are one vocabulary, a constant each",
	"test/oapitest":     "one subject, the emulated region, whose calls share their state",
	"test/machines":     "one subject, the simulated machine, from its power button to its kubelet",
	"pkg/gather":        "to be split",
	"pkg/snapshot":      "to be split",
	"pkg/oapi":          "to be split",
	"pkg/vm":            "to be split",
	"test/sandbox":      "one subject, a whole cluster on this machine",
}
