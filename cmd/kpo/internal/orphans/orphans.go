// Package orphans is kpo orphans: VMs that no NodeClaim has, what they cost, and their deletion.
package orphans

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/euro"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/targets"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// command shows the VMs without NodeClaim, and deletes them when asked to.
type command struct {
	*session.Session

	out         *output.Output
	delete, yes bool
	dryRun      string
	// only are the VMs that were named; none is all.
	only []string
	// log gets what became of each VM: stdout is JSON where that was asked for.
	log io.Writer
}

const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// New returns the command orphans.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "orphans [VM...]", Short: "Show VMs that no NodeClaim has, and what they cost",
		Long: "VMs that no NodeClaim has, and what they cost: all of them, or those named by their IDs.\n" +
			"--delete deletes those with verdict ORPHAN or UNTAGGED, after reading each and its NodeClaim again.\n" +
			"Exit codes: 0 none, 1 some are left, 2 something needed could not be read.",
		Example: "  kubectl kpo orphans\n  kubectl kpo orphans --delete --dry-run=server\n  kubectl kpo orphans --delete\n  kubectl kpo orphans i-1a2b3c4d --delete",
		RunE: func(cmd *cobra.Command, args []string) error {
			c.only, c.log = args, a.Streams.Out
			if !c.out.ForPeople() {
				c.log = a.Streams.ErrOut
			}
			if err := c.check(); err != nil {
				return cli.Usage(err)
			}
			return c.run(cmd.Context())
		},
	}
	c.out = output.AddTable(a, cmd, output.Names(orphanColumns()))
	cmd.Flags().BoolVar(&c.delete, "delete", false, "Delete the orphans, after asking.")
	cmd.Flags().StringVar(&c.dryRun, "dry-run", dryRunNone, "With --delete: client prints the plan, server asks Outscale whether it would.")
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "Do not ask. More than half of the fleet is asked about nevertheless.")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
}

// reads are what orphans are judged by, their prices, and which tags of a VM are shown.
func (c *command) reads() []snapshot.Source {
	return append(clusterwide.OrphanSources(), snapshot.SourcePrices, snapshot.SourceNodeClasses)
}

// check refuses flags that would be ignored: who typed them believes that something happened.
func (c *command) check() error {
	switch {
	case c.dryRun != dryRunNone && c.dryRun != dryRunClient && c.dryRun != dryRunServer:
		return fmt.Errorf("--dry-run %q: want none, client or server", c.dryRun)
	case c.dryRun != dryRunNone && !c.delete:
		return cli.Hint(errors.New("--dry-run tries a deletion, and none is asked for"), "kubectl kpo orphans --delete --dry-run="+c.dryRun)
	case c.yes && !c.delete:
		return cli.Hint(errors.New("--yes answers the question of --delete, which is not given"), "kubectl kpo orphans --delete --yes")
	default:
		return nil
	}
}

func (c *command) run(ctx context.Context) error {
	s, err := c.Snapshot(ctx, c.reads()...)
	if err != nil {
		return err
	}
	if err := unread.Need(s, clusterwide.OrphanSources()...); err != nil {
		return err
	}
	found, err := chosen(s, clusterwide.Orphans(s), c.only)
	if err != nil {
		return err
	}
	if err := c.print(s, found); err != nil {
		return err
	}
	if c.delete {
		return c.deleteOrphans(ctx, s, found)
	}
	if len(deletable(found)) > 0 {
		return cli.ErrFindings
	}
	return nil
}

// chosen returns the orphans that were named, all of them where none was. A VM that is none is an error: somebody means
// to delete it.
func chosen(s *snapshot.Snapshot, found []clusterwide.Leftover, only []string) ([]clusterwide.Leftover, error) {
	if len(only) == 0 {
		return found, nil
	}
	var out []clusterwide.Leftover
	for _, arg := range only {
		name := targets.Name(arg)
		if id, err := utils.ParseProviderID(name); err == nil {
			name = id
		}
		i := slices.IndexFunc(found, func(l clusterwide.Leftover) bool { return l.VM.ID == name })
		if i < 0 {
			return nil, cli.Usage(noOrphan(s, found, name))
		}
		out = append(out, found[i])
	}
	return out, nil
}

// noOrphan says why a VM is none.
func noOrphan(s *snapshot.Snapshot, found []clusterwide.Leftover, name string) error {
	for _, m := range s.Machines() {
		if m.VM != nil && m.VM.ID == name && m.Claim != nil {
			return cli.Hint(fmt.Errorf("%s is no orphan: NodeClaim %s has it", name, m.Claim.Name), "kubectl kpo doctor "+m.Claim.Name)
		}
	}
	var ids []string
	for _, l := range found {
		ids = append(ids, l.VM.ID)
	}
	return cli.Hint(fmt.Errorf("no orphan %q", name), cli.DidYouMean("kubectl kpo orphans lists them", "", cli.Nearest(name, ids)))
}

func deletable(found []clusterwide.Leftover) []clusterwide.Leftover {
	var out []clusterwide.Leftover
	for _, l := range found {
		if l.Deletable() {
			out = append(out, l)
		}
	}
	return out
}

// Leftover is an orphan as kpo prints it.
type Leftover struct {
	clusterwide.Leftover

	AgeSeconds *int64 `json:"ageSeconds,omitempty"`
	// EURPerDay is that of the VM as it is now: a stopped one costs nothing but its volumes.
	EURPerDay *float64 `json:"eurPerDay,omitempty"`
}

func leftovers(found []clusterwide.Leftover) []Leftover {
	out := make([]Leftover, len(found))
	for i, l := range found {
		out[i] = Leftover{Leftover: l}
		if !l.VM.CreatedAt.IsZero() {
			out[i].AgeSeconds = new(int64(l.Age.Seconds()))
		}
		if price := euro.Of(l.VM); price != nil {
			out[i].EURPerDay = new(euro.Decimal(24 * *price))
		}
		out[i].VM.EURPerHour = euro.Decimal(l.VM.EURPerHour)
	}
	return out
}

func (c *command) print(s *snapshot.Snapshot, found []clusterwide.Leftover) error {
	columns, rows := orphanColumns(), leftovers(found)
	output.Sort(c.out, columns, rows)
	if !c.out.ForPeople() {
		return output.PrintAll(c.out, "Leftover", rows, func(l Leftover) output.Name { return output.NameOf(output.VM, l.VM.ID) })
	}
	t := c.out.Theme(s)
	c.out.Scope(t, s)
	if !t.NoHeaders {
		c.out.Remark(t, fmt.Sprintf("scope   tag %s=%s, cluster UID %s", vm.TagManagedBy, t.Text(s.Cluster.Name), t.Text(s.Cluster.UID)))
	}
	if len(found) == 0 {
		c.out.Remark(t, t.Line(render.MarkOK, "every VM of the cluster has a NodeClaim"))
		return nil
	}
	output.Table(c.out, t, columns, rows)
	var perDay euro.Sum
	for _, l := range rows {
		if l.Deletable() {
			perDay.Add(l.EURPerDay)
		}
	}
	if n := len(deletable(found)); n > 0 {
		c.out.Remark(t, render.Count(n, "orphan")+", "+perDay.Text("/day", n))
		if !c.delete {
			c.out.Remark(t, "> next  "+c.command("--delete", "--dry-run=server"))
		}
	}
	return nil
}

func orphanColumns() []output.Column[Leftover] {
	age := func(l Leftover) string {
		if l.AgeSeconds == nil {
			return ""
		}
		return render.Duration(l.Age)
	}
	verdict := func(l Leftover) render.Cell {
		if l.Deletable() {
			return render.Marked(render.MarkWarning, l.Verdict)
		}
		return render.Marked(render.MarkPending, l.Verdict)
	}
	return []output.Column[Leftover]{
		output.Text(render.Column{Name: "VM"}, func(l Leftover) string { return l.VM.ID }),
		{Column: render.Column{Name: "VERDICT"}, Cell: verdict},
		output.Text(render.Column{Name: "AGE", Right: true}, age).By(func(l Leftover) float64 { return output.Number(l.AgeSeconds) }),
		output.Text(render.Column{Name: "STATE", Drop: 1}, func(l Leftover) string { return l.VM.State }),
		output.Text(render.Column{Name: "TYPE", Drop: 3}, func(l Leftover) string { return l.VM.Type }),
		output.Text(render.Column{Name: "TAGGED NODECLAIM", Drop: 2}, func(l Leftover) string { return l.NodeClaim }),
		output.Text(render.Column{Name: "EUR/DAY", Right: true}, func(l Leftover) string { return euro.Print(l.EURPerDay, 2) }).
			By(func(l Leftover) float64 { return output.Number(l.EURPerDay) }),
		output.Text(render.Column{Name: "WHY", Flow: true}, func(l Leftover) string { return l.Why }),
	}
}

// command is one on the same VMs.
func (c *command) command(flags ...string) string {
	return strings.Join(slices.Concat([]string{"kubectl", "kpo", "orphans"}, c.only, flags), " ")
}
