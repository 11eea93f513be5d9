package machines

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	cloudproviderapi "k8s.io/cloud-provider/api"
)

// errInstanceNotFound is the CCM's word for a node without a VM.
var errInstanceNotFound = errors.New("instance not found")

// initialiseNode gives a node what its VM says and takes the uninitialized taint away.
func (c *ccm) initialiseNode(ctx context.Context, name string) error {
	node, err := c.kube.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("getting node: %w", err)
	}
	if !uninitialised(node) {
		return nil
	}
	vm, err := c.cloud.find(ctx, node)
	if err != nil {
		return err
	}
	if vm == nil {
		return errInstanceNotFound
	}
	if err := checkNodeIP(node, vm); err != nil {
		return err
	}
	if err := c.writeNode(ctx, name, vm); err != nil {
		return err
	}
	c.initialiser.Event(node, corev1.EventTypeNormal, "Synced", "Node synced successfully")
	c.Log.Info("initialised node", "node", name, "vm-id", vm.GetVmId(), "instance-type", vm.GetVmType(), "subregion", vm.Placement.GetSubregionName())
	return nil
}

// checkNodeIP is why a node whose kubelet chose an address that the cloud does not know is never initialised.
func checkNodeIP(node *corev1.Node, vm *osc.Vm) error {
	provided, ok := node.Annotations[cloudproviderapi.AnnotationAlphaProvidedIPAddr]
	if !ok || slices.ContainsFunc(addresses(vm), func(a corev1.NodeAddress) bool { return a.Address == provided }) {
		return nil
	}
	return fmt.Errorf("failed to get node address from cloud provider that matches ip: %s", provided)
}

func (c *ccm) writeNode(ctx context.Context, name string, vm *osc.Vm) error {
	var updated *corev1.Node
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node, err := c.kube.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if node.Spec.ProviderID == "" {
			node.Spec.ProviderID = providerID(vm)
		}
		maps.Copy(node.Labels, labels(vm))
		node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool {
			return t.Key == cloudproviderapi.TaintExternalCloudProvider
		})
		updated, err = c.kube.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("updating node: %w", err)
	}
	return c.writeAddresses(ctx, updated, addresses(vm))
}

// judge deletes a node that is not Ready and has no VM, and taints one whose VM is shut down.
func (c *ccm) judge(ctx context.Context, node *corev1.Node) error {
	if isReady(node) {
		return c.setShutdownTaint(ctx, node, nil)
	}
	vm, err := c.cloud.find(ctx, node)
	if err != nil {
		return err
	}
	if vm == nil {
		return c.deleteNode(ctx, node)
	}
	// The real CCM asks twice, once for each question.
	vm, err = c.cloud.find(ctx, node)
	if err != nil || vm == nil || vm.GetState() != "stopped" {
		return err
	}
	return c.setShutdownTaint(ctx, node, &corev1.Taint{Key: cloudproviderapi.TaintNodeShutdown, Effect: corev1.TaintEffectNoSchedule})
}

// deleteNode announces the deletion before it makes it (k8s.io/cloud-provider controllers/nodelifecycle, MonitorNodes).
func (c *ccm) deleteNode(ctx context.Context, node *corev1.Node) error {
	ref := &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}
	c.lifecycle.Eventf(ref, corev1.EventTypeNormal, "DeletingNode",
		"Deleting node %s because it does not exist in the cloud provider", node.Name)
	if err := c.kube.CoreV1().Nodes().Delete(ctx, node.Name, metav1.DeleteOptions{}); err != nil {
		c.lifecycle.Eventf(ref, corev1.EventTypeWarning, "DeletingNodeFailed", "Failed deleting node %s: %v", node.Name, err)
		return fmt.Errorf("deleting node: %w", err)
	}
	c.Log.Info("deleted node that has no VM", "node", node.Name, "provider-id", node.Spec.ProviderID)
	return nil
}

// setShutdownTaint makes taint the only shutdown taint of a node; nil removes it.
func (c *ccm) setShutdownTaint(ctx context.Context, node *corev1.Node, taint *corev1.Taint) error {
	isShutdown := func(t corev1.Taint) bool { return t.Key == cloudproviderapi.TaintNodeShutdown }
	if slices.ContainsFunc(node.Spec.Taints, isShutdown) == (taint != nil) {
		return nil
	}
	changed := node.DeepCopy()
	changed.Spec.Taints = slices.DeleteFunc(changed.Spec.Taints, isShutdown)
	if taint != nil {
		changed.Spec.Taints = append(changed.Spec.Taints, *taint)
	}
	if _, err := c.kube.CoreV1().Nodes().Update(ctx, changed, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("updating the shutdown taint: %w", err)
	}
	c.Log.Info("changed shutdown taint of node", "node", node.Name, "shut-down", taint != nil)
	return nil
}

func isReady(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
