package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// deletion is what --delete was asked with.
type deletion struct {
	wanted, yes bool
	dryRun      string
}

func newOrphans(a *app) *cobra.Command {
	var o *output
	var d deletion
	cmd := &cobra.Command{
		Use: "orphans", GroupID: groupDiagnose, Short: "Show VMs that no NodeClaim has, and what they cost", Args: cobra.NoArgs,
		Long: "Show VMs that no NodeClaim has, and what they cost. VMs are read before NodeClaims.\n" +
			"--delete deletes those with verdict ORPHAN or UNTAGGED, after reading each and its NodeClaim again.\n" +
			"Exit codes: 0 none, 1 some are left, 2 could not look.",
		Example: "  kubectl kpo orphans\n  kubectl kpo orphans --delete --dry-run=server\n  kubectl kpo orphans --delete",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.dryRun != "none" && d.dryRun != "client" && d.dryRun != "server" {
				return fmt.Errorf("--dry-run %q: want none, client or server", d.dryRun)
			}
			s, err := a.snapshot(cmd.Context(), fleet.SourceConsoles, fleet.SourceQuotas, fleet.SourceEvents, fleet.SourcePods, fleet.SourceBudgets, fleet.SourceAttachments)
			if err != nil {
				return err
			}
			if err := need(s, diagnose.OrphanSources()...); err != nil {
				return err
			}
			found := diagnose.Orphans(s)
			if err := a.printOrphans(o, s, found); err != nil {
				return err
			}
			if d.wanted {
				return a.deleteOrphans(cmd.Context(), s, found, d)
			}
			if len(deletable(found)) > 0 {
				return errFindings
			}
			return nil
		},
	}
	o = addTable(cmd, names(orphanColumns()))
	cmd.Flags().BoolVar(&d.wanted, "delete", false, "Delete the orphans, after asking.")
	cmd.Flags().StringVar(&d.dryRun, "dry-run", "none", "With --delete: client prints the plan, server asks Outscale whether it would.")
	cmd.Flags().BoolVarP(&d.yes, "yes", "y", false, "Do not ask.")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{"none", "client", "server"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
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

// leftover is an orphan as kpo prints it.
type leftover struct {
	diagnose.Leftover

	AgeSeconds *int64 `json:"ageSeconds,omitempty"`
	// EURPerDay is that of the VM as it is now: a stopped one costs nothing but its volumes.
	EURPerDay *float64 `json:"eurPerDay,omitempty"`
}

func leftovers(found []diagnose.Leftover) []leftover {
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

func (a *app) printOrphans(o *output, s *fleet.Snapshot, found []diagnose.Leftover) error {
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
		a.remark(t, "> next  kubectl kpo orphans --delete --dry-run=server")
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

// deleteOrphans deletes after all guards. Any doubt is an error, and nothing is deleted.
func (a *app) deleteOrphans(ctx context.Context, s *fleet.Snapshot, found []diagnose.Leftover, d deletion) error {
	doomed := deletable(found)
	switch {
	case a.from != "":
		return hint(errors.New("a file is no proof of what exists now"), "kubectl kpo orphans --delete without --from")
	case len(doomed) == 0:
		fmt.Fprintln(a.streams.ErrOut, "nothing to delete")
		return nil
	case len(s.NodeClaims) == 0:
		return hint(errors.New("refusing to delete: the cluster has no NodeClaim at all, so that every VM looks like an orphan"), "check --context; the controller deletes what has its tags by itself")
	}
	account, err := a.account()
	if err != nil {
		return err
	}
	ids := make([]string, len(doomed))
	for i, l := range doomed {
		ids[i] = l.VM.ID
	}
	switch d.dryRun {
	case "client":
		fmt.Fprintf(a.streams.Out, "would delete %s (dry run)\n", strings.Join(ids, ", "))
		return errFindings
	case "server":
		if err := account.api.TryDeleteVms(ctx, ids); err != nil {
			return fmt.Errorf("outscale would refuse: %w", err)
		}
		fmt.Fprintf(a.streams.Out, "Outscale would delete %s (server dry run)\n", strings.Join(ids, ", "))
		return errFindings
	}
	if err := a.confirmed(ctx, s, doomed, d); err != nil {
		return err
	}
	return a.deleteEach(ctx, s, ids, vm.NewProvider(account.api, s.Cluster.Owned(), vm.Options{}, a.clients.now))
}

// confirmed asks. When most of the fleet would go, the question is the cluster's name, and --yes is no answer.
func (a *app) confirmed(ctx context.Context, s *fleet.Snapshot, doomed []diagnose.Leftover, d deletion) error {
	all := 0
	for _, v := range s.VMs {
		if s.Ours(v) && !v.Gone() {
			all++
		}
	}
	want := "yes"
	if 2*len(doomed) > all {
		want = s.Cluster.Name
	}
	switch {
	case d.yes && want == "yes":
		return nil
	case !(term.TTY{In: a.streams.In}).IsTerminalIn() && !a.clients.answers:
		return hint(fmt.Errorf("refusing to delete %d of %d VMs without a terminal to ask on", len(doomed), all), "--yes, which is enough for at most half of the VMs")
	}
	fmt.Fprintf(a.streams.ErrOut, "Delete %s of cluster %s for good? Type %q: ", render.Count(len(doomed), "VM"), s.Cluster.Name, want)
	answer, err := a.answer(ctx)
	if strings.TrimSpace(answer) != want {
		return errors.Join(errors.New("not confirmed, nothing is deleted"), err)
	}
	return nil
}

// answer reads a line, and does not wait for it after Ctrl-C: a read of a terminal cannot be interrupted.
func (a *app) answer(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(a.streams.In).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case got := <-read:
		return got.text, got.err
	case <-ctx.Done():
		fmt.Fprintln(a.streams.ErrOut)
		return "", ctx.Err()
	}
}

// deleteEach reads everything again before each VM: between the list and the answer a NodeClaim may have adopted it.
func (a *app) deleteEach(ctx context.Context, before *fleet.Snapshot, ids []string, vms *vm.Provider) error {
	again, err := a.snapshot(ctx, fleet.SourceConsoles, fleet.SourceQuotas, fleet.SourceEvents, fleet.SourcePods, fleet.SourceBudgets, fleet.SourceAttachments, fleet.SourcePrices)
	if err != nil {
		return err
	}
	if err := need(again, diagnose.OrphanSources()...); err != nil {
		return err
	}
	if again.Cluster.UID != before.Cluster.UID || len(again.NodeClaims) == 0 {
		return errors.New("the cluster is not the same as a moment ago, nothing is deleted")
	}
	still := map[string]bool{}
	for _, l := range deletable(diagnose.Orphans(again)) {
		still[l.VM.ID] = true
	}
	left := 0
	for _, id := range ids {
		if !still[id] {
			fmt.Fprintf(a.streams.Out, "%s is no orphan any more, left alone\n", id)
			continue
		}
		if err := vms.Delete(ctx, id); err != nil && !errors.Is(err, vm.ErrNotFound) {
			left++
			fmt.Fprintln(a.streams.ErrOut, "error:", err)
			continue
		}
		fmt.Fprintf(a.streams.Out, "%s deleted\n", id)
	}
	if left > 0 {
		return errFindings
	}
	return nil
}
