package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

// startEvents makes the recorders of the CCM's two controllers, by the names that their events carry (k8s.io/cloud-provider
// controllers/node and controllers/nodelifecycle).
func (c *ccm) startEvents() (stop func()) {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: c.kube.CoreV1().Events("")})
	c.initialiser = broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "cloud-node-controller"})
	c.lifecycle = broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "cloud-node-lifecycle-controller"})
	return broadcaster.Shutdown
}

// updateAddresses reads the VM of each initialised node, once per period and first at the start: one call for each node
// (k8s.io/cloud-provider controllers/node, UpdateNodeStatus).
func (c *ccm) updateAddresses(ctx context.Context) {
	for {
		for _, object := range c.nodes.List() {
			node, ok := object.(*corev1.Node)
			if !ok || ctx.Err() != nil {
				return
			}
			if uninitialised(node) {
				continue
			}
			if err := c.updateNode(ctx, node); err != nil {
				c.Log.Info("could not update node", "node", node.Name, "error", err)
			}
		}
		if !c.wait(ctx, c.UpdatePeriod) {
			return
		}
	}
}

// updateNode leaves a node alone whose VM has no address.
func (c *ccm) updateNode(ctx context.Context, node *corev1.Node) error {
	vm, err := c.cloud.find(ctx, node)
	if err != nil {
		return err
	}
	if vm == nil {
		return errInstanceNotFound
	}
	found := addresses(vm)
	if err := checkNodeIP(node, vm); err != nil || len(found) == 0 || slices.Equal(found, node.Status.Addresses) {
		return err
	}
	return c.writeAddresses(ctx, node, found)
}

// writeAddresses replaces the list as a whole: addresses of the kubelet that the cloud does not know go away.
func (c *ccm) writeAddresses(ctx context.Context, node *corev1.Node, found []corev1.NodeAddress) error {
	op := "replace"
	if len(node.Status.Addresses) == 0 {
		op = "add"
	}
	patch, err := json.Marshal([]map[string]any{{"op": op, "path": "/status/addresses", "value": found}})
	if err != nil {
		return err
	}
	_, err = c.kube.CoreV1().Nodes().Patch(ctx, node.Name, types.JSONPatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("updating node addresses: %w", err)
	}
	return nil
}

// collectGarbage looks for security groups of load balancers that are gone, and finds none: the emulated region has no
// load balancers (cloud-provider-osc ccm/provider.go and ccm/cloud/loadbalancer.go, RunGarbageCollector).
func (c *ccm) collectGarbage(ctx context.Context) {
	for c.wait(ctx, c.CollectPeriod) {
		if err := c.cloud.readSecurityGroups(ctx); err != nil {
			c.Log.Info("could not collect garbage", "error", err)
		}
	}
}

func (c *cloud) readSecurityGroups(ctx context.Context) error {
	if err := c.limiter.Wait(ctx); err != nil {
		return err
	}
	signed := context.WithValue(ctx, osc.ContextAWSv4, c.keys)
	filters := osc.FiltersSecurityGroup{TagKeys: &[]string{tagClusterID + c.clusterID}}
	_, raw, err := c.api.SecurityGroupApi.ReadSecurityGroups(signed).
		ReadSecurityGroupsRequest(osc.ReadSecurityGroupsRequest{Filters: &filters}).Execute()
	if raw != nil {
		defer raw.Body.Close() //nolint:errcheck // read to its end by the SDK
	}
	if err != nil {
		return fmt.Errorf("reading security groups: %w", err)
	}
	return nil
}
