package targets

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// completionTime is how long a shell waits for names.
const completionTime = 2 * time.Second

// Complete offers NodeClaims and Nodes, those in trouble first. It asks the cluster that the flags name, and
// only now: when the root was built, they were not parsed yet.
func Complete(a *session.Session) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return complete(cmd.Context(), a, args)
	}
}

func complete(ctx context.Context, a *session.Session, args []string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	s, err := names(ctx, a)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	machines := s.Machines()
	slices.SortStableFunc(machines, func(x, y snapshot.Machine) int { return cmp.Compare(rank(x), rank(y)) })
	var out []string
	for _, m := range machines {
		if m.Claim != nil && !slices.Contains(args, m.Claim.Name) {
			out = append(out, m.Claim.Name+"\tNodeClaim, "+strings.TrimPrefix(string(m.Phase()), "-"))
		}
		if m.Node != nil && (m.Claim == nil || m.Node.Name != m.Claim.Name) && !slices.Contains(args, m.Node.Name) {
			out = append(out, m.Node.Name+"\tNode, Ready "+string(snapshot.Ready(m.Node).Status))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// rank puts machines that run behind those that do not.
func rank(m snapshot.Machine) int {
	if m.Phase() == snapshot.PhaseRunning && snapshot.Ready(m.Node).Status == corev1.ConditionTrue {
		return 1
	}
	return 0
}

// names reads as little as completion needs.
func names(ctx context.Context, a *session.Session) (*snapshot.Snapshot, error) {
	if a.From != "" {
		if a.From == session.StandardStream {
			return nil, errors.New("stdin is not for the shell to read")
		}
		return a.Load()
	}
	kube, err := a.Kube()
	if err != nil {
		return nil, err
	}
	var claims karpv1.NodeClaimList
	if err := kube.List(ctx, &claims); err != nil {
		return nil, err
	}
	var nodes corev1.NodeList
	if err := kube.List(ctx, &nodes, client.HasLabels{karpv1.NodePoolLabelKey}); err != nil {
		return nil, err
	}
	return &snapshot.Snapshot{NodeClaims: claims.Items, Nodes: nodes.Items}, nil
}
