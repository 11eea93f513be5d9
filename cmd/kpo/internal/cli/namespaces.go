package cli

import (
	"errors"

	"github.com/spf13/pflag"
)

// RefuseNamespaces takes -n and -A, to refuse them with a sentence: NodeClaims, Nodes and VMs have no namespace, and a
// command that accepts -n and shows the whole cluster misleads whoever typed it.
func RefuseNamespaces(flags *pflag.FlagSet) {
	flags.BoolP("all-namespaces", "A", false, "Refused: kpo always reads all namespaces.")
	for _, hidden := range []string{"namespace", "all-namespaces"} {
		_ = flags.MarkHidden(hidden) // the flag is there
	}
}

// CheckNamespaces refuses -n, unless a pod may be meant, and -A.
func CheckNamespaces(flags *pflag.FlagSet, targets []string) error {
	switch {
	case flags.Changed("namespace") && len(targets) > 0:
		return nil // a pod may be among them
	case flags.Changed("namespace"):
		return Hint(
			errors.New("-n does not apply: NodeClaims, Nodes and VMs have no namespace, and kpo reads the whole cluster"),
			"leave -n out, or name a pod of that namespace",
		)
	case flags.Changed("all-namespaces"):
		return Hint(errors.New("-A does not apply: kpo always reads all namespaces"), "leave -A out")
	default:
		return nil
	}
}
