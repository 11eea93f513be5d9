package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
)

func newBundle(a *app) *cobra.Command {
	path := ""
	cmd := &cobra.Command{
		Use: "bundle", GroupID: groupSupport, Short: "Write all that doctor reads into one file, secrets masked where recognised", Args: cobra.NoArgs,
		Long: "Write all that doctor reads into one file: kubectl kpo doctor --from FILE judges it anywhere.\n\n" +
			"It holds no Secrets, no user data, no machine config, nothing of what pods run, and only Karpenter's annotations and tags\n" +
			"and those of a NodeClass. On consoles and in messages, secrets are masked where they are recognised.\n" +
			"Names, IP addresses and labels are in it: read it before you send it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.snapshot(cmd.Context())
			if err != nil {
				return err
			}
			if path == "" {
				path = fmt.Sprintf("kpo-bundle-%s-%s.json", cmp.Or(s.Cluster.Name, "cluster"), s.TakenAt.Format("20060102T150405Z"))
			}
			if err := fleet.Save(s, path); err != nil {
				return hint(err, "kubectl kpo bundle --file OTHER.json")
			}
			fmt.Fprintln(a.streams.Out, path)
			fmt.Fprintln(a.streams.ErrOut, "Read it before you send it.")
			var sources []fleet.Source
			for source := range s.Sources {
				sources = append(sources, source)
			}
			return a.warn(s, sources...)
		},
	}
	cmd.Flags().StringVarP(&path, "file", "f", "", "Where to write it. Default: kpo-bundle-<cluster>-<time>.json.")
	return cmd
}
