package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// pollInterval is short compared with every duration that matters and long compared with a list call.
const pollInterval = 200 * time.Millisecond

// State is what the cluster and the region hold.
type State struct {
	NodeClaims []karpv1.NodeClaim
	Nodes      []corev1.Node
	// Pods are those of the example deployment.
	Pods []corev1.Pod
	// VMs are those that are not terminated and were not there from the start.
	VMs []oapitest.VM
}

// State reads the VMs before the NodeClaims, so that a VM without its NodeClaim is not one that was just made.
func (s *Sandbox) State(ctx context.Context) (State, error) {
	var state State
	for _, vm := range s.Region.VMs() {
		if !vm.Fixture && vm.State != "terminated" {
			state.VMs = append(state.VMs, vm)
		}
	}
	var (
		claims karpv1.NodeClaimList
		nodes  corev1.NodeList
		pods   corev1.PodList
	)
	err := errors.Join(
		s.Client.List(ctx, &claims), s.Client.List(ctx, &nodes), s.Client.List(ctx, &pods, client.InNamespace(s.deployment.Namespace)),
	)
	state.NodeClaims, state.Nodes, state.Pods = claims.Items, nodes.Items, pods.Items
	return state, err
}

// Running counts the pods that run.
func (s State) Running() int {
	count := 0
	for i := range s.Pods {
		if s.Pods[i].Status.Phase == corev1.PodRunning && s.Pods[i].DeletionTimestamp == nil {
			count++
		}
	}
	return count
}

// Scale sets the replicas of the example deployment.
func (s *Sandbox) Scale(ctx context.Context, replicas int) error {
	deployment := &appsv1.Deployment{}
	deployment.Namespace, deployment.Name = s.deployment.Namespace, s.deployment.Name
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if err := s.Client.Patch(ctx, deployment, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("scaling %s to %d: %w", s.deployment, replicas, err)
	}
	return nil
}

// WaitFor polls until the check holds. It gives up when the time is over, with the check's last complaint, or when
// anything fails that the check cannot see.
func (s *Sandbox) WaitFor(ctx context.Context, what string, within time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s", within))
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var complaint error
	for {
		if err := check(ctx); err == nil {
			return nil
		} else if ctx.Err() == nil {
			complaint = err
		}
		if err := s.Failure(); err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w: %w", what, context.Cause(ctx), complaint)
		case <-ticker.C:
		}
	}
}

// PodsRun checks that so many pods run, that every NodeClaim is initialized and that each has exactly one VM.
func (s *Sandbox) PodsRun(replicas int) func(context.Context) error {
	return func(ctx context.Context) error {
		state, err := s.State(ctx)
		if err != nil {
			return err
		}
		if running := state.Running(); running != replicas || len(state.Pods) != replicas {
			return fmt.Errorf("%d of %d pods run, %d exist", running, replicas, len(state.Pods))
		}
		return state.consistent()
	}
}

// consistent holds when VMs and NodeClaims are one to one and the nodes of all are initialized.
func (s State) consistent() error {
	owned := map[string]int{}
	for _, vm := range s.VMs {
		owned[vm.Tags["karpenter.sh/nodeclaim"]]++
	}
	for i := range s.NodeClaims {
		claim := &s.NodeClaims[i]
		if !claim.StatusConditions().Get(karpv1.ConditionTypeInitialized).IsTrue() {
			return fmt.Errorf("NodeClaim %s is not initialized", claim.Name)
		}
		if owned[claim.Name] != 1 {
			return fmt.Errorf("NodeClaim %s has %d VMs", claim.Name, owned[claim.Name])
		}
	}
	if len(s.VMs) != len(s.NodeClaims) {
		return fmt.Errorf("%d VMs for %d NodeClaims", len(s.VMs), len(s.NodeClaims))
	}
	return nil
}

// NothingLeft checks that no pod, NodeClaim, Node or VM is left.
func (s *Sandbox) NothingLeft(ctx context.Context) error {
	state, err := s.State(ctx)
	if err != nil {
		return err
	}
	if len(state.Pods)+len(state.NodeClaims)+len(state.Nodes)+len(state.VMs) > 0 {
		return fmt.Errorf("left: %d pods, %d NodeClaims, %d Nodes, %d VMs", len(state.Pods), len(state.NodeClaims), len(state.Nodes), len(state.VMs))
	}
	return nil
}

// ProviderCalls are the calls of the Outscale API that the controller made.
func (s *Sandbox) ProviderCalls() []oapitest.APICall {
	return slices.DeleteFunc(s.Region.APILog(), func(call oapitest.APICall) bool {
		return len(call.UserAgent) < len(providerAgent) || call.UserAgent[:len(providerAgent)] != providerAgent
	})
}

const providerAgent = "karpenter-provider-outscale/"
