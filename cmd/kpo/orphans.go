package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// deletion is what --delete was asked with.
type deletion struct {
	wanted, yes bool
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

func newOrphans(a *app) *cobra.Command {
	var o *output
	var d deletion
	cmd := &cobra.Command{
		Use: "orphans [VM...]", GroupID: groupDiagnose, Short: "Show VMs that no NodeClaim has, and what they cost",
		Long: "VMs that no NodeClaim has, and what they cost: all of them, or those named by their IDs.\n" +
			"--delete deletes those with verdict ORPHAN or UNTAGGED, after reading each and its NodeClaim again.\n" +
			"Exit codes: 0 none, 1 some are left, 2 something needed could not be read.",
		Example: "  kubectl kpo orphans\n  kubectl kpo orphans --delete --dry-run=server\n  kubectl kpo orphans --delete\n  kubectl kpo orphans i-1a2b3c4d --delete",
		RunE: func(cmd *cobra.Command, args []string) error {
			d.only, d.log = args, a.streams.Out
			if !o.forPeople() {
				d.log = a.streams.ErrOut
			}
			if err := d.check(); err != nil {
				return usage(err)
			}
			return a.orphans(cmd.Context(), o, d)
		},
	}
	o = addOutput(cmd, formatTable, formatWide)
	cmd.Flags().BoolVar(&d.wanted, "delete", false, "Delete the orphans, after asking.")
	cmd.Flags().StringVar(&d.dryRun, "dry-run", dryRunNone, "With --delete: client prints the plan, server asks Outscale whether it would.")
	cmd.Flags().BoolVarP(&d.yes, "yes", "y", false, "Do not ask. More than half of the fleet is asked about nevertheless.")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
}

// check refuses flags that would be ignored: who typed them believes that something happened.
func (d deletion) check() error {
	switch {
	case d.dryRun != dryRunNone && d.dryRun != dryRunClient && d.dryRun != dryRunServer:
		return fmt.Errorf("--dry-run %q: want none, client or server", d.dryRun)
	case d.dryRun != dryRunNone && !d.wanted:
		return hint(errors.New("--dry-run tries a deletion, and none is asked for"), "kubectl kpo orphans --delete --dry-run="+d.dryRun)
	case d.yes && !d.wanted:
		return hint(errors.New("--yes answers the question of --delete, which is not given"), "kubectl kpo orphans --delete --yes")
	default:
		return nil
	}
}

func (a *app) orphans(ctx context.Context, o *output, d deletion) error {
	s, err := a.snapshot(ctx, fleet.SourceConsoles, fleet.SourceQuotas, fleet.SourceEvents, fleet.SourcePods, fleet.SourceBudgets, fleet.SourceAttachments)
	if err != nil {
		return err
	}
	if err := need(s, diagnose.OrphanSources()...); err != nil {
		return err
	}
	found, err := chosen(s, diagnose.Orphans(s), d.only)
	if err != nil {
		return err
	}
	if err := a.printOrphans(o, s, found, d); err != nil {
		return err
	}
	if d.wanted {
		return a.deleteOrphans(ctx, s, found, d)
	}
	if len(deletable(found)) > 0 {
		return errFindings
	}
	return nil
}

// chosen returns the orphans that were named, all of them where none was. A VM that is none is an error: somebody means
// to delete it.
func chosen(s *fleet.Snapshot, found []diagnose.Leftover, only []string) ([]diagnose.Leftover, error) {
	if len(only) == 0 {
		return found, nil
	}
	var out []diagnose.Leftover
	for _, arg := range only {
		name := parseTarget(arg).name
		if id, err := utils.ParseProviderID(name); err == nil {
			name = id
		}
		i := slices.IndexFunc(found, func(l diagnose.Leftover) bool { return l.VM.ID == name })
		if i < 0 {
			return nil, usage(noOrphan(s, found, name))
		}
		out = append(out, found[i])
	}
	return out, nil
}

// noOrphan says why a VM is none.
func noOrphan(s *fleet.Snapshot, found []diagnose.Leftover, name string) error {
	for _, m := range s.Machines() {
		if m.VM != nil && m.VM.ID == name && m.Claim != nil {
			return hint(fmt.Errorf("%s is no orphan: NodeClaim %s has it", name, m.Claim.Name), "kubectl kpo doctor "+m.Claim.Name)
		}
	}
	var ids []string
	for _, l := range found {
		ids = append(ids, l.VM.ID)
	}
	return hint(fmt.Errorf("no orphan %q", name), didYouMean("kubectl kpo orphans lists them", "", nearest(name, ids)))
}

func deletable(found []diagnose.Leftover) []diagnose.Leftover {
	var out []diagnose.Leftover
	for _, l := range found {
		if l.Deletable() {
			out = append(out, l)
		}
	}
	return out
}

func (a *app) printOrphans(o *output, s *fleet.Snapshot, found []diagnose.Leftover, d deletion) error {
	if !o.forPeople() {
		return printAll(a, o, "Leftover", found, func(l diagnose.Leftover) string { return l.VM.ID })
	}
	t := a.theme(s, o)
	a.scope(t, s)
	fmt.Fprintf(a.streams.Out, "scope   tag %s=%s, cluster UID %s\n", vm.TagManagedBy, s.Cluster.Name, s.Cluster.UID)
	if len(found) == 0 {
		fmt.Fprintf(a.streams.Out, "%s every VM of the cluster has a NodeClaim\n", t.Symbol(render.MarkOK))
		return nil
	}
	columns := []render.Column{
		{Name: "VM"},
		{Name: "VERDICT"},
		{Name: "AGE", Right: true},
		{Name: "STATE", Drop: 2},
		{Name: "TYPE", Drop: 4, Min: 8},
		{Name: "TAGGED CLAIM", Min: 12, Drop: 3},
		{Name: "EUR/DAY", Right: true},
		{Name: "WHY", Min: 16, Drop: 1},
	}
	cells := make([][]render.Cell, 0, len(found))
	perDay := 0.0
	for _, l := range found {
		line := render.Plain(l.VM.ID, "", render.Duration(l.Age), l.VM.State, l.VM.Type, l.NodeClaim, euros(l.EURPerDay, 2), l.Why)
		line[1] = render.Marked(render.MarkPending, l.Verdict)
		if l.Deletable() {
			line[1] = render.Marked(render.MarkWarning, l.Verdict)
			perDay += l.EURPerDay
		}
		cells = append(cells, line)
	}
	if err := a.table(t, o, columns, cells); err != nil {
		return err
	}
	if n := len(deletable(found)); n > 0 {
		text := render.Count(n, "orphan")
		if perDay > 0 {
			text += fmt.Sprintf(", EUR %.2f a day without volumes", perDay)
		}
		fmt.Fprintln(a.streams.Out, text)
		if !d.wanted {
			fmt.Fprintln(a.streams.Out, "> next  "+d.command("--delete", "--dry-run=server"))
		}
	}
	return nil
}

// command is one on the same VMs.
func (d deletion) command(flags ...string) string {
	return strings.Join(slices.Concat([]string{"kubectl", "kpo", "orphans"}, d.only, flags), " ")
}
