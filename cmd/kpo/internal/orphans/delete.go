package orphans

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/kubectl/pkg/util/term"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// deleteOrphans deletes after all guards. Any doubt is an error, and nothing is deleted.
func (c *command) deleteOrphans(ctx context.Context, s *snapshot.Snapshot, found []clusterwide.Leftover) error {
	doomed := deletable(found)
	switch {
	case c.From != "":
		return cli.Usage(cli.Hint(errors.New("--delete needs the live cluster: a bundle may be out of date"), "leave --from out"))
	case len(doomed) == 0:
		fmt.Fprintln(c.Streams.ErrOut, "nothing to delete: no VM has verdict ORPHAN or UNTAGGED")
		return nil
	case len(s.NodeClaims) == 0:
		return cli.Hint(errors.New("refusing to delete: this cluster has no NodeClaims, so every VM would look orphaned"), "wrong --context? The controller deletes what has its tags by itself")
	}
	account, err := c.Account()
	if err != nil {
		return unread.NoAccount(err)
	}
	ids := make([]string, len(doomed))
	for i, l := range doomed {
		ids[i] = l.VM.ID
	}
	if c.dryRun != dryRunNone {
		return c.tryDeletion(ctx, account, ids)
	}
	if err := c.confirmed(ctx, s, doomed); err != nil {
		return err
	}
	return c.deleteEach(ctx, s, ids, vm.NewProvider(account.API, s.Cluster.Owned(), vm.Options{}, c.Clients.Now))
}

// tryDeletion says what would be deleted, and how to do it.
func (c *command) tryDeletion(ctx context.Context, account *session.Account, ids []string) error {
	if c.dryRun == dryRunServer {
		if err := account.API.TryDeleteVms(ctx, ids); err != nil {
			return fmt.Errorf("outscale would refuse: %w", err)
		}
		fmt.Fprintf(c.log, "Outscale would delete %s (server dry run)\n", strings.Join(ids, ", "))
	} else {
		fmt.Fprintf(c.log, "kpo would delete %s (client dry run)\n", strings.Join(ids, ", "))
	}
	fmt.Fprintln(c.log, "> next  "+c.command("--delete"))
	return cli.ErrFindings
}

// confirmed asks. When most of the fleet would go, the question is the cluster's name, and --yes is no answer: a wrong
// context or account makes every VM look like an orphan.
func (c *command) confirmed(ctx context.Context, s *snapshot.Snapshot, doomed []clusterwide.Leftover) error {
	all := 0
	for _, v := range s.VMs {
		if s.Ours(v) && !v.Gone() {
			all++
		}
	}
	want, ask := "yes", "type yes to confirm: "
	if 2*len(doomed) > all {
		want, ask = s.Cluster.Name, "more than half of the fleet: type the cluster name to confirm: "
		if c.yes {
			ask = "--yes only covers up to half of the fleet, and this is more: type the cluster name to confirm: "
		}
	}
	switch {
	case c.yes && want == "yes":
		return nil
	case !(term.TTY{In: c.Streams.In}).IsTerminalIn() && !c.Clients.Answers:
		remedy := "run it in a terminal, or pass --yes"
		if want != "yes" {
			remedy = "--yes only covers up to half of the fleet; run it in a terminal and type the cluster name"
		}
		return cli.Hint(fmt.Errorf("refusing to delete %d of %d VMs without a terminal to ask on", len(doomed), all), remedy)
	}
	where := ""
	if account := s.Access.Account(); account != "" {
		where = " (" + account + ")"
	}
	fmt.Fprintf(c.Streams.ErrOut, "Permanently delete %d of %s of cluster %s%s? %s", len(doomed), render.Count(all, "VM"), s.Cluster.Name, where, strings.ToUpper(ask[:1])+ask[1:])
	answer, err := c.answer(ctx)
	if strings.TrimSpace(answer) != want {
		return errors.Join(errors.New("not confirmed, nothing is deleted"), err)
	}
	return nil
}

// answer reads a line, and does not wait for it after Ctrl-C: a read of a terminal cannot be interrupted.
func (c *command) answer(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(c.Streams.In).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case got := <-read:
		return got.text, got.err
	case <-ctx.Done():
		fmt.Fprintln(c.Streams.ErrOut)
		return "", ctx.Err()
	}
}

// deleteEach reads everything again before each VM: between the list and the answer a NodeClaim may have adopted it.
func (c *command) deleteEach(ctx context.Context, before *snapshot.Snapshot, ids []string, vms *vm.Provider) error {
	again, err := c.Snapshot(ctx, clusterwide.OrphanSources()...)
	if err != nil {
		return err
	}
	if err := unread.Need(again, clusterwide.OrphanSources()...); err != nil {
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
			fmt.Fprintf(c.log, "%s is no orphan any more, left alone\n", id)
			continue
		}
		if err := vms.Delete(ctx, id); err != nil && !errors.Is(err, vm.ErrNotFound) {
			left++
			c.Tell("error: " + err.Error())
			continue
		}
		fmt.Fprintf(c.log, "%s deleted\n", id)
	}
	if left > 0 {
		return cli.ErrFindings
	}
	return nil
}
