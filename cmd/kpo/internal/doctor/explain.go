package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
)

// NewExplain returns the command explain.
func NewExplain(a *session.Session) *cobra.Command {
	return &cobra.Command{
		Use: "explain [CHECK]", Short: "Say what a check means, how it knows, and how to fix it; without CHECK list them",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return cli.OneArg("one check", "kubectl kpo explain lists them")(cmd, args)
		},
		Example: "  kubectl kpo explain KPO207",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, r := range diagnose.Rules() {
				out = append(out, string(r.ID)+"\t"+r.Title)
			}
			return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		},
		RunE: func(_ *cobra.Command, args []string) error {
			rules := diagnose.Rules()
			if len(args) == 0 {
				for _, r := range rules {
					fmt.Fprintf(a.Streams.Out, "%s  %-7s  %s\n", r.ID, r.Severity, r.Title)
				}
				return nil
			}
			return explain(a, rules, args[0])
		},
	}
}

// explain prints the page of one rule.
func explain(a *session.Session, rules []rule.Rule, wanted string) error {
	i := slices.IndexFunc(rules, func(r rule.Rule) bool { return string(r.ID) == strings.ToUpper(wanted) })
	if i < 0 {
		var ids []string
		for _, r := range rules {
			ids = append(ids, string(r.ID))
		}
		return cli.Usage(cli.Hint(fmt.Errorf("no check %q", wanted), cli.DidYouMean("kubectl kpo explain lists them", "", cli.Nearest(wanted, ids))))
	}
	found := rules[i]
	fmt.Fprintf(a.Streams.Out, "%s  %s (%s)\n\n", found.ID, found.Title, found.Severity)
	const label = len("fixed if  ")
	width := a.Theme(nil, render.Options{}).Width
	for line := range strings.Lines(found.Doc.String()) {
		head, text := line[:min(label, len(line))], line[min(label, len(line)):]
		fmt.Fprintln(a.Streams.Out, strings.TrimRight(head+render.Wrap(strings.TrimSpace(text), width, label), " \n"))
	}
	return nil
}
