package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

const (
	groupDiagnose = "diagnose"
	groupInspect  = "inspect"
	groupSupport  = "support"
)

// newRoot builds the tree of commands. Nothing is opened here: completion parses it at each keystroke.
func newRoot(a *app, name string) *cobra.Command {
	cobra.EnableCommandSorting = false // doctor comes first
	root := &cobra.Command{
		Use:   name,
		Short: "Find out why a node of Karpenter on Outscale is stuck, and what leaks money",
		Long:  rootHelp(),
		Args:  noArgs, SilenceUsage: true, SilenceErrors: true,
		Version: version.Version,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			return usage(errors.Join(checkNamespaces(cmd.Flags(), args), a.checkFlags()))
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	if name != "kpo" {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl kpo"}
	}
	root.SetIn(a.streams.In)
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.ErrOut)
	root.SetVersionTemplate("kpo {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	a.kube.AddFlags(flags)
	refuseNamespaces(flags)
	flags.StringVar(&a.from, "from", "", "Read a bundle file instead of the live cluster; - is stdin.")
	flags.StringVar(&a.cloud, "cloud", "auto", "Access to Outscale: auto (OSC_* variables, then ~/.osc/config.json) or off.")
	flags.StringVar(&a.profile, "osc-profile", "", "Profile of ~/.osc/config.json.")
	flags.BoolVar(&a.retryRefused, "retry-refused", false, "Send to Outscale although it refused this key a moment ago: four refusals lock the account.")
	flags.StringVar(&a.clusterName, "cluster-name", "", "Name of the cluster in the VMs' tags, where the controller's Deployment does not say.")
	flags.StringVar(&a.clusterID, "cluster-id", "", "Cluster ID of the Outscale CCM, where the controller's Deployment does not say.")
	flags.StringVar(&a.color, "color", "auto", "Colours: auto, always or never.")
	flags.StringVar(&a.symbols, "symbols", "auto", "Symbols: auto, unicode or ascii.")
	for flag, values := range choices() {
		_ = root.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	}
	root.AddGroup(
		&cobra.Group{ID: groupDiagnose, Title: "Diagnose:"}, &cobra.Group{ID: groupInspect, Title: "Inspect:"}, &cobra.Group{ID: groupSupport, Title: "Support:"},
	)
	root.AddCommand(
		newDoctor(a), newConsole(a), newOrphans(a), newNodes(a), newTags(a), newTimeline(a), newTypes(a),
		newBundle(a), newExplain(a), newVersion(a), newCompletion(a), newOptions(a),
	)
	root.SetHelpCommandGroupID(groupSupport)
	helpWithoutKubectl(root)
	markUsage(root)
	return root
}

// choices are the flags that take one of a few words.
func choices() map[string][]string {
	return map[string][]string{
		"cloud": {"auto", "off"}, "color": {"auto", "always", "never"}, "symbols": {"auto", "unicode", "ascii"},
	}
}

func (a *app) checkFlags() error {
	for flag, given := range map[string]string{"cloud": a.cloud, "color": a.color, "symbols": a.symbols} {
		if values := choices()[flag]; !slices.Contains(values, given) {
			return fmt.Errorf("--%s %q: want one of %v", flag, given, values)
		}
	}
	return nil
}
