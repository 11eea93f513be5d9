package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/bundle"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/console"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/doctor"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/nodes"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/orphans"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/tags"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/timeline"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/types"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/versions"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

// support is the group of help, too.
const support = "support"

// group is commands under one title of the help.
type group struct {
	id, title string
	commands  []*cobra.Command
}

// groups are all commands, in the order of the help.
func groups(a *session.Session) []group {
	return []group{
		{"diagnose", "Diagnose:", []*cobra.Command{doctor.New(a), console.New(a), orphans.New(a)}},
		{"inspect", "Inspect:", []*cobra.Command{nodes.New(a), tags.New(a), timeline.New(a), types.New(a)}},
		{support, "Support:", []*cobra.Command{
			bundle.New(a), doctor.NewExplain(a), versions.New(a), newCompletion(a), newOptions(a),
		}},
	}
}

// newRoot builds the tree of commands. Nothing is opened here: completion parses it at each keystroke.
func newRoot(a *session.Session, name string) *cobra.Command {
	cobra.EnableCommandSorting = false // doctor comes first
	root := &cobra.Command{
		Use:   name,
		Short: "Find out why a node of Karpenter on Outscale is stuck, and what leaks money",
		Long:  rootHelp(),
		Args:  cli.NoArgs, SilenceUsage: true, SilenceErrors: true,
		Version: version.Version,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			return cli.Usage(errors.Join(cli.CheckNamespaces(cmd.Flags(), args), a.CheckFlags()))
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	if name != "kpo" {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl kpo"}
	}
	root.SetIn(a.Streams.In)
	root.SetOut(a.Streams.Out)
	root.SetErr(a.Streams.ErrOut)
	root.SetVersionTemplate("kpo {{.Version}}\n")
	root.SetFlagErrorFunc(cli.FlagError)
	a.AddFlags(root)
	cli.RefuseNamespaces(root.PersistentFlags())
	for _, group := range groups(a) {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID(support)
	helpWithoutKubectl(root)
	cli.MarkUsage(root)
	return root
}
