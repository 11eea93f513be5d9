package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

// versions are those of all parties.
type versions struct {
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

func newVersion(a *app) *cobra.Command {
	var o *output
	clientOnly := false
	cmd := &cobra.Command{
		Use: "version", GroupID: groupSupport, Short: "Show the versions of kpo, the controller, Kubernetes and Talos, and which do not go together", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{CLI: version.Version}
			if clientOnly {
				return a.printVersions(o, v)
			}
			return a.allVersions(cmd.Context(), o, v)
		},
	}
	o = addOutput(cmd, formatText)
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Show kpo's own version only: no cluster is asked.")
	return cmd
}

// allVersions asks the cluster, and prints kpo's own version also where that is away.
func (a *app) allVersions(ctx context.Context, o *output, v versions) error {
	s, err := a.snapshot(ctx, snapshot.SourceVMs, snapshot.SourceQuotas, snapshot.SourcePrices, snapshot.SourceConsoles, snapshot.SourceEvents,
		snapshot.SourcePods, snapshot.SourceBudgets, snapshot.SourceAttachments, snapshot.SourceNodeClaims, snapshot.SourceNodePools, snapshot.SourceNodeClasses)
	if err != nil {
		return errors.Join(err, a.printVersions(o, v))
	}
	v.read(s)
	var serverErr error
	if a.from == "" {
		v.Kubernetes, serverErr = a.serverVersion()
	} else {
		v.Bundle, v.Kubernetes = s.CLI, s.Kubernetes
	}
	v.Skew = skew(v, s.Nodes)
	if err := a.printVersions(o, v); err != nil {
		return err
	}
	if serverErr != nil {
		a.tell("cannot read the version of Kubernetes: " + serverErr.Error())
		return errBlind
	}
	return a.warn(s, snapshot.SourceController, snapshot.SourceNodes)
}

// serverVersion asks for the version of Kubernetes. What answers there is not trusted to be a version.
func (a *app) serverVersion() (string, error) {
	text, err := a.clients.server(a.kube)
	return bootlog.Plain(text), err
}

func (v *versions) read(s *snapshot.Snapshot) {
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

func (a *app) printVersions(o *output, v versions) error {
	if !o.forPeople() {
		obj, err := object("Version", "kpo", v)
		if err != nil {
			return err
		}
		return o.print(a.streams.Out, obj)
	}
	fmt.Fprintf(a.streams.Out, "%-11s %s\n", "kpo", v.CLI)
	if v.Bundle != "" {
		fmt.Fprintf(a.streams.Out, "%-11s %s\n", "bundle", v.Bundle)
	}
	for _, line := range [][2]string{{"controller", v.Controller}, {"ccm", v.CCM}, {"kubernetes", v.Kubernetes}} {
		if v.Nodes != nil {
			fmt.Fprintf(a.streams.Out, "%-11s %s\n", line[0], cmp.Or(line[1], "-"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Nodes)) {
		fmt.Fprintf(a.streams.Out, "%-11s %s: %d\n", "nodes", cmp.Or(name, "-"), v.Nodes[name])
	}
	t := a.theme(nil, o)
	for _, text := range v.Skew {
		fmt.Fprintf(a.streams.Out, "%s %s\n", t.Symbol(render.MarkWarning), text)
	}
	return nil
}
