package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
)

// shim lets kubectl (1.26 and later) complete "kubectl kpo".
const shim = `#!/bin/sh
# Put this file as kubectl_complete-kpo, executable, into a directory of PATH.
exec kubectl kpo __complete "$@"
`

func newCompletion(a *session.Session) *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print the completion for bash, zsh, fish, powershell, or kubectl itself",
		Long: "Print the completion for a shell, or with kubectl the file kubectl_complete-kpo that completes \"kubectl kpo\".",
		Example: "  kubectl kpo completion kubectl > /usr/local/bin/kubectl_complete-kpo && chmod +x /usr/local/bin/kubectl_complete-kpo\n" +
			"  source <(kubectl-kpo completion bash)",
		ValidArgs: shells(),
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cli.OneArg("a shell", "one of "+strings.Join(shells(), ", "))(cmd, args); err != nil {
				return err
			}
			if !slices.Contains(shells(), args[0]) {
				return cli.Hint(fmt.Errorf("no completion for shell %q", args[0]), "one of "+strings.Join(shells(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeCompletion(cmd.Root(), a.Streams.Out, args[0])
		},
	}
}

// shells are those with a completion; kubectl is none, and completes its plugins.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell", "kubectl"} }

func writeCompletion(root *cobra.Command, to io.Writer, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(to, true)
	case "zsh":
		return root.GenZshCompletion(to)
	case "fish":
		return root.GenFishCompletion(to, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(to)
	default:
		_, err := fmt.Fprint(to, shim)
		return err
	}
}
