// Package versions is kpo version: the versions of all parties, and which do not go together.
package versions

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
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

// Versions are those of all parties.
type Versions struct {
	CLI string `json:"cli"`
	// Bundle is the kpo that wrote the file of --from.
	Bundle     string         `json:"bundle,omitempty"`
	Kubernetes string         `json:"kubernetes,omitempty"`
	Controller string         `json:"controller,omitempty"`
	CCM        string         `json:"ccm,omitempty"`
	Nodes      map[string]int `json:"nodes,omitempty"`
	// Skew is what does not go together.
	Skew []string `json:"skew,omitempty"`
}

// command shows Versions.
type command struct {
	*session.Session

	out        *output.Output
	clientOnly bool
}

// New returns the command version.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "version", Short: "Show the versions of kpo, the controller, Kubernetes and Talos, and which do not go together", Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	c.out = output.Add(a, cmd, output.FormatText)
	cmd.Flags().BoolVar(&c.clientOnly, "client", false, "Show kpo's own version only: no cluster is asked.")
	return cmd
}

func (c *command) reads() []snapshot.Source { return []snapshot.Source{snapshot.SourceNodes} }

func (c *command) run(ctx context.Context) error {
	v := Versions{CLI: version.Version}
	if c.clientOnly {
		return c.print(v)
	}
	return c.all(ctx, v)
}

// all asks the cluster, and prints kpo's own version also where that is away.
func (c *command) all(ctx context.Context, v Versions) error {
	s, err := c.Snapshot(ctx, c.reads()...)
	if err != nil {
		return errors.Join(err, c.print(v))
	}
	v.read(s)
	var serverErr error
	if c.From == "" {
		v.Kubernetes, serverErr = c.ServerVersion()
	} else {
		v.Bundle, v.Kubernetes = s.CLI, s.Kubernetes
	}
	v.Skew = skew(v, s.Nodes)
	if err := c.print(v); err != nil {
		return err
	}
	if serverErr != nil {
		c.Tell("cannot read the version of Kubernetes: " + serverErr.Error())
		return cli.ErrBlind
	}
	return unread.Warn(c.Session, s, snapshot.SourceController, snapshot.SourceNodes)
}

func (v *Versions) read(s *snapshot.Snapshot) {
	if c := s.Cluster.Controller; c != nil {
		v.Controller = tag(c.Image)
	}
	if c := s.Cluster.CCM; c != nil {
		v.CCM = tag(c.Image)
	}
	v.Nodes = map[string]int{}
	for _, node := range s.Nodes {
		v.Nodes[strings.TrimSpace(node.Status.NodeInfo.OSImage+" "+node.Status.NodeInfo.KubeletVersion)]++
	}
}

// tag returns what follows the name in an image: its tag or digest.
func tag(image string) string {
	name := image[strings.LastIndexByte(image, '/')+1:]
	if _, digest, ok := strings.Cut(name, "@"); ok {
		return digest
	}
	_, found, _ := strings.Cut(name, ":")
	return found
}

func (c *command) print(v Versions) error {
	if !c.out.ForPeople() {
		obj, err := output.Object("Version", "kpo", v)
		if err != nil {
			return err
		}
		return c.out.Print(obj)
	}
	fmt.Fprintf(c.Streams.Out, "%-11s %s\n", "kpo", v.CLI)
	if v.Bundle != "" {
		fmt.Fprintf(c.Streams.Out, "%-11s %s\n", "bundle", v.Bundle)
	}
	for _, line := range [][2]string{{"controller", v.Controller}, {"ccm", v.CCM}, {"kubernetes", v.Kubernetes}} {
		if v.Nodes != nil {
			fmt.Fprintf(c.Streams.Out, "%-11s %s\n", line[0], cmp.Or(line[1], "-"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Nodes)) {
		fmt.Fprintf(c.Streams.Out, "%-11s %s: %d\n", "nodes", cmp.Or(name, "-"), v.Nodes[name])
	}
	t := c.out.Theme(nil)
	for _, text := range v.Skew {
		fmt.Fprintf(c.Streams.Out, "%s %s\n", t.Symbol(render.MarkWarning), text)
	}
	return nil
}
