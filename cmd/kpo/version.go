package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

// versions are those of all parties.
type versions struct {
	CLI        string         `json:"cli"`
	Kubernetes string         `json:"kubernetes,omitempty"`
	Controller string         `json:"controller,omitempty"`
	CCM        string         `json:"ccm,omitempty"`
	Nodes      map[string]int `json:"nodes,omitempty"`
}

func newVersion(a *app) *cobra.Command {
	var o *output
	clientOnly := false
	cmd := &cobra.Command{
		Use: "version", GroupID: groupSupport, Short: "Show the versions of kpo, the controller, Kubernetes and Talos", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{CLI: version.Version}
			if clientOnly {
				return a.printVersions(o, v)
			}
			s, err := a.snapshot(cmd.Context(), fleet.SourceVMs, fleet.SourceQuotas, fleet.SourcePrices, fleet.SourceConsoles, fleet.SourceEvents,
				fleet.SourcePods, fleet.SourceBudgets, fleet.SourceAttachments, fleet.SourceNodeClaims, fleet.SourceNodePools, fleet.SourceNodeClasses)
			if err != nil {
				return err
			}
			v.read(s)
			var serverErr error
			if a.from == "" {
				v.Kubernetes, serverErr = a.clients.server(a.kube)
			}
			if err := a.printVersions(o, v); err != nil {
				return err
			}
			if serverErr != nil {
				fmt.Fprintln(a.streams.ErrOut, "not read: kubernetes:", serverErr)
				return errBlind
			}
			return a.warn(s, fleet.SourceController, fleet.SourceNodes)
		},
	}
	o = addOutput(cmd, formatText)
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Show kpo's own version only: no cluster is asked.")
	return cmd
}

func (v *versions) read(s *fleet.Snapshot) {
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
	for _, line := range [][2]string{{"controller", v.Controller}, {"ccm", v.CCM}, {"kubernetes", v.Kubernetes}} {
		if v.Nodes != nil {
			fmt.Fprintf(a.streams.Out, "%-11s %s\n", line[0], cmp.Or(line[1], "-"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Nodes)) {
		fmt.Fprintf(a.streams.Out, "%-11s %s: %d\n", "nodes", cmp.Or(name, "-"), v.Nodes[name])
	}
	return nil
}
