//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

func TestVMKilledOutsideIsReplaced(t *testing.T) {
	w := start(t, sandbox.Options{NodeGracePeriod: 10 * time.Second, ReadyDelay: unready})
	w.run(2)
	before := w.state()
	victim := before.VMs[0]
	if !w.Region.KillVM(victim.ID) {
		t.Fatalf("VM %s cannot be killed", victim.ID)
	}
	w.await("NodeClaim and Node of the killed VM gone", func(ctx context.Context) error {
		state, err := w.State(ctx)
		if slices.Contains(claimNames(state), victim.Tags[tagNodeClaim]) {
			err = errors.Join(err, fmt.Errorf("NodeClaim %s is there", victim.Tags[tagNodeClaim]))
		}
		for i := range state.Nodes {
			if state.Nodes[i].Name == victim.Tags[tagNodeName] {
				err = errors.Join(err, fmt.Errorf("node %s is there", victim.Tags[tagNodeName]))
			}
		}
		return err
	})
	w.await("the replacement", w.PodsRun(2))
	survivor := before.VMs[1].Tags[tagNodeClaim]
	if names := claimNames(w.state()); !slices.Contains(names, survivor) {
		t.Errorf("NodeClaims %v: %s had done nothing wrong", names, survivor)
	}
	w.oneVMEach()
	w.clear()
}

func TestNodesWaitForTheCloudControllerManager(t *testing.T) {
	w := start(t, sandbox.Options{WithoutCCM: true, ReadyDelay: unready})
	w.scale(2)
	w.await("2 nodes that are not initialized", func(ctx context.Context) error {
		state, err := w.State(ctx)
		waiting := 0
		for i := range state.Nodes {
			if ready(&state.Nodes[i]) && tainted(&state.Nodes[i], "node.cloudprovider.kubernetes.io/uninitialized") {
				waiting++
			}
		}
		if waiting != 2 {
			err = errors.Join(err, fmt.Errorf("%d of %d nodes are ready and uninitialized", waiting, len(state.Nodes)))
		}
		return err
	})
	before := w.state()
	for i := range before.NodeClaims {
		if initialized(&before.NodeClaims[i]) {
			t.Errorf("NodeClaim %s is initialized without a CCM", before.NodeClaims[i].Name)
		}
	}
	w.must(w.StartCCM(t.Context()))
	w.await("2 pods running", w.PodsRun(2))
	after := w.state()
	if !slices.Equal(claimUIDs(before), claimUIDs(after)) {
		t.Errorf("NodeClaims %v, before the CCM came %v", claimUIDs(after), claimUIDs(before))
	}
	w.clear()
}

func ready(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func tainted(node *corev1.Node, key string) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return taint.Key == key })
}
