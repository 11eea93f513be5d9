package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// standardStream is stdin or stdout in the place of a file.
const standardStream = "-"

// bundling is what a bundle was asked with.
type bundling struct {
	path     string
	compress bool
}

func newBundle(a *app) *cobra.Command {
	var b bundling
	cmd := &cobra.Command{
		Use: "bundle", GroupID: groupSupport, Short: "Write all that doctor reads into one file, secrets masked where recognised", Args: noArgs,
		Long: "Write all that doctor reads into one file, and the last lines of the logs of the controller and the CCM:\n" +
			"kubectl kpo doctor --from FILE judges it anywhere.\n\n" +
			"It holds no Secrets, no user data, no machine config, nothing of what pods run, and only Karpenter's annotations and tags\n" +
			"and those of a NodeClass. On consoles, in logs and in messages, secrets are masked where they are recognised.\n" +
			"Names, IP addresses and labels are in it: read it before you send it.",
		Example: "  kubectl kpo bundle\n  kubectl kpo bundle --file case.json.gz\n  kubectl kpo bundle --file - > case.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.path == standardStream && a.onTerminal(a.streams.Out) {
				return usage(hint(errors.New("a bundle is not for a terminal"), "--file FILE, or a pipe"))
			}
			s, err := a.snapshot(cmd.Context())
			if err != nil {
				return err
			}
			a.supplement(cmd.Context(), s)
			if err := a.writeBundle(s, b); err != nil {
				return err
			}
			if s.Sources[snapshot.SourceLogs].State == snapshot.StateFailed { // a case can be judged without them
				a.tell("some logs are not in it: " + s.Sources[snapshot.SourceLogs].Reason)
				if s.Sources[snapshot.SourceLogs].Cause == snapshot.CauseForbidden {
					a.tell("hint:  the chart's value kpoViewer.logs=true lets " + viewerRole + " read them")
				}
			}
			needed := slices.DeleteFunc(slices.Collect(maps.Keys(s.Sources)), func(source snapshot.Source) bool { return source == snapshot.SourceLogs })
			slices.Sort(needed)
			return a.warn(s, needed...)
		},
	}
	cmd.Flags().StringVarP(&b.path, "file", "f", "", "Where to write it, - for stdout. Default: kpo-bundle-<cluster>-<time>.json.")
	cmd.Flags().BoolVarP(&b.compress, "gzip", "z", false, "Compress it, as a FILE that ends in .gz always is. --from reads both.")
	return cmd
}

func (a *app) writeBundle(s *snapshot.Snapshot, b bundling) error {
	if b.path == standardStream {
		if b.compress {
			return snapshot.WriteCompressed(s, a.streams.Out)
		}
		return snapshot.Write(s, a.streams.Out)
	}
	if b.path == "" {
		b.path = fmt.Sprintf("kpo-bundle-%s-%s.json", cmp.Or(s.Cluster.Name, "cluster"), s.TakenAt.Format("20060102T150405Z"))
	}
	if b.compress && !strings.HasSuffix(b.path, ".gz") {
		b.path += ".gz"
	}
	if err := gather.Save(s, b.path); err != nil {
		return hint(err, "kubectl kpo bundle --file OTHER.json")
	}
	fmt.Fprintln(a.streams.Out, b.path)
	fmt.Fprintln(a.streams.ErrOut, "Read it before you send it.")
	return nil
}

// load reads the file that --from names.
func (a *app) load() (*snapshot.Snapshot, error) {
	var s *snapshot.Snapshot
	var err error
	if a.from == standardStream {
		s, err = snapshot.Read(a.streams.In, "stdin")
	} else {
		s, err = gather.Load(a.from)
	}
	if err != nil {
		return nil, hint(err, "kubectl kpo bundle writes such a file")
	}
	return s, nil
}
