package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
)

// rootHelp says where to start, and what a script gets.
func rootHelp() string {
	return fmt.Sprintf(`Find out why a node of Karpenter on Outscale is stuck, and what leaks money.

Start here: kubectl kpo doctor

Exit codes:
  %3d  nothing wrong
  %3d  something is wrong, or nothing matched
  %3d  something needed could not be read: the API server, Outscale, a file
  %3d  the command line is wrong: a flag, an argument, an output format, a target that does not exist
  %3d  Ctrl-C`, exitHealthy, exitFindings, exitTrouble, exitUsage, exitInterrupted)
}

// kubectlFlags are those that every plugin has.
func kubectlFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("kubectl", pflag.ContinueOnError)
	genericclioptions.NewConfigFlags(true).AddFlags(flags)
	return flags
}

// newOptions shows what the help of the commands leaves out, as kubectl options does.
func newOptions(a *session.Session) *cobra.Command {
	return &cobra.Command{
		Use: "options", Short: "Show kubectl's flags, which all commands have", Args: cli.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.Streams.Out, "The following flags of kubectl can be passed to any command:\n\n%s", kubectlFlags().FlagUsages())
			return nil
		},
	}
}

// helpWithoutKubectl leaves kubectl's flags out of the help: 19 of them would bury those of the command. They are hidden
// only while help is printed, so that the shell still completes them.
func helpWithoutKubectl(root *cobra.Command) {
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		kubectlFlags().VisitAll(func(flag *pflag.Flag) { root.PersistentFlags().Lookup(flag.Name).Hidden = true })
		help(cmd, args)
		fmt.Fprintf(cmd.OutOrStdout(), "\n--context, --kubeconfig and all other flags of kubectl work as well: \"%s options\" lists them.\n", root.CommandPath())
	})
}
