package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/kubectl/pkg/util/term"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// deleteOrphans deletes after all guards. Any doubt is an error, and nothing is deleted.
func (a *app) deleteOrphans(ctx context.Context, s *snapshot.Snapshot, found []clusterwide.Leftover, d deletion) error {
	doomed := deletable(found)
	switch {
	case a.from != "":
		return usage(hint(errors.New("--delete needs the live cluster: a bundle may be out of date"), "leave --from out"))
	case len(doomed) == 0:
		fmt.Fprintln(a.streams.ErrOut, "nothing to delete: no VM has verdict ORPHAN or UNTAGGED")
		return nil
	case len(s.NodeClaims) == 0:
		return hint(errors.New("refusing to delete: this cluster has no NodeClaims, so every VM would look orphaned"), "wrong --context? The controller deletes what has its tags by itself")
	}
	account, err := a.account()
	if err != nil {
		return noAccount(err)
	}
	ids := make([]string, len(doomed))
	for i, l := range doomed {
		ids[i] = l.VM.ID
	}
	if d.dryRun != dryRunNone {
		return a.tryDeletion(ctx, account, ids, d)
	}
	if err := a.confirmed(ctx, s, doomed, d); err != nil {
		return err
	}
	return a.deleteEach(ctx, s, ids, vm.NewProvider(account.api, s.Cluster.Owned(), vm.Options{}, a.clients.now), d)
}

// tryDeletion says what would be deleted, and how to do it.
func (a *app) tryDeletion(ctx context.Context, account *account, ids []string, d deletion) error {
	if d.dryRun == dryRunServer {
		if err := account.api.TryDeleteVms(ctx, ids); err != nil {
			return fmt.Errorf("outscale would refuse: %w", err)
		}
		fmt.Fprintf(d.log, "Outscale would delete %s (server dry run)\n", strings.Join(ids, ", "))
	} else {
		fmt.Fprintf(d.log, "kpo would delete %s (client dry run)\n", strings.Join(ids, ", "))
	}
	fmt.Fprintln(d.log, "> next  "+d.command("--delete"))
	return errFindings
}

// confirmed asks. When most of the fleet would go, the question is the cluster's name, and --yes is no answer: a wrong
// context or account makes every VM look like an orphan.
func (a *app) confirmed(ctx context.Context, s *snapshot.Snapshot, doomed []clusterwide.Leftover, d deletion) error {
	all := 0
	for _, v := range s.VMs {
		if s.Ours(v) && !v.Gone() {
			all++
		}
	}
	want, ask := "yes", "type yes to confirm: "
	if 2*len(doomed) > all {
		want, ask = s.Cluster.Name, "more than half of the fleet: type the cluster name to confirm: "
		if d.yes {
			ask = "--yes only covers up to half of the fleet, and this is more: type the cluster name to confirm: "
		}
	}
	switch {
	case d.yes && want == "yes":
		return nil
	case !(term.TTY{In: a.streams.In}).IsTerminalIn() && !a.clients.answers:
		remedy := "run it in a terminal, or pass --yes"
		if want != "yes" {
			remedy = "--yes only covers up to half of the fleet; run it in a terminal and type the cluster name"
		}
		return hint(fmt.Errorf("refusing to delete %d of %d VMs without a terminal to ask on", len(doomed), all), remedy)
	}
	where := ""
	if account := s.Access.Account(); account != "" {
		where = " (" + account + ")"
	}
	fmt.Fprintf(a.streams.ErrOut, "Permanently delete %d of %s of cluster %s%s? %s", len(doomed), render.Count(all, "VM"), s.Cluster.Name, where, strings.ToUpper(ask[:1])+ask[1:])
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
func (a *app) deleteEach(ctx context.Context, before *snapshot.Snapshot, ids []string, vms *vm.Provider, d deletion) error {
	again, err := a.snapshot(ctx, snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourceEvents, snapshot.SourcePods, snapshot.SourceBudgets, snapshot.SourceAttachments, snapshot.SourcePrices)
	if err != nil {
		return err
	}
	if err := need(again, clusterwide.OrphanSources()...); err != nil {
		return err
	}
	if again.Cluster.UID != before.Cluster.UID || len(again.NodeClaims) == 0 {
		return errors.New("the cluster is not the same as a moment ago, nothing is deleted")
	}
	still := map[string]bool{}
	for _, l := range deletable(clusterwide.Orphans(again)) {
		still[l.VM.ID] = true
	}
	left := 0
	for _, id := range ids {
		if !still[id] {
			fmt.Fprintf(d.log, "%s is no orphan any more, left alone\n", id)
			continue
		}
		if err := vms.Delete(ctx, id); err != nil && !errors.Is(err, vm.ErrNotFound) {
			left++
			a.tell("error: " + err.Error())
			continue
		}
		fmt.Fprintf(d.log, "%s deleted\n", id)
	}
	if left > 0 {
		return errFindings
	}
	return nil
}
