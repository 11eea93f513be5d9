package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
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
			for _, check := range checksByID() {
				out = append(out, check.ID+"\t"+check.Title)
			}
			return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		},
		RunE: func(_ *cobra.Command, args []string) error {
			checks := checksByID()
			if len(args) == 0 {
				for _, check := range checks {
					fmt.Fprintf(a.Streams.Out, "%s  %-7s  %s\n", check.ID, check.Severity, check.Title)
				}
				return nil
			}
			return explain(a, checks, args[0])
		},
	}
}

// explain prints the page of one check.
func explain(a *session.Session, checks []diagnose.Check, wanted string) error {
	id := strings.ToUpper(wanted)
	i := slices.IndexFunc(checks, func(c diagnose.Check) bool { return c.ID == id })
	if i < 0 {
		var ids []string
		for _, check := range checks {
			ids = append(ids, check.ID)
		}
		return cli.Usage(cli.Hint(fmt.Errorf("no check %q", wanted), cli.DidYouMean("kubectl kpo explain lists them", "", cli.Nearest(wanted, ids))))
	}
	fmt.Fprintf(a.Streams.Out, "%s  %s (%s)\n\n", id, checks[i].Title, checks[i].Severity)
	const label = len("fixed if  ")
	width := a.Theme(nil, render.Options{}).Width
	for line := range strings.Lines(diagnose.Page(id)) {
		head, text := line[:min(label, len(line))], line[min(label, len(line)):]
		fmt.Fprintln(a.Streams.Out, strings.TrimRight(head+render.Wrap(strings.TrimSpace(text), width, label), " \n"))
	}
	return nil
}

// checksByID is the order in which one looks a check up; the rules themselves run in that of a machine's life.
func checksByID() []diagnose.Check {
	checks := diagnose.Checks()
	slices.SortFunc(checks, func(x, y diagnose.Check) int { return cmp.Compare(x.ID, y.ID) })
	return checks
}
