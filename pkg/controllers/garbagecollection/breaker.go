package garbagecollection

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// allowed is how many of the leaked VMs may be deleted in this sweep. More than a few may be a fleet whose NodeClaims the
// API server lost or does not show, so that they need a second proof: that none of them is a Node.
func (c *Controller) allowed(ctx context.Context, leaked []vm.VM, fleet int) (int, error) {
	limit := max(1, fleet/10)
	if len(leaked) <= limit {
		return limit, nil
	}
	var nodes corev1.NodeList
	if err := c.uncached.List(ctx, &nodes); err != nil {
		return 0, fmt.Errorf("looking for Nodes of leaked VMs: listing Nodes: %w", err)
	}
	switch alive := nodesOf(leaked, nodes.Items); {
	case len(nodes.Items) == 0: // the cluster has at least the Node that this controller runs on
		c.refuse(ctx, leaked, nil, "the API server lists no Node at all")
	case len(alive) > 0:
		c.refuse(ctx, leaked, alive, fmt.Sprintf("%d Nodes are among them", len(alive)))
	default:
		return limit, nil
	}
	return 0, nil
}

// nodesOf returns the Nodes that name one of the VMs, by provider ID or by the name in its tags. A Node that Karpenter has
// not registered is none of them: no pod runs on it. Such Nodes come from launches whose answer was lost and whose NodeClaim
// was given up, and would keep their VMs otherwise.
func nodesOf(vms []vm.VM, all []corev1.Node) []corev1.Node {
	wanted, named := map[string]bool{}, map[string]bool{}
	for _, v := range vms {
		wanted[v.ID] = true
		if name := v.Tags[vm.TagNodeName]; name != "" {
			named[name] = true
		}
	}
	var out []corev1.Node
	for _, node := range all {
		id, err := utils.ParseProviderID(node.Spec.ProviderID)
		if !owner.IsRegistered(&node) {
			continue
		}
		if named[node.Name] || err == nil && wanted[id] {
			out = append(out, node)
		}
	}
	return out
}

// refuse raises the alarm, at a Node that is in doubt or, without one, at the namespace whose UID is the cluster's.
func (c *Controller) refuse(ctx context.Context, leaked []vm.VM, nodes []corev1.Node, why string) {
	refusals.Inc()
	names := make([]string, len(nodes))
	for i, node := range nodes {
		names[i] = node.Name
	}
	var object client.Object = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceSystem}}
	if len(nodes) > 0 {
		object = &nodes[0]
	}
	c.ledger.Record(ctx, ledger.Decision{
		Reason: ledger.GarbageCollectionRefused, Object: object, Alarm: true,
		Message: "many VMs have no NodeClaim, and may be Nodes all the same: none is deleted, look at them",
		With:    []any{"leaked", ids(leaked), "nodes", names, "why", why},
		Event:   fmt.Sprintf("%d VMs have no NodeClaim, and %s: none is deleted (%s)", len(leaked), why, strings.Join(firstIDs(leaked), ", ")),
		// One event, however the list changes from sweep to sweep.
		Fleetwide: true,
	})
}

// firstIDs are as many IDs as an event has room for.
func firstIDs(vms []vm.VM) []string {
	const most = 10
	if len(vms) <= most {
		return ids(vms)
	}
	return append(ids(vms[:most]), "and more")
}
