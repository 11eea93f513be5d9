package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// completionTime is how long a shell waits for names.
const completionTime = 2 * time.Second

// shim lets kubectl (1.26 and later) complete "kubectl kpo".
const shim = `#!/bin/sh
# Put this file as kubectl_complete-kpo, executable, into a directory of PATH.
exec kubectl kpo __complete "$@"
`

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", GroupID: groupSupport, Short: "Print the completion for bash, zsh, fish, powershell, or kubectl itself",
		Long: "Print the completion for a shell, or with kubectl the file kubectl_complete-kpo that completes \"kubectl kpo\".",
		Example: "  kubectl kpo completion kubectl > /usr/local/bin/kubectl_complete-kpo && chmod +x /usr/local/bin/kubectl_complete-kpo\n" +
			"  source <(kubectl-kpo completion bash)",
		ValidArgs: shells(),
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oneArg("a shell", "one of "+strings.Join(shells(), ", "))(cmd, args); err != nil {
				return err
			}
			if !slices.Contains(shells(), args[0]) {
				return hint(fmt.Errorf("no completion for shell %q", args[0]), "one of "+strings.Join(shells(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeCompletion(cmd.Root(), a.streams.Out, args[0])
		},
	}
}

// shells are those with a completion; kubectl is none, and completes its plugins.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell", "kubectl"} }

func writeCompletion(root *cobra.Command, to io.Writer, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(to, true)
	case "zsh":
		return root.GenZshCompletion(to)
	case "fish":
		return root.GenFishCompletion(to, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(to)
	default:
		_, err := fmt.Fprint(to, shim)
		return err
	}
}

// completeTargets offers NodeClaims and Nodes, those in trouble first. It asks the cluster that the flags name, and
// only now: when the root was built, they were not parsed yet.
func (a *app) completeTargets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	s, err := a.names(ctx)
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
func (a *app) names(ctx context.Context) (*snapshot.Snapshot, error) {
	if a.from != "" {
		if a.from == standardStream {
			return nil, errors.New("stdin is not for the shell to read")
		}
		return a.load()
	}
	kube, err := a.clients.kube(a.kube)
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
