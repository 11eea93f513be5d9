// Package bundle is kpo bundle: all that doctor reads, and the last lines of the logs, in one file.
package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// command writes a bundle.
type command struct {
	*session.Session

	path     string
	compress bool
}

// New returns the command bundle.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "bundle", Short: "Write all that doctor reads into one file, secrets masked where recognised", Args: cli.NoArgs,
		Long: "Write all that doctor reads into one file, and the last lines of the logs of the controller and the CCM:\n" +
			"kubectl kpo doctor --from FILE judges it anywhere.\n\n" +
			"It holds no Secrets, no user data, no machine config, nothing of what pods run, and only Karpenter's annotations and tags\n" +
			"and those of a NodeClass. On consoles, in logs and in messages, secrets are masked where they are recognised.\n" +
			"Names, IP addresses and labels are in it: read it before you send it.",
		Example: "  kubectl kpo bundle\n  kubectl kpo bundle --file case.json.gz\n  kubectl kpo bundle --file - > case.json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	cmd.Flags().StringVarP(&c.path, "file", "f", "", "Where to write it, - for stdout. Default: kpo-bundle-<cluster>-<time>.json.")
	cmd.Flags().BoolVarP(&c.compress, "gzip", "z", false, "Compress it, as a FILE that ends in .gz always is. --from reads both.")
	return cmd
}

// run reads all that a rule can need.
func (c *command) run(ctx context.Context) error {
	if c.path == session.StandardStream && c.OnTerminal(c.Streams.Out) {
		return cli.Usage(cli.Hint(errors.New("a bundle is not for a terminal"), "--file FILE, or a pipe"))
	}
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	c.supplement(ctx, s)
	if err := c.write(s); err != nil {
		return err
	}
	if s.Sources[snapshot.SourceLogs].State == snapshot.StateFailed { // a case can be judged without them
		c.Tell("some logs are not in it: " + s.Sources[snapshot.SourceLogs].Reason)
		if s.Sources[snapshot.SourceLogs].Cause == snapshot.CauseForbidden {
			c.Tell("hint:  the chart's value kpoViewer.logs=true lets " + unread.ViewerRole + " read them")
		}
	}
	needed := slices.DeleteFunc(slices.Collect(maps.Keys(s.Sources)), func(source snapshot.Source) bool { return source == snapshot.SourceLogs })
	slices.Sort(needed)
	return unread.Warn(c.Session, s, needed...)
}

func (c *command) write(s *snapshot.Snapshot) error {
	if c.path == session.StandardStream {
		if c.compress {
			return snapshot.WriteCompressed(s, c.Streams.Out)
		}
		return snapshot.Write(s, c.Streams.Out)
	}
	if c.path == "" {
		c.path = fmt.Sprintf("kpo-bundle-%s-%s.json", cmp.Or(s.Cluster.Name, "cluster"), s.TakenAt.Format("20060102T150405Z"))
	}
	if c.compress && !strings.HasSuffix(c.path, ".gz") {
		c.path += ".gz"
	}
	if err := gather.Save(s, c.path); err != nil {
		return cli.Hint(err, "kubectl kpo bundle --file OTHER.json")
	}
	fmt.Fprintln(c.Streams.Out, c.path)
	fmt.Fprintln(c.Streams.ErrOut, "Read it before you send it.")
	return nil
}
