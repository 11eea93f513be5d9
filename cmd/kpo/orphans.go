package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
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
	o = addTable(cmd, names(orphanColumns()))
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
	s, err := a.snapshot(ctx, snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourceEvents, snapshot.SourcePods, snapshot.SourceBudgets, snapshot.SourceAttachments)
	if err != nil {
		return err
	}
	if err := need(s, clusterwide.OrphanSources()...); err != nil {
		return err
	}
	found, err := chosen(s, clusterwide.Orphans(s), d.only)
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
func chosen(s *snapshot.Snapshot, found []clusterwide.Leftover, only []string) ([]clusterwide.Leftover, error) {
	if len(only) == 0 {
		return found, nil
	}
	var out []clusterwide.Leftover
	for _, arg := range only {
		name := parseTarget(arg).name
		if id, err := utils.ParseProviderID(name); err == nil {
			name = id
		}
		i := slices.IndexFunc(found, func(l clusterwide.Leftover) bool { return l.VM.ID == name })
		if i < 0 {
			return nil, usage(noOrphan(s, found, name))
		}
		out = append(out, found[i])
	}
	return out, nil
}

// noOrphan says why a VM is none.
func noOrphan(s *snapshot.Snapshot, found []clusterwide.Leftover, name string) error {
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

func deletable(found []clusterwide.Leftover) []clusterwide.Leftover {
	var out []clusterwide.Leftover
	for _, l := range found {
		if l.Deletable() {
			out = append(out, l)
		}
	}
	return out
}

// leftover is an orphan as kpo prints it.
type leftover struct {
	clusterwide.Leftover

	AgeSeconds *int64 `json:"ageSeconds,omitempty"`
	// EURPerDay is that of the VM as it is now: a stopped one costs nothing but its volumes.
	EURPerDay *float64 `json:"eurPerDay,omitempty"`
}

func leftovers(found []clusterwide.Leftover) []leftover {
	out := make([]leftover, len(found))
	for i, l := range found {
		out[i] = leftover{Leftover: l}
		if !l.VM.CreatedAt.IsZero() {
			out[i].AgeSeconds = new(int64(l.Age.Seconds()))
		}
		if price := priceOf(l.VM); price != nil {
			out[i].EURPerDay = new(decimal(24 * *price))
		}
		out[i].VM.EURPerHour = decimal(l.VM.EURPerHour)
	}
	return out
}

func (a *app) printOrphans(o *output, s *snapshot.Snapshot, found []clusterwide.Leftover, d deletion) error {
	columns, rows := orphanColumns(), leftovers(found)
	sorted(o, columns, rows)
	if !o.forPeople() {
		return printAll(a, o, "Leftover", rows, func(l leftover) name { return name{resourceVM, l.VM.ID} })
	}
	t := a.theme(s, o)
	a.scope(t, s)
	if !t.NoHeaders {
		a.remark(t, fmt.Sprintf("scope   tag %s=%s, cluster UID %s", vm.TagManagedBy, t.Text(s.Cluster.Name), t.Text(s.Cluster.UID)))
	}
	if len(found) == 0 {
		a.remark(t, t.Line(render.MarkOK, "every VM of the cluster has a NodeClaim"))
		return nil
	}
	table(a, t, columns, rows)
	var perDay sum
	for _, l := range rows {
		if l.Deletable() {
			perDay.add(l.EURPerDay)
		}
	}
	if n := len(deletable(found)); n > 0 {
		a.remark(t, render.Count(n, "orphan")+", "+perDay.text("/day", n))
		if !d.wanted {
			a.remark(t, "> next  "+d.command("--delete", "--dry-run=server"))
		}
	}
	return nil
}

func orphanColumns() []column[leftover] {
	age := func(l leftover) string {
		if l.AgeSeconds == nil {
			return ""
		}
		return render.Duration(l.Age)
	}
	verdict := func(l leftover) render.Cell {
		if l.Deletable() {
			return render.Marked(render.MarkWarning, l.Verdict)
		}
		return render.Marked(render.MarkPending, l.Verdict)
	}
	return []column[leftover]{
		text(render.Column{Name: "VM"}, func(l leftover) string { return l.VM.ID }),
		{Column: render.Column{Name: "VERDICT"}, cell: verdict},
		text(render.Column{Name: "AGE", Right: true}, age).by(func(l leftover) float64 { return number(l.AgeSeconds) }),
		text(render.Column{Name: "STATE", Drop: 1}, func(l leftover) string { return l.VM.State }),
		text(render.Column{Name: "TYPE", Drop: 3}, func(l leftover) string { return l.VM.Type }),
		text(render.Column{Name: "TAGGED NODECLAIM", Drop: 2}, func(l leftover) string { return l.NodeClaim }),
		text(render.Column{Name: "EUR/DAY", Right: true}, func(l leftover) string { return euros(l.EURPerDay, 2) }).
			by(func(l leftover) float64 { return number(l.EURPerDay) }),
		text(render.Column{Name: "WHY", Flow: true}, func(l leftover) string { return l.Why }),
	}
}

// command is one on the same VMs.
func (d deletion) command(flags ...string) string {
	return strings.Join(slices.Concat([]string{"kubectl", "kpo", "orphans"}, d.only, flags), " ")
}
